//! What a product is: its name, what it gives, how it is sold and for how much.

use std::{collections::BTreeSet, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

use super::ProductRefusal;
use crate::{Currency, Language, Money, credit_ledger::PassPeriod, values::plain_text};

/// A product's name in each language that Kontor speaks.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProductName {
    /// In Russian.
    pub ru: String,
    /// In English.
    pub en: String,
}

impl ProductName {
    /// The longest name in characters: it stands on a button and on an invoice.
    pub const LENGTH_MAX: usize = 64;

    /// The name in one language.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::Ru => &self.ru,
            Language::En => &self.en,
        }
    }
}

/// What a customer gets for the price.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gives {
    /// So many credits.
    Credits(i64),
    /// Messages without credits for a time.
    Pass(PassPeriod),
}

impl Gives {
    /// How many credits a product may give: as many as a grant.
    pub const CREDITS: RangeInclusive<i64> = 1..=1_000_000;
}

/// How a product may be sold. Telegram demands that what is used inside of it is paid in its Stars;
/// which kind a product is the staff decides, and answers for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProductKind {
    /// Sold for Telegram Stars in the chat.
    Digital,
    /// Sold by Stripe or YooKassa.
    RealWorld,
}

/// Everything about a product but whether it is on sale.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ProductTerms {
    /// What it is called.
    pub name: ProductName,
    /// What it gives.
    pub gives: Gives,
    /// How it may be sold.
    pub kind: ProductKind,
    /// What it costs, once in each currency, by the currency's code.
    pub prices: Vec<Money>,
    /// Its place in lists, lowest first.
    pub ordinal: i64,
}

impl ProductTerms {
    /// What a price may be, in minor units: as much as the ledger books.
    pub const PRICE_MINOR: RangeInclusive<i64> = 1..=100_000_000_000;
    /// How many prices a product may have: more currencies than one business takes.
    pub const PRICES_MAX: usize = 10;
    /// The places in lists.
    pub const ORDINALS: RangeInclusive<i64> = 0..=9999;

    /// What it costs in a currency.
    pub fn price_in(&self, currency: Currency) -> Option<Money> {
        self.prices.iter().find(|price| price.currency == currency).copied()
    }

    /// The same terms with tidy names and prices in order, or the first field that is wrong.
    pub(super) fn checked(mut self) -> Result<Self, ProductRefusal> {
        self.name = ProductName {
            ru: checked_name("name.ru", &self.name.ru)?,
            en: checked_name("name.en", &self.name.en)?,
        };
        match self.gives {
            Gives::Credits(credits) if !Gives::CREDITS.contains(&credits) => {
                return Err(out_of_range("gives.credits", "a number of credits from 1 to 1000000"));
            }
            Gives::Credits(_) | Gives::Pass(_) => {}
        }
        if !Self::ORDINALS.contains(&self.ordinal) {
            return Err(out_of_range("ordinal", "a number from 0 to 9999"));
        }
        check_prices(&self.prices)?;
        // One order, so that the same prices in another order change nothing.
        self.prices.sort_by_key(|price| price.currency);
        if self.kind == ProductKind::RealWorld && self.prices.iter().any(is_stars) {
            return Err(ProductRefusal::StarsForRealWorld);
        }
        Ok(self)
    }

    /// Refuses to sell what nobody could pay for.
    pub(super) fn check_for_sale(&self) -> Result<(), ProductRefusal> {
        match self.kind {
            ProductKind::Digital if !self.prices.iter().any(is_stars) => {
                Err(ProductRefusal::StarsPriceMissing)
            }
            // Its prices hold no Stars, so each of them is in money.
            ProductKind::RealWorld if self.prices.is_empty() => {
                Err(ProductRefusal::MoneyPriceMissing)
            }
            ProductKind::Digital | ProductKind::RealWorld => Ok(()),
        }
    }
}

fn is_stars(price: &Money) -> bool {
    price.currency.is_stars()
}

fn checked_name(field: &str, text: &str) -> Result<String, ProductRefusal> {
    plain_text(text, 1..=ProductName::LENGTH_MAX).ok_or_else(|| {
        out_of_range(
            field,
            "a text of 1 to 64 characters without line breaks or control characters",
        )
    })
}

fn check_prices(prices: &[Money]) -> Result<(), ProductRefusal> {
    if prices.len() > ProductTerms::PRICES_MAX {
        return Err(out_of_range("prices", "at most 10 prices"));
    }
    let mut currencies = BTreeSet::new();
    for (number, price) in prices.iter().enumerate() {
        if !ProductTerms::PRICE_MINOR.contains(&price.amount_minor) {
            let field = format!("prices.{number}.amount_minor");
            return Err(out_of_range(&field, "whole minor units from 1 to 100000000000"));
        }
        if !currencies.insert(price.currency) {
            let field = format!("prices.{number}.currency");
            return Err(out_of_range(&field, "a currency that no other price has"));
        }
    }
    Ok(())
}

fn out_of_range(field: &str, expected: &str) -> ProductRefusal {
    ProductRefusal::FieldOutOfRange { field: field.to_owned(), expected: expected.to_owned() }
}
