//! The form of a product: from the row to its fields, and from what a person typed to a command, with
//! each mistake beside its field.

use std::collections::HashMap;

use kontor_domain::{
    Currency, Money, RefusalDocument,
    credit_ledger::PassPeriod,
    product::{Change, Create, Gives, ProductKind, ProductName},
};
use kontor_projections::products::ProductRow;

/// The currencies that every form offers, besides those that the product has a price in already.
const OFFERED: [&str; 4] = ["XTR", "RUB", "USD", "EUR"];

/// A field with what stands in it and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Field {
    pub(super) value: String,
    pub(super) error: Option<String>,
}

/// The price in one currency.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PriceField {
    pub(super) currency: Currency,
    pub(super) field: Field,
}

/// All fields of a product.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ProductForm {
    pub(super) name_ru: Field,
    pub(super) name_en: Field,
    /// `credits`, `day`, `week` or `month`.
    pub(super) gives: Field,
    pub(super) credits: Field,
    /// `digital` or `real_world`.
    pub(super) kind: Field,
    pub(super) prices: Vec<PriceField>,
    pub(super) ordinal: Field,
    /// What is wrong with the whole.
    pub(super) error: Option<String>,
}

impl ProductForm {
    /// A form for a new product.
    pub(super) fn blank() -> Self {
        let of = |value: &str| Field { value: value.to_owned(), error: None };
        Self {
            name_ru: Field::default(),
            name_en: Field::default(),
            gives: of("credits"),
            credits: Field::default(),
            kind: of("digital"),
            prices: offered(&[]),
            ordinal: of("0"),
            error: None,
        }
    }

    /// The form of a product as it is.
    pub(super) fn of(row: &ProductRow) -> Self {
        let of = |value: String| Field { value, error: None };
        let (gives, credits) = match row.gives() {
            Gives::Credits(credits) => ("credits", credits.to_string()),
            Gives::Pass(PassPeriod::Day) => ("day", String::new()),
            Gives::Pass(PassPeriod::Week) => ("week", String::new()),
            Gives::Pass(PassPeriod::Month) => ("month", String::new()),
        };
        let kind = match row.kind {
            ProductKind::Digital => "digital",
            ProductKind::RealWorld => "real_world",
        };
        Self {
            name_ru: of(row.name_ru.clone()),
            name_en: of(row.name_en.clone()),
            gives: of(gives.to_owned()),
            credits: of(credits),
            kind: of(kind.to_owned()),
            prices: offered(&row.prices),
            ordinal: of(row.ordinal.to_string()),
            error: None,
        }
    }

    /// What a person sent.
    pub(super) fn sent(fields: &HashMap<String, String>) -> Self {
        let of = |name: &str| {
            let value = fields.get(name).map(|text| text.trim().to_owned()).unwrap_or_default();
            Field { value, error: None }
        };
        let prices = Currency::all().filter_map(|currency| {
            let name = format!("price_{currency}");
            fields.contains_key(&name).then(|| PriceField { currency, field: of(&name) })
        });
        let mut prices: Vec<PriceField> = prices.collect();
        prices.sort_by_key(|price| place(price.currency));
        Self {
            name_ru: of("name_ru"),
            name_en: of("name_en"),
            gives: of("gives"),
            credits: of("credits"),
            kind: of("kind"),
            prices,
            ordinal: of("ordinal"),
            error: None,
        }
    }

    /// The command that makes this product; none when a field cannot be read, which says so then.
    pub(super) fn read(&mut self) -> Option<Create> {
        let mut is_named = true;
        for name in [&mut self.name_en, &mut self.name_ru] {
            if name.value.is_empty() {
                name.error = Some("Give it a name of 1 to 64 characters.".to_owned());
                is_named = false;
            }
        }
        let gives = self.read_gives();
        let kind = match self.kind.value.as_str() {
            "digital" => Some(ProductKind::Digital),
            "real_world" => Some(ProductKind::RealWorld),
            _ => self.kind.wrong("Choose one of the two."),
        };
        let ordinal = match self.ordinal.value.parse() {
            Ok(ordinal) => Some(ordinal),
            Err(_) => self.ordinal.wrong("Give a whole number from 0 to 9999."),
        };
        let mut prices = Some(Vec::new());
        for price in &mut self.prices {
            if price.field.value.is_empty() {
                continue;
            }
            match (minor_of(&price.field.value, price.currency.minor_digits()), &mut prices) {
                (Some(minor), Some(prices)) => prices.push(Money::new(minor, price.currency)),
                (Some(_), None) => {}
                (None, _) => {
                    prices = price.field.wrong(&expected_price(price.currency));
                }
            }
        }
        let name = ProductName { ru: self.name_ru.value.clone(), en: self.name_en.value.clone() };
        let wanted =
            Create { name, gives: gives?, kind: kind?, prices: prices?, ordinal: ordinal? };
        is_named.then_some(wanted)
    }

