use kontor_domain::{
    Language, Quantity, RefusalDocument,
    account::AccountRefusal,
    meter::{MeterKind, MeterRefusal, Zone},
};

use super::{About, account, meter};
use crate::texts::Voice;

fn date(text: &str) -> chrono::NaiveDate {
    text.parse().unwrap()
}

/// Every refusal there is; a new variant stops the build in `position`.
fn all() -> Vec<MeterRefusal> {
    let day = date("2026-12-15");
    let (last_milli, submitted_milli) = (Quantity(1_234_500), Quantity(1_134_500));
    vec![
        MeterRefusal::TenantUnknown,
        MeterRefusal::MeterUnknown,
        MeterRefusal::MeterExists,
        MeterRefusal::NotAllowed,
        MeterRefusal::MeterArchived,
        MeterRefusal::FieldOutOfRange { field: "place".into(), expected: "0 to 80".into() },
        MeterRefusal::ZonesMismatch { expected: vec![Zone::T1, Zone::T2], given: vec![Zone::T1] },
        MeterRefusal::ValueOutOfRange {
            zone: Zone::T1,
            submitted_milli: Quantity(12_345_678_000),
            value_max_milli: Quantity(99_999_999),
            digits: 5,
        },
        MeterRefusal::ReadingBelowLast { zone: Zone::T1, last_milli, submitted_milli },
        MeterRefusal::RolloverNeedsConfirmation {
            zone: Zone::T2,
            last_milli: Quantity(99_990_000),
            submitted_milli: Quantity(40_000),
            consumption_milli: Quantity(50_000),
        },
        MeterRefusal::UnusualNeedsConfirmation {
            consumption_milli: Quantity(312_000),
            usual_milli: Quantity(95_000),
            factor: 3,
        },
        MeterRefusal::OutsideWindow { first_day: 15, last_day: 25, opens_on: day },
        MeterRefusal::VerificationOverdue { due_on: day },
        MeterRefusal::TakenInFuture { taken_on: day, today: date("2026-11-20") },
        MeterRefusal::TakenBeforeLast { taken_on: date("2026-11-01"), last_taken_on: day },
        MeterRefusal::PhotoNeeded,
        MeterRefusal::NotLastReading,
        MeterRefusal::CorrectionClosed { closed_on: day },
        MeterRefusal::SourceNotAllowed,
        MeterRefusal::ReadingIdReused,
        MeterRefusal::AccountErased,
    ]
}

fn position(refusal: &MeterRefusal) -> usize {
    match refusal {
        MeterRefusal::TenantUnknown => 0,
        MeterRefusal::MeterUnknown => 1,
        MeterRefusal::MeterExists => 2,
        MeterRefusal::NotAllowed => 3,
        MeterRefusal::MeterArchived => 4,
        MeterRefusal::FieldOutOfRange { .. } => 5,
        MeterRefusal::ZonesMismatch { .. } => 6,
        MeterRefusal::ValueOutOfRange { .. } => 7,
        MeterRefusal::ReadingBelowLast { .. } => 8,
        MeterRefusal::RolloverNeedsConfirmation { .. } => 9,
        MeterRefusal::UnusualNeedsConfirmation { .. } => 10,
        MeterRefusal::OutsideWindow { .. } => 11,
        MeterRefusal::VerificationOverdue { .. } => 12,
        MeterRefusal::TakenInFuture { .. } => 13,
        MeterRefusal::TakenBeforeLast { .. } => 14,
        MeterRefusal::PhotoNeeded => 15,
        MeterRefusal::NotLastReading => 16,
        MeterRefusal::CorrectionClosed { .. } => 17,
        MeterRefusal::SourceNotAllowed => 18,
        MeterRefusal::ReadingIdReused => 19,
        MeterRefusal::AccountErased => 20,
    }
}

fn about(language: Language, zones: u8) -> About {
    About {
        voice: Voice::new(language),
        kind: MeterKind::Electricity,
        zones,
        today: date("2026-11-20"),
    }
}

#[test]
fn every_refusal_has_words_of_its_own_in_both_languages() {
    for language in [Language::Ru, Language::En] {
        let mut seen = std::collections::HashSet::new();
        for (index, refusal) in all().iter().enumerate() {
            assert_eq!(position(refusal), index, "the list of refusals is complete and in order");
            let words = meter(about(language, 2), refusal);
            assert!(words.chars().count() > 15, "{refusal:?}: {words}");
            assert!(!words.contains("refused-"), "{refusal:?}: {words}");
            let cyrillic = words.chars().any(|c| ('а'..='я').contains(&c));
            assert_eq!(cyrillic, language == Language::Ru, "{words}");
            assert!(seen.insert(words.clone()), "two refusals share these words: {words}");
        }
    }
}

#[test]
fn the_words_say_what_was_read_and_what_would_be_right() {
    let refusals = all();
    let ru = |index: usize| meter(about(Language::Ru, 1), &refusals[index]);
    let en = |index: usize| meter(about(Language::En, 1), &refusals[index]);
    assert_eq!(
        ru(8),
        "Прошлый раз было 1\u{a0}234,5, а сейчас 1\u{a0}134,5. Проверьте первую цифру. \
         Если счётчик заменили — нажмите «Замена»."
    );
    assert_eq!(
        en(8),
        "Last time it was 1,234.5, now 1,134.5. Check the first digit. \
         If the meter was replaced, press \"Replaced\"."
    );
    assert_eq!(ru(10), "Это втрое больше обычного: 312\u{a0}кВт·ч вместо 95. Всё верно?");
    assert_eq!(en(10), "That is three times the usual: 312\u{a0}kWh instead of 95. Is it right?");
    assert_eq!(
        ru(11),
        "Показания принимаем с 15 по 25 число. Следующий приём откроется 15\u{a0}декабря."
    );
    assert_eq!(
        en(11),
        "Readings are taken from the 15th to the 25th. The next time opens on 15\u{a0}December."
    );
    assert!(ru(7).contains("12\u{a0}345\u{a0}678,0") && ru(7).contains("99\u{a0}999,999"));
}

#[test]
fn a_zone_is_named_where_there_are_several() {
    let refusal = &all()[8];
    assert!(
        meter(about(Language::Ru, 2), refusal).starts_with("Т1: прошлый раз")
            || meter(about(Language::Ru, 2), refusal).starts_with("Т1: Прошлый раз")
    );
    assert!(meter(about(Language::Ru, 1), refusal).starts_with("Прошлый раз"));
}

#[test]
fn refusals_of_accounts_have_words_and_unknown_ones_do_not_show_their_code() {
    let refusals = [
        AccountRefusal::TenantUnknown,
        AccountRefusal::AccountExists,
        AccountRefusal::AccountUnknown,
        AccountRefusal::NotAllowed,
        AccountRefusal::TextOutOfRange { field: "username".into(), length_max: 64 },
    ];
    for language in [Language::Ru, Language::En] {
        let voice = Voice::new(language);
        for refusal in &refusals {
            let words = account(voice, &RefusalDocument::from_refusal(refusal).unwrap());
            assert!(!words.contains("refused-"), "{words}");
        }
        let words = account(voice, &RefusalDocument::new("deadline_passed", "too late"));
        assert!(!words.contains("deadline"), "{words}");
    }
}
