//! Reads what people type: readings in one line, single figures, and days.
//!
//! A figure may have grouping spaces, a comma or a point, a unit after it, and a zone before it in
//! either alphabet. What cannot be read comes back with the reason, so that the reply can say what
//! was read and what would be right.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use kontor_domain::{Language, Quantity, meter::Zone};

/// The longest line that is looked at, in characters: three zones with figures and units fit
/// several times.
pub(crate) const LINE_LENGTH_MAX: usize = 200;

/// A reading typed in one line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum QuickReading {
    /// One figure without a zone.
    Single(Quantity),
    /// Figures with their zones.
    Zoned(BTreeMap<Zone, Quantity>),
}

impl QuickReading {
    /// The values by zone; a figure without a zone is that of the only zone.
    pub(crate) fn values(&self) -> BTreeMap<Zone, Quantity> {
        match self {
            Self::Single(value) => BTreeMap::from([(Zone::T1, *value)]),
            Self::Zoned(values) => values.clone(),
        }
    }
}

/// Why a line is not a reading.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum QuickError {
    /// It does not begin like one: ordinary words.
    NotAReading,
    /// A zone is named twice.
    ZoneTwice(Zone),
    /// A zone has no figure.
    ZoneWithoutFigure(Zone),
    /// There is no zone of this number.
    ZoneUnknown(char),
    /// Several figures without zones.
    SeveralFigures,
    /// A figure cannot be read.
    Figure(FigureError),
}

/// Why a text is not a figure that a counter shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FigureError {
    /// Nothing but spaces.
    Empty,
    /// Letters or signs.
    NotAFigure,
    /// A minus before it.
    Negative,
    /// More than three decimals.
    TooManyDecimals,
    /// More than twelve digits before the decimals.
    TooLarge,
    /// Two figures side by side.
    Several,
}

/// Whether a line looks like a reading, so that a mistake in it is worth explaining.
pub(crate) fn looks_like_reading(text: &str) -> bool {
    let text = text.trim_start();
    let mut characters = text.chars();
    match characters.next() {
        Some('t' | 'T' | 'т' | 'Т') => {
            characters.find(|c| !c.is_whitespace()).is_some_and(|c| c.is_ascii_digit())
        }
        Some('-' | '−' | '+') => characters.next().is_some_and(|c| c.is_ascii_digit()),
        Some(first) => first.is_ascii_digit(),
        None => false,
    }
}

/// Reads a reading from a line, such as `T1 1234 T2 567`, `т1 1 234,5; т2: 567` or `1234`.
pub(crate) fn quick_reading(text: &str, language: Language) -> Result<QuickReading, QuickError> {
    if text.chars().count() > LINE_LENGTH_MAX || !looks_like_reading(text) {
        return Err(QuickError::NotAReading);
    }
    let words = words(text);
    if words.first().and_then(|word| zone_of(word)).is_none() {
        return figure_of(&words, language).map(QuickReading::Single).map_err(|err| match err {
            FigureError::Several => QuickError::SeveralFigures,
            FigureError::Empty
            | FigureError::NotAFigure
            | FigureError::Negative
            | FigureError::TooManyDecimals
            | FigureError::TooLarge => QuickError::Figure(err),
        });
    }
    zoned(&words, language).map(QuickReading::Zoned)
}

/// Reads one figure, such as `1234`, `1 234,5` or `1234.567 кВт·ч`.
pub(crate) fn figure(text: &str, language: Language) -> Result<Quantity, FigureError> {
    if text.chars().count() > LINE_LENGTH_MAX {
        return Err(FigureError::TooLarge);
    }
    figure_of(&words(text), language)
}

/// Reads a day, such as `01.02.2030`, `1.2.2030` or `2030-02-01`. Days before 1990 and after 2099
/// are slips of the finger.
pub(crate) fn day(text: &str) -> Option<NaiveDate> {
    let text = text.trim().trim_end_matches(['г', '.']).trim_end();
    let parts: Vec<&str> = text.split(['.', '/', '-']).map(str::trim).collect();
    let [first, second, third] = parts.as_slice() else {
        return None;
    };
    let (year, month, day) =
        if first.len() == 4 { (first, second, third) } else { (third, second, first) };
    if year.len() != 4 {
        return None;
    }
    let date = NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)?;
    (1990..=2099).contains(&date.year()).then_some(date)
}

/// Splits a line into words: separators become spaces, a zone keeps apart from its figure.
fn words(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.trim().chars().collect();
    let mut spaced = String::with_capacity(text.len());
    for (index, &character) in characters.iter().enumerate() {
        let digit_follows = characters.get(index + 1).is_some_and(char::is_ascii_digit);
        match character {
            ';' | ':' | '=' | '|' => spaced.push(' '),
            // A comma between digits is a decimal comma; any other ends a phrase.
            ',' | '.' if !digit_follows => spaced.push(' '),
            '−' | '–' | '—' => spaced.push('-'),
            other => spaced.push(other),
        }
    }
    spaced
        .split_whitespace()
        .filter(|word| !word.chars().all(|c| matches!(c, '-' | '·')))
        .map(str::to_owned)
        .collect()
}