    fn read_gives(&mut self) -> Option<Gives> {
        match self.gives.value.as_str() {
            "credits" => match digits_of(&self.credits.value).and_then(|text| text.parse().ok()) {
                Some(credits) => Some(Gives::Credits(credits)),
                None => self.credits.wrong("Give a whole number of credits from 1 to 1000000."),
            },
            "day" => Some(Gives::Pass(PassPeriod::Day)),
            "week" => Some(Gives::Pass(PassPeriod::Week)),
            "month" => Some(Gives::Pass(PassPeriod::Month)),
            _ => self.gives.wrong("Choose what it gives."),
        }
    }

    /// Writes a refusal beside the field that it names, or above all of them.
    pub(super) fn refuse(&mut self, refusal: &RefusalDocument) {
        let text = |name: &str| refusal.details.get(name).and_then(serde_json::Value::as_str);
        let (field, expected) = (text("field").unwrap_or_default(), text("expected"));
        let Some(expected) = expected else { return self.refuse_whole(refusal) };
        let sentence = format!("It must be {expected}.");
        let filled = self.prices.iter_mut().filter(|price| !price.field.value.is_empty());
        let named = match field.split('.').collect::<Vec<_>>()[..] {
            ["name", "ru"] => Some(&mut self.name_ru),
            ["name", "en"] => Some(&mut self.name_en),
            ["gives", "credits"] => Some(&mut self.credits),
            ["ordinal"] => Some(&mut self.ordinal),
            // The command holds the prices that are filled in, in this order.
            ["prices", number, _] => number
                .parse::<usize>()
                .ok()
                .and_then(|number| filled.map(|price| &mut price.field).nth(number)),
            _ => None,
        };
        match named {
            Some(field) => field.error = Some(sentence),
            None => self.refuse_whole(refusal),
        }
    }

    fn refuse_whole(&mut self, refusal: &RefusalDocument) {
        let stars = self.prices.iter_mut().find(|price| price.currency.is_stars());
        match (refusal.code.as_str(), stars) {
            ("stars_price_missing", Some(stars)) => {
                let error = "A digital product on sale needs a price in Stars. Give one, or take it off sale first.";
                stars.field.error = Some(error.to_owned());
            }
            ("stars_for_real_world", Some(stars)) => {
                let error =
                    "Stars pay for digital products alone. Leave this empty, or make it digital.";
                stars.field.error = Some(error.to_owned());
            }
            ("money_price_missing", _) => {
                let error = "A real-world product on sale needs a price in money. Give one, or take it off sale first.";
                self.error = Some(error.to_owned());
            }
            ("version_conflict", _) => {
                let error =
                    "Somebody changed this product meanwhile. Open it anew, and change it again.";
                self.error = Some(error.to_owned());
            }
            _ => self.error = Some(capitalised(&refusal.message)),
        }
    }
}

impl Field {
    fn wrong<T>(&mut self, sentence: &str) -> Option<T> {
        self.error = Some(sentence.to_owned());
        None
    }
}

/// A change that names every field.
pub(super) fn change_of(wanted: Create) -> Change {
    let Create { name, gives, kind, prices, ordinal } = wanted;
    Change {
        name: Some(name),
        gives: Some(gives),
        kind: Some(kind),
        prices: Some(prices),
        ordinal: Some(ordinal),
    }
}

/// A refusal as a sentence.
pub(super) fn capitalised(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), letters.as_str())
}

/// The place of a currency in the form: first those that every form offers, then the others by code.
fn place(currency: Currency) -> (usize, &'static str) {
    let offered = OFFERED.iter().position(|code| *code == currency.code());
    (offered.unwrap_or(OFFERED.len()), currency.code())
}

fn offered(prices: &[Money]) -> Vec<PriceField> {
    let mut fields: Vec<PriceField> = Currency::all()
        .filter_map(|currency| {
            let price = prices.iter().find(|price| price.currency == currency);
            let is_offered = place(currency).0 < OFFERED.len();
            (price.is_some() || is_offered).then(|| {
                let value = price.map(|price| amount(*price)).unwrap_or_default();
                PriceField { currency, field: Field { value, error: None } }
            })
        })
        .collect();
    fields.sort_by_key(|price| place(price.currency));
    fields
}

