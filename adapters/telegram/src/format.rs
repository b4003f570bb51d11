//! Numbers, quantities and days as people of each language write them.
//!
//! No-break spaces hold figures together with their groups and units, so that a narrow telephone
//! never breaks a line inside a number.

use chrono::{Datelike, NaiveDate};
use kontor_domain::{
    Language, Money, Quantity,
    meter::{MeterKind, Zone},
};

use crate::texts::{Voice, say};

/// The no-break space, which both languages put between a figure and its unit.
pub(crate) const NO_BREAK_SPACE: char = '\u{a0}';

/// A counter's value, with at least one decimal as counters show it: `1 234,5`, `567,0`.
pub(crate) fn reading(language: Language, value: Quantity) -> String {
    figure(language, value, 1)
}

/// A quantity with no more decimals than it has: `95`, `87,5`.
pub(crate) fn quantity(language: Language, value: Quantity) -> String {
    figure(language, value, 0)
}

/// A quantity with its unit: `87,5 кВт·ч`.
pub(crate) fn amount(voice: &Voice, kind: MeterKind, value: Quantity) -> String {
    format!("{}{NO_BREAK_SPACE}{}", quantity(voice.language(), value), unit(voice, kind))
}

/// An amount of money: `250 ⭐`, `2,29 $`, in English `$2.29`, `1 790 ₽`; whole amounts without the places that say nothing.
pub(crate) fn money(language: Language, amount: Money) -> String {
    if amount.currency.is_stars() {
        return format!("{} ⭐", count(language, amount.amount_minor));
    }
    let digits = amount.currency.minor_digits();
    let unit = 10_i64.pow(digits);
    let (whole, rest) = (amount.amount_minor / unit, (amount.amount_minor % unit).abs());
    let figure = count(language, whole);
    let point = match language {
        Language::Ru => ',',
        Language::En => '.',
    };
    let width = usize::try_from(digits).unwrap_or_default();
    let figure = if rest == 0 { figure } else { format!("{figure}{point}{rest:0width$}") };
    let sign = match amount.currency.code() {
        "RUB" => "₽",
        "USD" => "$",
        "EUR" => "€",
        other => other,
    };
    match (language, sign) {
        (Language::En, "$" | "€") => format!("{sign}{figure}"),
        (Language::En | Language::Ru, _) => format!("{figure}{NO_BREAK_SPACE}{sign}"),
    }
}

/// The unit that a kind of meter counts in.
pub(crate) fn unit(voice: &Voice, kind: MeterKind) -> String {
    match kind {
        MeterKind::Electricity => say!(voice, "unit-kilowatt-hour"),
        MeterKind::ColdWater | MeterKind::HotWater | MeterKind::Gas => {
            say!(voice, "unit-cubic-metre")
        }
        MeterKind::Heat => say!(voice, "unit-gigacalorie"),
    }
}

/// The name of a zone: with the Cyrillic letter in Russian, as it stands on meters and bills.
pub(crate) fn zone(language: Language, zone: Zone) -> &'static str {
    match (language, zone) {
        (Language::Ru, Zone::T1) => "Т1",
        (Language::Ru, Zone::T2) => "Т2",
        (Language::Ru, Zone::T3) => "Т3",
        (Language::En, Zone::T1) => "T1",
        (Language::En, Zone::T2) => "T2",
        (Language::En, Zone::T3) => "T3",
    }
}

/// Values of all zones in one line: `Т1 1 234,5 · Т2 567,0`; without labels when there is one zone.
pub(crate) fn readings<'a>(
    language: Language,
    values: impl IntoIterator<Item = (&'a Zone, &'a Quantity)>,
) -> String {
    by_zone(language, values, reading)
}

/// Consumption of all zones in one line, without units: `Т1 60 · Т2 27,5`.
pub(crate) fn quantities<'a>(
    language: Language,
    values: impl IntoIterator<Item = (&'a Zone, &'a Quantity)>,
) -> String {
    by_zone(language, values, quantity)
}

fn by_zone<'a>(
    language: Language,
    values: impl IntoIterator<Item = (&'a Zone, &'a Quantity)>,
    write: fn(Language, Quantity) -> String,
) -> String {
    let values: Vec<_> = values.into_iter().collect();
    if let [(_, value)] = values.as_slice() {
        return write(language, **value);
    }
    let parts: Vec<String> = values
        .into_iter()
        .map(|(name, value)| {
            format!("{}{NO_BREAK_SPACE}{}", zone(language, *name), write(language, *value))
        })
        .collect();
    parts.join(" · ")
}

/// A day as people say it: `сегодня, 20 ноября`, `завтра, 21 ноября`, `15 декабря`, and with the
/// year when it is not `today`'s.
pub(crate) fn day(voice: &Voice, date: NaiveDate, today: NaiveDate) -> String {
    let plain = plain_day(voice, date, today);
    match date.signed_duration_since(today).num_days() {
        0 => say!(voice, "day-today", day = plain),
        1 => say!(voice, "day-tomorrow", day = plain),
        -1 => say!(voice, "day-yesterday", day = plain),
        _ => plain,
    }
}

/// A day without `today` and `tomorrow`: `15 декабря`, `15 декабря 2027`.
pub(crate) fn plain_day(voice: &Voice, date: NaiveDate, today: NaiveDate) -> String {
    let month = say!(voice, "month-of", month = date.month());
    let day = date.day();
    if date.year() == today.year() {
        format!("{day}{NO_BREAK_SPACE}{month}")
    } else {
        format!("{day}{NO_BREAK_SPACE}{month}{NO_BREAK_SPACE}{}", date.year())
    }
}

/// The month that a reading counts for: `ноябрь`, `ноябрь 2025`.
pub(crate) fn month(voice: &Voice, period: NaiveDate, today: NaiveDate) -> String {
    let month = say!(voice, "month-name", month = period.month());
    if period.year() == today.year() {
        month
    } else {
        format!("{month}{NO_BREAK_SPACE}{}", period.year())
    }
}

/// A day of the month in a phrase: `15` in Russian, `15th` in English.
pub(crate) fn day_of_month(language: Language, day: u8) -> String {
    match language {
        Language::Ru => day.to_string(),
        Language::En => {
            let ending = match (day % 10, day % 100) {
                (_, 11..=13) => "th",
                (1, _) => "st",
                (2, _) => "nd",
                (3, _) => "rd",
                _ => "th",
            };
            format!("{day}{ending}")
        }
    }
}

/// A whole number with the language's groups: `1 250`, `1,250`.
pub(crate) fn count(language: Language, number: i64) -> String {
    let separator = match language {
        Language::Ru => NO_BREAK_SPACE,
        Language::En => ',',
    };
    let sign = if number < 0 { "−" } else { "" };
    format!("{sign}{}", grouped(number.unsigned_abs(), separator))
}

/// Writes thousandths with the language's separators and `decimals_min` or more decimals.
fn figure(language: Language, value: Quantity, decimals_min: usize) -> String {
    let (group, point) = match language {
        Language::Ru => (NO_BREAK_SPACE, ','),
        Language::En => (',', '.'),
    };
    let milli = value.milli().unsigned_abs();
    let sign = if value.milli() < 0 { "−" } else { "" };
    let mut decimals = format!("{:03}", milli % 1000);
    while decimals.len() > decimals_min && decimals.ends_with('0') {
        decimals.pop();
    }
    let whole = grouped(milli / 1000, group);
    if decimals.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}{point}{decimals}")
    }
}

fn grouped(whole: u64, separator: char) -> String {
    let digits = whole.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
