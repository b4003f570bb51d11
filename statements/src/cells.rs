//! What stands in a cell: amounts, instants, currencies.

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use kontor_domain::Currency;

use crate::{
    Place,
    table::{Column, Row},
};

/// The largest amount, in minor units.
const MINOR_MAX: i64 = 100_000_000_000;
/// The years that are no slip of the pen.
const YEARS: (i32, i32) = (2010, 2100);

/// A currency by its code, in lower or upper case.
pub(crate) fn currency(row: Row<'_>, column: &Column) -> Result<Currency, Place> {
    let text = row.text(column)?;
    text.to_uppercase().parse().map_err(|_| {
        row.wrong(
            column,
            format!("`{}` is no currency that Kontor knows, such as USD", short(text)),
        )
    })
}

/// An amount in minor units.
pub(crate) fn amount(row: Row<'_>, column: &Column, currency: Currency) -> Result<i64, Place> {
    let text = row.text(column)?;
    minor(text, currency).ok_or_else(|| {
        let digits = currency.minor_digits();
        let ambiguous = is_ambiguous(&compact(text), currency);
        let text = short(text);
        let reason = if ambiguous {
            format!(
                "`{text}` has three digits behind its only mark, which parts thousands or decimals; \
                 write it in {currency} with up to {digits} decimals and no mark between thousands"
            )
        } else {
            format!("`{text}` is no amount in {currency} with up to {digits} decimals")
        };
        row.wrong(column, reason)
    })
}

/// An amount without what is written for the eye alone.
fn compact(text: &str) -> String {
    let seen = |c: &char| !c.is_whitespace() && !matches!(c, '\'' | '+');
    text.chars().filter(seen).collect::<String>().replace(['\u{2212}', '\u{2013}'], "-")
}

/// Whether its only mark may part thousands as well as decimals: `1,000` is a thousand to one program
/// and one to another. Where a currency has three decimals, they are meant.
fn is_ambiguous(digits: &str, currency: Currency) -> bool {
    let mut parts = digits.split(['.', ',']);
    let (whole, decimals, more) = (parts.next(), parts.next(), parts.next());
    currency.minor_digits() != 3
        && whole.is_some_and(|it| it.ends_with(|c: char| c.is_ascii_digit()))
        && decimals.is_some_and(|it| it.len() == 3 && it.bytes().all(|b| b.is_ascii_digit()))
        && more.is_none()
}

/// Reads `-1 234.50`, `1,234.50`, `1.234,50` and `1234,5`. No amount is rounded.
fn minor(text: &str, currency: Currency) -> Option<i64> {
    let compact = compact(text);
    let (negative, digits) = match compact.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, compact.as_str()),
    };
    // The last mark is the decimal one; one of the other kind parts thousands.
    let mark = digits.rfind(['.', ',']);
    let (whole, decimals) = mark.map_or((digits, ""), |at| (&digits[..at], &digits[at + 1..]));
    let decimal_mark = mark.and_then(|at| digits[at..].chars().next());
    let thousands = match decimal_mark {
        Some('.') => ',',
        _ => '.',
    };
    let groups: Vec<&str> = whole.split(thousands).collect();
    let apart = groups.len() == 1
        || (groups[1..].iter().all(|group| group.len() == 3) && !groups[0].is_empty());
    let whole = groups.concat();
    let is_number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let places = usize::try_from(currency.minor_digits()).ok()?;
    // Many programs write two decimals whatever the currency; more than that parts something else.
    let has_room = decimals.len() <= places.max(2);
    let decimals = decimals.trim_end_matches('0');
    let fits = apart
        && has_room
        && !is_ambiguous(digits, currency)
        && !whole.is_empty()
        && whole.len() <= 12
        && is_number(&whole)
        && is_number(decimals)
        && decimals.len() <= places;
    if !fits {
        return None;
    }
    let amount: i64 = format!("{whole}{decimals:0<places$}").parse().ok()?;
    let amount = if negative { amount.checked_neg()? } else { amount };
    (amount.abs() <= MINOR_MAX).then_some(amount)
}

/// An instant, written in a calendar or with an offset of its own.
pub(crate) fn instant(row: Row<'_>, column: &Column, zone: Tz) -> Result<DateTime<Utc>, Place> {
    let text = row.text(column)?;
    parse_instant(text, zone).ok_or_else(|| {
        let text = short(text);
        row.wrong(column, format!("`{text}` is no day or time, such as 2026-11-20 13:05:00"))
    })
}

