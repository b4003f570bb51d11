//! The facts of a ledger in words: in the history and in the file of it.

use std::collections::HashMap;

use kontor_domain::{Money, payment::grant_id};
use kontor_projections::{PageRequest, credits::HistoryRow, payments, products};
use uuid::Uuid;

use super::words;
use crate::{
    format,
    texts::{Voice, say},
    turn::{Turn, TurnError},
};

/// The most pages of payments that are read: a purchase before those is told without its name.
const PAYMENT_PAGES_MAX: usize = 5;

/// What a customer bought, by the grant or pass that they got for it.
pub(super) struct Purchases(HashMap<Uuid, Purchase>);

/// A purchase: what it is called today, and what was paid for it.
struct Purchase {
    /// None when the product is not known any more.
    product: Option<String>,
    price: Money,
}

/// Whether a customer is told of it: a warning and a day of a pass that was earned move nothing that
/// they have.
pub(super) fn is_told(fact: &HistoryRow) -> bool {
    !matches!(fact.kind.as_str(), "low" | "pass_recognised")
}

impl Purchases {
    pub(super) async fn load(turn: &Turn) -> Result<Self, TurnError> {
        let (pool, tenant) = (&turn.ports.pool, &turn.ports.tenant);
        let products = products::catalogue(pool, tenant).await?;
        let language = turn.voice.language();
        let names: HashMap<Uuid, String> =
            products.iter().map(|row| (row.product_id, row.name(language).to_owned())).collect();
        let mut purchases = HashMap::new();
        let mut page = PageRequest::first(PageRequest::LIMIT_MAX);
        for _ in 0..PAYMENT_PAGES_MAX {
            let found = payments::list(pool, tenant, Some(turn.account_id()), &page).await?;
            for payment in found.items {
                let product = names.get(&payment.product.product_id).cloned();
                let purchase = Purchase { product, price: payment.price };
                purchases.insert(grant_id(payment.id), purchase);
            }
            match found.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        Ok(Self(purchases))
    }

    /// A fact in words. A kind of a newer version is told by its figures alone.
    pub(super) fn what(&self, voice: Voice, fact: &HistoryRow) -> String {
        let credits = signed(voice, fact.credits);
        let messages = words::messages(voice, fact.messages);
        match fact.kind.as_str() {
            "opened" => say!(voice, "fact-opened"),
            "granted" => match self.bought(voice, fact) {
                Some(bought) => say!(voice, "fact-bought", bought = bought, credits = credits),
                None => say!(voice, "fact-granted", credits = credits),
            },
            "pass_granted" => self.bought(voice, fact).unwrap_or_else(|| say!(voice, "fact-pass")),
            "spent" if fact.credits == 0 => say!(voice, "fact-free", messages = messages),
            "spent" => say!(voice, "fact-spent", messages = messages, credits = credits),
            "held" => say!(voice, "fact-held", credits = credits),
            "hold_captured" => say!(voice, "fact-captured", messages = messages),
            "hold_released" | "spend_reversed" | "refund_returned" => {
                say!(voice, "fact-returned", credits = credits)
            }
            "grant_expired" => say!(voice, "fact-expired", credits = credits),
            "part_refunded" if fact.credits == 0 => say!(voice, "fact-part-returned"),
            "part_refunded" => say!(voice, "fact-part-refunded", credits = credits),
            "grant_refunded" | "pass_refunded" => say!(voice, "fact-refunded", credits = credits),
            "grant_revoked" => say!(voice, "fact-revoked", credits = credits),
            "dispute_opened" => say!(voice, "fact-disputed"),
            "dispute_closed" => say!(voice, "fact-settled", credits = credits),
            "debt_covered" => say!(voice, "fact-debt", credits = credits),
            "debt_written_off" => say!(voice, "fact-forgiven"),
            "reset_begun" => say!(voice, "fact-reset"),
            _ => credits,
        }
    }

    /// What was bought, and for how much; none for what was given.
    fn bought(&self, voice: Voice, fact: &HistoryRow) -> Option<String> {
        let purchase = self.0.get(&fact.subject_id?)?;
        let price = format::money(voice.language(), purchase.price);
        Some(match &purchase.product {
            Some(product) => {
                say!(voice, "bought-product", product = product.clone(), price = price)
            }
            None => say!(voice, "bought", price = price),
        })
    }
}

/// A number of credits with its sign.
fn signed(voice: Voice, credits: i64) -> String {
    let sign = if credits > 0 { "+" } else { "" };
    format!("{sign}{}", words::credits(voice, credits))
}
