//! Money: whole minor units of a currency.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::ValueError;

/// The currencies that Kontor keeps books in, with the digits of their minor unit (ISO 4217); `XTR`
/// are Telegram Stars. A currency that is not here has an unknown minor unit, and a price in it
/// would be wrong by a factor of ten or more.
const KNOWN: [(&str, u32); 18] = [
    ("AED", 2),
    ("AMD", 2),
    ("AZN", 2),
    ("BYN", 2),
    ("CNY", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("GEL", 2),
    ("INR", 2),
    ("JPY", 0),
    ("KGS", 2),
    ("KWD", 3),
    ("KZT", 2),
    ("RUB", 2),
    ("TRY", 2),
    ("USD", 2),
    ("UZS", 2),
    ("XTR", 0),
];

/// The place of Telegram Stars, the last by code.
const STARS: u8 = 17;

/// A currency by its code, such as `RUB`; inside, its place among the known ones.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(u8);

impl Currency {
    /// All of them, by code.
    pub fn all() -> impl Iterator<Item = Self> {
        (0_u8..).zip(KNOWN).map(|(place, _)| Self(place))
    }

    /// The code.
    pub fn code(self) -> &'static str {
        KNOWN[usize::from(self.0)].0
    }

    /// Telegram Stars, counted whole.
    pub fn stars() -> Self {
        Self(STARS)
    }

    /// Whether it is Telegram Stars.
    pub fn is_stars(self) -> bool {
        self == Self::stars()
    }

    /// How many digits stand behind the decimal point: 100 kopecks are one rouble, so 2.
    pub fn minor_digits(self) -> u32 {
        KNOWN[usize::from(self.0)].1
    }
}

impl FromStr for Currency {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut places = (0_u8..).zip(KNOWN);
        match places.find(|(_, (code, _))| *code == text) {
            Some((place, _)) => Ok(Self(place)),
            None => {
                let known = KNOWN.map(|(code, _)| code).join(", ");
                Err(ValueError(format!("a currency is one of {known}")))
            }
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount of money in minor units: 5.00 USD is 500.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// The minor units.
    pub amount_minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// An amount in a currency.
    pub fn new(amount_minor: i64, currency: Currency) -> Self {
        Self { amount_minor, currency }
    }
}

impl fmt::Display for Money {
    /// Writes all decimals of the currency with a point: `-5.00 USD`, `120 JPY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.amount_minor < 0 { "-" } else { "" };
        let minor = self.amount_minor.unsigned_abs();
        let digits = self.currency.minor_digits();
        if digits == 0 {
            return write!(f, "{sign}{minor} {}", self.currency);
        }
        let (unit, width) = (10_u64.pow(digits), digits as usize);
        write!(f, "{sign}{}.{:0width$} {}", minor / unit, minor % unit, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount_minor: i64, currency: &str) -> Money {
        Money::new(amount_minor, currency.parse().unwrap())
    }

    #[test]
    fn money_is_written_with_the_decimals_of_its_currency() {
        assert_eq!(money(500, "USD").to_string(), "5.00 USD");
        assert_eq!(money(-5, "RUB").to_string(), "-0.05 RUB");
        assert_eq!(money(120, "XTR").to_string(), "120 XTR");
        assert_eq!(money(1005, "KWD").to_string(), "1.005 KWD");
        assert_eq!(money(i64::MIN, "JPY").to_string(), "-9223372036854775808 JPY");
    }

    #[test]
    fn a_currency_with_an_unknown_minor_unit_is_refused() {
        for wrong in ["", "usd", "XXX", "РУБ", "USDX"] {
            let refused = wrong.parse::<Currency>().unwrap_err();
            assert!(refused.to_string().contains("RUB"), "{refused}");
        }
        assert!(serde_json::from_str::<Money>(r#"{"amount_minor":1,"currency":"ABC"}"#).is_err());
    }

    #[test]
    fn stars_are_known_by_their_code() {
        assert_eq!(Currency::stars().code(), "XTR");
        assert!(Currency::all().filter(|currency| currency.is_stars()).eq([Currency::stars()]));
    }

    #[test]
    fn the_currencies_stand_in_order_and_once() {
        assert!(KNOWN.is_sorted_by(|one, next| one.0 < next.0));
    }
}
