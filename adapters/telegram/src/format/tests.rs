use std::collections::BTreeMap;

use chrono::NaiveDate;
use kontor_domain::{
    Language, Money, Quantity,
    meter::{MeterKind, Zone},
};

use super::{amount, day, day_of_month, money, month, quantities, quantity, reading, readings};
use crate::texts::Voice;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[test]
fn a_reading_keeps_one_decimal_and_groups_its_thousands() {
    let cases = [
        (1_234_500, "1\u{a0}234,5", "1,234.5"),
        (567_000, "567,0", "567.0"),
        (0, "0,0", "0.0"),
        (1_234_567_891, "1\u{a0}234\u{a0}567,891", "1,234,567.891"),
        (7, "0,007", "0.007"),
    ];
    for (milli, ru, en) in cases {
        assert_eq!(reading(Language::Ru, Quantity(milli)), ru);
        assert_eq!(reading(Language::En, Quantity(milli)), en);
    }
}

#[test]
fn a_quantity_has_no_needless_decimals() {
    assert_eq!(quantity(Language::Ru, Quantity(95_000)), "95");
    assert_eq!(quantity(Language::En, Quantity(87_500)), "87.5");
    assert_eq!(quantity(Language::Ru, Quantity(-1_500)), "−1,5");
}

#[test]
fn an_amount_carries_the_unit_of_its_kind() {
    let ru = Voice::new(Language::Ru);
    let en = Voice::new(Language::En);
    assert_eq!(amount(&ru, MeterKind::Electricity, Quantity(87_500)), "87,5\u{a0}кВт·ч");
    assert_eq!(amount(&en, MeterKind::Electricity, Quantity(87_500)), "87.5\u{a0}kWh");
    assert_eq!(amount(&ru, MeterKind::HotWater, Quantity(3_000)), "3\u{a0}м³");
    assert_eq!(amount(&en, MeterKind::Heat, Quantity(1_250)), "1.25\u{a0}Gcal");
}

#[test]
fn zones_are_named_only_where_there_are_several() {
    let two = BTreeMap::from([(Zone::T1, Quantity(1_234_500)), (Zone::T2, Quantity(567_000))]);
    assert_eq!(readings(Language::Ru, &two), "Т1\u{a0}1\u{a0}234,5 · Т2\u{a0}567,0");
    assert_eq!(readings(Language::En, &two), "T1\u{a0}1,234.5 · T2\u{a0}567.0");
    assert_eq!(quantities(Language::En, &two), "T1\u{a0}1,234.5 · T2\u{a0}567");
    let one = BTreeMap::from([(Zone::T1, Quantity(12_000))]);
    assert_eq!(readings(Language::Ru, &one), "12,0");
}

#[test]
fn days_are_said_as_people_say_them() {
    let (ru, en) = (Voice::new(Language::Ru), Voice::new(Language::En));
    let today = date("2026-11-20");
    assert_eq!(day(&ru, date("2026-11-21"), today), "завтра, 21\u{a0}ноября");
    assert_eq!(day(&en, date("2026-11-21"), today), "tomorrow, 21\u{a0}November");
    assert_eq!(day(&ru, today, today), "сегодня, 20\u{a0}ноября");
    assert_eq!(day(&en, date("2026-11-19"), today), "yesterday, 19\u{a0}November");
    assert_eq!(day(&ru, date("2026-12-15"), today), "15\u{a0}декабря");
    assert_eq!(day(&ru, date("2030-02-01"), today), "1\u{a0}февраля\u{a0}2030");
}

#[test]
fn months_are_named_in_the_nominative() {
    let (ru, en) = (Voice::new(Language::Ru), Voice::new(Language::En));
    let today = date("2026-11-20");
    assert_eq!(month(&ru, date("2026-11-01"), today), "ноябрь");
    assert_eq!(month(&en, date("2025-05-01"), today), "May\u{a0}2025");
    for number in 1..=12 {
        let period = NaiveDate::from_ymd_opt(2026, number, 1).unwrap();
        assert!(month(&ru, period, today).chars().count() >= 3);
        assert!(month(&en, period, today).chars().count() >= 3);
    }
}

#[test]
fn english_days_of_the_month_have_their_endings() {
    let endings = [(1, "1st"), (2, "2nd"), (3, "3rd"), (11, "11th"), (22, "22nd"), (25, "25th")];
    for (day, text) in endings {
        assert_eq!(day_of_month(Language::En, day), text);
    }
    assert_eq!(day_of_month(Language::Ru, 15), "15");
}

#[test]
fn money_is_written_as_people_of_each_language_write_it() {
    let written = |amount_minor, code: &str, language| {
        money(language, Money::new(amount_minor, code.parse().unwrap()))
    };
    for (amount_minor, code, ru, en) in [
        (250, "XTR", "250 ⭐", "250 ⭐"),
        (499, "USD", "4,99\u{a0}$", "$4.99"),
        (179_000, "RUB", "1\u{a0}790\u{a0}₽", "1,790\u{a0}₽"),
        (5, "EUR", "0,05\u{a0}€", "€0.05"),
    ] {
        assert_eq!(written(amount_minor, code, Language::Ru), ru);
        assert_eq!(written(amount_minor, code, Language::En), en);
    }
}