/// The character after the `T` of a zone's name.
fn zone_of(word: &str) -> Option<char> {
    let mut characters = word.chars();
    match (characters.next(), characters.next(), characters.next()) {
        (Some('t' | 'T' | 'т' | 'Т'), Some(number), None) if number.is_ascii_digit() => {
            Some(number)
        }
        _ => None,
    }
}

fn zoned(words: &[String], language: Language) -> Result<BTreeMap<Zone, Quantity>, QuickError> {
    let mut values = BTreeMap::new();
    let mut rest = words;
    while let Some((label, after)) = rest.split_first() {
        let number = zone_of(label).ok_or(QuickError::Figure(FigureError::NotAFigure))?;
        let zone = match number {
            '1' => Zone::T1,
            '2' => Zone::T2,
            '3' => Zone::T3,
            other => return Err(QuickError::ZoneUnknown(other)),
        };
        let length = after.iter().take_while(|word| zone_of(word).is_none()).count();
        let (figure, others) = after.split_at(length);
        let value = figure_of(figure, language).map_err(|err| match err {
            FigureError::Empty => QuickError::ZoneWithoutFigure(zone),
            FigureError::Several
            | FigureError::NotAFigure
            | FigureError::Negative
            | FigureError::TooManyDecimals
            | FigureError::TooLarge => QuickError::Figure(err),
        })?;
        if values.insert(zone, value).is_some() {
            return Err(QuickError::ZoneTwice(zone));
        }
        rest = others;
    }
    Ok(values)
}

/// Reads words as one figure: groups of three digits may stand apart, a unit may follow.
fn figure_of(words: &[String], language: Language) -> Result<Quantity, FigureError> {
    let words = match words.split_last() {
        Some((last, before)) if is_unit(last) => before,
        _ => words,
    };
    let Some((first, groups)) = words.split_first() else {
        return Err(FigureError::Empty);
    };
    let first = first.strip_prefix('+').unwrap_or(first);
    if first.starts_with('-') {
        return Err(FigureError::Negative);
    }
    let grouped = groups.iter().enumerate().all(|(index, group)| {
        let whole = group.split(['.', ',']).next().unwrap_or_default();
        let last = index + 1 == groups.len();
        whole.len() == 3 && is_digits(whole) && (last || whole.len() == group.len())
    });
    let one_figure = groups.is_empty() || (grouped && is_digits(first) && first.len() <= 3);
    if !one_figure {
        let figures = words.iter().all(|word| word.chars().any(|c| c.is_ascii_digit()));
        return Err(if figures { FigureError::Several } else { FigureError::NotAFigure });
    }
    let mut text = without_unit(first).to_owned();
    text.extend(groups.iter().map(|group| without_unit(group)));
    compact_figure(&without_grouping(text, language))
}

/// Takes out the commas of `1,234.5`. Without a point they group only in English: in Russian
/// `1,234` is a little more than one.
fn without_grouping(text: String, language: Language) -> String {
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let grouped = (1..=3).contains(&first.len())
        && whole.contains(',')
        && groups.all(|group| group.len() == 3 && is_digits(group));
    match language {
        Language::Ru if grouped && decimals.is_empty() => text,
        Language::Ru | Language::En if grouped => text.replace(',', ""),
        Language::Ru | Language::En => text,
    }
}

fn compact_figure(text: &str) -> Result<Quantity, FigureError> {
    let (whole, decimals) = text.split_once(['.', ',']).unwrap_or((text, ""));
    if !is_digits(whole) || !decimals.chars().all(|c| c.is_ascii_digit()) {
        return Err(FigureError::NotAFigure);
    }
    if decimals.len() > 3 {
        return Err(FigureError::TooManyDecimals);
    }
    // Zeros in front are how counters show small values.
    let significant = whole.trim_start_matches('0');
    let whole = if significant.is_empty() { "0" } else { significant };
    format!("{whole}.{decimals:0<1}").parse().map_err(|_| FigureError::TooLarge)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Units as people write them after a figure.
const UNITS: [&str; 14] = [
    "кубометров",
    "кубов",
    "квт·ч",
    "квт*ч",
    "квт/ч",
    "квтч",
    "квт",
    "куб",
    "гкал",
    "kwh",
    "gcal",
    "м3",
    "м³",
    "m3",
];

fn is_unit(word: &str) -> bool {
    UNITS.contains(&word.to_lowercase().as_str()) || matches!(word, "m³" | "ч")
}

/// Cuts a unit that is written right behind the digits: `1234кВт`.
fn without_unit(word: &str) -> &str {
    let end = word.find(|c: char| c.is_alphabetic()).unwrap_or(word.len());
    let (figure, unit) = word.split_at(end);
    if is_unit(unit) { figure } else { word }
}

#[cfg(test)]
mod tests;
