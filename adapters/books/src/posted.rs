//! A booking as it comes from the log, and as the files need it.

use chrono::{DateTime, NaiveDate, Utc};
use kontor_domain::{
    EventBody,
    credit_ledger::{CreditLedgerEvent, Unit},
};
use uuid::Uuid;

/// A booking with its place in the log.
#[derive(Clone, Copy, Debug)]
pub struct Posted<'a> {
    /// The position in the log.
    pub position: i64,
    /// The id of the event.
    pub event_id: Uuid,
    /// The ledger of one customer.
    pub ledger_id: Uuid,
    /// The command that led to it.
    pub command_id: Uuid,
    /// When the log accepted it. The books are dated by this: it never goes back in the log, while a
    /// booking may say that it holds from an earlier time on.
    pub recorded_at: DateTime<Utc>,
    /// What was booked.
    pub event: &'a CreditLedgerEvent,
}

impl Posted<'_> {
    /// The kind of booking: the event's type without its aggregate, such as `spent`.
    pub(crate) fn kind(&self) -> &'static str {
        let name = self.event.wire_type();
        name.split_once('.').map_or(name, |(_, kind)| kind)
    }
}

/// A line of a booking under the account's name in the files.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The account, segments parted by colons.
    pub(crate) account: String,
    /// Whether no line before this one named the account.
    pub(crate) is_new: bool,
    pub(crate) unit: Unit,
    /// Debits positive, credits negative, in whole minor units.
    pub(crate) amount: i64,
    /// What is on the account after this line.
    pub(crate) balance: i64,
    pub(crate) grant_id: Option<Uuid>,
}

/// A booking ready to be written.
pub(crate) struct Dated<'a> {
    pub(crate) posted: Posted<'a>,
    /// The day of the books, by the calendar of the tenant; never before that of the last booking.
    pub(crate) day: NaiveDate,
    /// The day from which it holds, when that is an earlier one.
    pub(crate) holds_from: Option<NaiveDate>,
    pub(crate) lines: Vec<Line>,
}

/// An amount with all decimals of its unit, without the unit: `-5.00`, `12`. Sums may need more than
/// 64 bits.
pub(crate) fn decimal(unit: Unit, amount: impl Into<i128>) -> String {
    let (amount, digits): (i128, _) = (amount.into(), decimals(unit));
    if digits == 0 {
        return amount.to_string();
    }
    let sign = if amount < 0 { "-" } else { "" };
    let (whole, width, scale) = (amount.unsigned_abs(), digits as usize, 10_u128.pow(digits));
    format!("{sign}{}.{:0width$}", whole / scale, whole % scale)
}

/// How many decimals a unit has.
pub(crate) fn decimals(unit: Unit) -> u32 {
    match unit {
        Unit::Credits | Unit::Messages => 0,
        Unit::Money(currency) => currency.minor_digits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_decimals_of_their_unit() {
        let unit = |text: &str| Unit::try_from(text.to_owned()).unwrap();
        for (text, amount, expected) in [
            ("CR", -3_i64, "-3"),
            ("USD", 5, "0.05"),
            ("RUB", -49_900, "-499.00"),
            ("JPY", 120, "120"),
            ("KWD", 1_005, "1.005"),
            ("USD", i64::MIN, "-92233720368547758.08"),
        ] {
            assert_eq!(decimal(unit(text), amount), expected);
        }
    }
}