fn parse_instant(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let within = |at: DateTime<Utc>| {
        use chrono::Datelike;
        (YEARS.0..YEARS.1).contains(&at.year()).then_some(at)
    };
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return within(at.to_utc());
    }
    let times = [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M:%S",
        "%d.%m.%Y %H:%M:%S",
        "%d.%m.%Y %H:%M",
    ];
    let local = times.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let local = local.or_else(|| {
        let days = ["%Y-%m-%d", "%d.%m.%Y"];
        let day = days.iter().find_map(|form| NaiveDate::parse_from_str(text, form).ok())?;
        Some(day.and_time(NaiveTime::MIN))
    })?;
    match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => within(at.to_utc()),
        // A clock that was put forward never showed this; the hour behind it is meant.
        LocalResult::None => {
            let later = local.checked_add_signed(chrono::Duration::hours(1))?;
            within(zone.from_local_datetime(&later).earliest()?.to_utc())
        }
    }
}

/// A text that is quoted in an error: not more of it than shows what is meant.
pub(crate) fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// An id of a source.
pub(crate) fn reference(row: Row<'_>, column: &Column) -> Result<String, Place> {
    let text = row.text(column)?;
    check_reference(text).map_err(|reason| row.wrong(column, reason))
}

/// An id that may be absent.
pub(crate) fn optional_reference(
    row: Row<'_>,
    column: Option<&Column>,
) -> Result<Option<String>, Place> {
    match column {
        Some(column) if !row.get(Some(column)).is_empty() => reference(row, column).map(Some),
        Some(_) | None => Ok(None),
    }
}

pub(crate) fn check_reference(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.len() > 255 || text.chars().any(char::is_control) {
        return Err("an id has 1 to 255 bytes and no control characters");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn amounts_are_read_as_people_and_programs_write_them() {
        for (text, code, expected) in [
            ("5", "USD", Some(500)),
            ("-5.00", "USD", Some(-500)),
            ("\u{2212}5,5", "RUB", Some(-550)),
            ("1\u{a0}234\u{a0}567,89", "RUB", Some(123_456_789)),
            ("1,234.50", "USD", Some(123_450)),
            ("1.234,50", "EUR", Some(123_450)),
            ("5.000", "USD", None),
            ("5.001", "USD", None),
            ("1,234", "USD", None),
            ("12,500", "USD", None),
            ("-12.500", "RUB", None),
            ("12 500", "USD", Some(1_250_000)),
            ("12,500.00", "USD", Some(1_250_000)),
            ("12,500.000", "USD", None),
            ("1,000", "JPY", None),
            ("1.000", "XTR", None),
            ("1,0000", "JPY", None),
            ("1000", "JPY", Some(1000)),
            ("1000.00", "JPY", Some(1000)),
            ("1,000", "KWD", Some(1000)),
            ("1,000.000", "KWD", Some(1_000_000)),
            ("250", "XTR", Some(250)),
            ("2.5", "XTR", None),
            ("1.005", "KWD", Some(1005)),
            ("", "USD", None),
            (".", "USD", None),
            ("1e5", "USD", None),
            ("пять", "RUB", None),
            ("1,23,4.00", "USD", None),
            ("99999999999999", "USD", None),
        ] {
            assert_eq!(minor(text, of(code)), expected, "{text} {code}");
        }
    }

    #[test]
    fn days_and_times_are_read_in_their_calendar() {
        for (text, expected) in [
            ("2026-11-20 13:05:00", Some("2026-11-20T10:05:00Z")),
            ("20.11.2026 13:05", Some("2026-11-20T10:05:00Z")),
            ("20.11.2026", Some("2026-11-19T21:00:00Z")),
            ("2026-11-20T13:05:00Z", Some("2026-11-20T13:05:00Z")),
            ("2026-02-30", None),
            ("1026-11-20", None),
            ("вчера", None),
        ] {
            let expected: Option<DateTime<Utc>> = expected.map(|text| text.parse().unwrap());
            assert_eq!(parse_instant(text, chrono_tz::Europe::Moscow), expected, "{text}");
        }
    }
}