/// An amount with its decimals and without its currency.
fn amount(price: Money) -> String {
    let text = price.to_string();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn expected_price(currency: Currency) -> String {
    match currency.minor_digits() {
        0 => "Give a whole number, such as 250.".to_owned(),
        digits => format!("Give an amount with at most {digits} decimals, such as 499.00."),
    }
}

/// Digits without the spaces that people set between thousands.
fn digits_of(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let fits = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    fits.then_some(digits)
}

/// The minor units of an amount as people write it: `499`, `499.5`, `1 499,00`.
pub(crate) fn minor_of(text: &str, digits: u32) -> Option<i64> {
    let (whole, decimals) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let has_point = whole.len() < text.len();
    let places = usize::try_from(digits).ok()?;
    let is_decimal = decimals.bytes().all(|digit| digit.is_ascii_digit());
    if (has_point && (decimals.is_empty() || decimals.len() > places)) || !is_decimal {
        return None;
    }
    let whole = digits_of(whole)?;
    format!("{whole}{decimals:0<places$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_people_write_them() {
        for (text, digits, minor) in [
            ("499", 2, Some(49_900)),
            ("499.5", 2, Some(49_950)),
            ("1 499,00", 2, Some(149_900)),
            ("1\u{a0}499,00", 2, Some(149_900)),
            ("0.01", 2, Some(1)),
            ("250", 0, Some(250)),
            ("250.0", 0, None),
            ("1.5", 3, Some(1_500)),
            ("499.001", 2, None),
            ("499.", 2, None),
            (".5", 2, None),
            ("-5", 2, None),
            ("пять", 2, None),
            ("1e5", 2, None),
            ("1.2.3", 2, None),
            ("99999999999999999999", 2, None),
        ] {
            assert_eq!(minor_of(text, digits), minor, "{text}");
        }
    }

    fn sent(pairs: &[(&str, &str)]) -> ProductForm {
        let whole = [
            ("name_ru", "Пачка"),
            ("name_en", " A pack "),
            ("gives", "credits"),
            ("credits", "1 000"),
            ("kind", "digital"),
            ("price_USD", "4.99"),
            ("price_XTR", "250"),
            ("price_RUB", ""),
            ("ordinal", "7"),
        ];
        let fields = whole.iter().chain(pairs);
        ProductForm::sent(
            &fields.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        )
    }

    #[test]
    fn a_form_becomes_a_command() {
        let wanted = sent(&[]).read().unwrap();
        assert_eq!((wanted.name.en.as_str(), wanted.gives), ("A pack", Gives::Credits(1000)));
        let prices: Vec<String> = wanted.prices.iter().map(ToString::to_string).collect();
        assert_eq!(prices, ["250 XTR", "4.99 USD"]);
        let pass = sent(&[("gives", "week"), ("credits", "")]).read().unwrap();
        assert_eq!(pass.gives, Gives::Pass(PassPeriod::Week));
    }

    #[test]
    fn what_cannot_be_read_is_said_beside_its_field() {
        let mut form = sent(&[
            ("credits", "many"),
            ("name_en", " "),
            ("kind", "?"),
            ("price_USD", "4,999"),
            ("price_XTR", "2.5"),
            ("ordinal", ""),
        ]);
        assert_eq!(form.read(), None);
        assert!(form.credits.error.is_some() && form.kind.error.is_some());
        assert!(form.name_en.error.is_some());
        assert!(form.ordinal.error.is_some() && form.name_ru.error.is_none());
        let wrong: Vec<&str> = form
            .prices
            .iter()
            .filter(|price| price.field.error.is_some())
            .map(|price| price.currency.code())
            .collect();
        assert_eq!(wrong, ["XTR", "USD"]);
    }

    #[test]
    fn a_refusal_is_said_beside_the_field_that_it_names() {
        let refusal = |field: &str| {
            RefusalDocument::new("field_out_of_range", "no")
                .with("field", field)
                .with("expected", "more")
        };
        let mut form = sent(&[("price_RUB", "")]);
        form.refuse(&refusal("prices.1.amount_minor"));
        let wrong = form.prices.iter().find(|price| price.field.error.is_some()).unwrap();
        assert_eq!(wrong.currency.code(), "USD");
        form.refuse(&refusal("name.en"));
        assert_eq!(form.name_en.error.as_deref(), Some("It must be more."));
        form.refuse(&refusal("prices.9.amount_minor"));
        assert_eq!(form.error.as_deref(), Some("No."));
        form.refuse(&RefusalDocument::new("stars_price_missing", "no"));
        assert!(form.prices[0].field.error.is_some());
    }
}
