use std::collections::BTreeMap;

use kontor_domain::{Language, Quantity, meter::Zone};
use proptest::prelude::*;

use super::{FigureError, QuickError, QuickReading, day};
use crate::format;

fn quick_reading(line: &str) -> Result<QuickReading, QuickError> {
    super::quick_reading(line, Language::Ru)
}

fn zoned(values: &[(Zone, i64)]) -> QuickReading {
    QuickReading::Zoned(values.iter().map(|(zone, milli)| (*zone, Quantity(*milli))).collect())
}

#[test]
fn zones_may_be_written_in_either_alphabet_and_with_any_separator() {
    let expected = Ok(zoned(&[(Zone::T1, 1_234_500), (Zone::T2, 567_000)]));
    for line in [
        "T1 1234.5 T2 567",
        "т1 1234,5 т2 567",
        "Т1: 1 234,5; Т2: 567",
        "t1=1234,5, t2=567",
        "T2 567 T1 1234.5",
        "Т1 - 1234,500 кВт·ч, Т2 — 567 кВт·ч",
        "  Т1 001234,5\nТ2 567  ",
    ] {
        assert_eq!(quick_reading(line), expected, "{line}");
    }
}

#[test]
fn a_figure_alone_may_have_groups_and_a_unit() {
    for line in ["1234", "1 234", "1\u{a0}234", "01234", "1234 кВт", "1234кВт", "1234.", "+1234"]
    {
        assert_eq!(quick_reading(line), Ok(QuickReading::Single(Quantity(1_234_000))), "{line}");
    }
    assert_eq!(quick_reading("12,345 м³"), Ok(QuickReading::Single(Quantity(12_345))));
}

#[test]
fn ordinary_words_are_not_readings() {
    for line in ["", "   ", "привет", "Тариф 1", "/start", "спасибо 5", "🙂", "T", "three"]
    {
        assert_eq!(quick_reading(line), Err(QuickError::NotAReading), "{line}");
    }
}

#[test]
fn what_is_wrong_with_a_line_is_told_apart() {
    let cases = [
        ("T1 5 T1 6", QuickError::ZoneTwice(Zone::T1)),
        ("T1 T2 567", QuickError::ZoneWithoutFigure(Zone::T1)),
        ("T1 100 T2", QuickError::ZoneWithoutFigure(Zone::T2)),
        ("T4 100", QuickError::ZoneUnknown('4')),
        ("100 200 3000", QuickError::SeveralFigures),
        ("1234 567", QuickError::SeveralFigures),
        ("-5", QuickError::Figure(FigureError::Negative)),
        ("T1 -5", QuickError::Figure(FigureError::Negative)),
        ("1.2345", QuickError::Figure(FigureError::TooManyDecimals)),
        ("1234567890123", QuickError::Figure(FigureError::TooLarge)),
        ("12a4", QuickError::Figure(FigureError::NotAFigure)),
        ("1,2,3", QuickError::Figure(FigureError::NotAFigure)),
    ];
    for (line, error) in cases {
        assert_eq!(quick_reading(line), Err(error), "{line}");
    }
}

#[test]
fn days_are_read_in_both_orders_and_must_exist() {
    let expected = chrono::NaiveDate::from_ymd_opt(2030, 2, 1);
    for text in ["01.02.2030", "1.2.2030", "2030-02-01", " 01.02.2030 г.", "01/02/2030"] {
        assert_eq!(day(text), expected, "{text}");
    }
    for text in
        ["", "31.02.2030", "01.02.30", "2030", "завтра", "01.02.1899", "1-2-3-4", "+1.2.2030x"]
    {
        assert_eq!(day(text), None, "{text}");
    }
}

#[test]
fn commas_group_thousands_in_english_only() {
    let english = |text| super::figure(text, Language::En);
    let russian = |text| super::figure(text, Language::Ru);
    assert_eq!(english("1,234"), Ok(Quantity(1_234_000)));
    assert_eq!(russian("1,234"), Ok(Quantity(1_234)));
    assert_eq!(english("1,234.5"), Ok(Quantity(1_234_500)));
    assert_eq!(russian("1,234.5"), Ok(Quantity(1_234_500)));
    assert_eq!(english("1234,5"), Ok(Quantity(1_234_500)));
    assert_eq!(english("12,5"), Ok(Quantity(12_500)));
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,80}") {
        for language in [Language::Ru, Language::En] {
            let _read = (super::quick_reading(&text, language), super::figure(&text, language));
        }
        let _day = day(&text);
    }

    #[test]
    fn no_line_of_figures_and_zones_makes_the_reader_panic(text in "[tTтТ0-9 ,.;:=+−-]{0,60}") {
        for language in [Language::Ru, Language::En] {
            let _read = (super::quick_reading(&text, language), super::figure(&text, language));
        }
    }

    #[test]
    fn what_the_bot_writes_the_bot_reads(
        first in 0..=Quantity::MAX.milli(), second in 0..=Quantity::MAX.milli(), english: bool,
    ) {
        let language = if english { Language::En } else { Language::Ru };
        let (first, second) = (Quantity(first), Quantity(second));
        prop_assert_eq!(super::figure(&format::reading(language, first), language), Ok(first));
        let values = BTreeMap::from([(Zone::T1, first), (Zone::T2, second)]);
        let line = format::readings(language, &values);
        prop_assert_eq!(super::quick_reading(&line, language), Ok(QuickReading::Zoned(values)));
    }
}
