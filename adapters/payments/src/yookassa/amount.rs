//! Amounts as YooKassa writes them: decimal texts, made of whole minor units and read back exactly.

use kontor_domain::Money;
use serde_json::{Value, json};

/// `{"value": "229.00", "currency": "RUB"}`
pub(super) fn value(money: Money) -> Value {
    json!({ "value": decimal(money), "currency": money.currency.code() })
}

/// `229.00`: as many digits as the currency has.
pub(super) fn decimal(money: Money) -> String {
    let digits = money.currency.minor_digits();
    let (sign, amount) =
        (if money.amount_minor < 0 { "-" } else { "" }, money.amount_minor.unsigned_abs());
    if digits == 0 {
        return format!("{sign}{amount}");
    }
    let (unit, width) = (10_u64.pow(digits), digits as usize);
    format!("{sign}{}.{:0width$}", amount / unit, amount % unit)
}

/// The amount of such an object; none when it is not exactly one.
pub(super) fn money(value: &Value) -> Option<Money> {
    let currency = value["currency"].as_str()?.parse::<kontor_domain::Currency>().ok()?;
    let (text, digits) = (value["value"].as_str()?, currency.minor_digits() as usize);
    let (whole, part) = match text.split_once('.') {
        Some((whole, part)) if !part.is_empty() => (whole, part),
        Some(_) => return None,
        None => (text, ""),
    };
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    // More digits than the currency has may still be zeros.
    let (kept, rest) = part.split_at_checked(digits).unwrap_or((part, ""));
    if whole.is_empty() || !is_digits(whole) || !is_digits(part) || rest.bytes().any(|b| b != b'0')
    {
        return None;
    }
    let amount_minor = format!("{whole}{kept:0<digits$}").parse().ok()?;
    Some(Money::new(amount_minor, currency))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rub(amount_minor: i64) -> Money {
        Money::new(amount_minor, "RUB".parse().unwrap())
    }

    #[test]
    fn amounts_are_written_with_the_digits_of_their_currency() {
        let yen = Money::new(5, "JPY".parse().unwrap());
        for (money, text) in
            [(rub(22_900), "229.00"), (rub(5), "0.05"), (rub(0), "0.00"), (yen, "5")]
        {
            assert_eq!(decimal(money), text);
        }
        assert_eq!(value(rub(100)), json!({ "value": "1.00", "currency": "RUB" }));
    }

    #[test]
    fn what_is_no_exact_amount_is_not_read() {
        let read = |text: &str| money(&json!({ "value": text, "currency": "RUB" }));
        for (text, amount) in [("229.00", 22_900), ("229", 22_900), ("1.5", 150), ("1.500", 150)] {
            assert_eq!(read(text), Some(rub(amount)), "{text}");
        }
        for wrong in [
            "",
            ".",
            "1.",
            ".5",
            "1,00",
            "-1.00",
            "+1.00",
            "1e3",
            "1.005",
            " 1.00",
            "１.00",
            "99999999999999999999.00",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(money(&json!({ "value": 229.0, "currency": "RUB" })), None, "no floats");
        assert_eq!(money(&json!({ "value": "1.00", "currency": "???" })), None);
        assert_eq!(money(&json!(null)), None);
    }

    proptest! {
        #[test]
        fn every_amount_survives_the_wire(amount in 0..i64::MAX, code in "RUB|USD|EUR|JPY") {
            let given = Money::new(amount, code.parse().unwrap());
            prop_assert_eq!(money(&value(given)), Some(given));
        }
    }
}
