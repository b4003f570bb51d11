//! What a plain reading must be like.

use super::*;

#[test]
fn a_reading_is_accepted_with_its_consumption() {
    given_meter().when(issued(submit(1, millis([1_087_500])).into())).then_expect_events(vec![
        ReadingSubmitted {
            values_milli: millis([1_087_500]),
            consumption_milli: millis([87_500]),
            ..submitted(1, TODAY, 0, 0)
        }
        .into(),
    ]);
}

#[test]
fn a_reading_that_equals_the_last_one_is_accepted() {
    given([registered().into(), submitted(1, "2026-10-16", 1100, 100).into()])
        .when(issued(submit(2, units([1100])).into()))
        .then_expect_events(vec![submitted(2, TODAY, 1100, 0).into()]);
}

#[test]
fn a_reading_one_thousandth_below_the_last_one_is_refused() {
    given([registered().into(), submitted(1, "2026-10-16", 1100, 100).into()])
        .when(issued(submit(2, millis([1_099_999])).into()))
        .then_expect_error(MeterRefusal::ReadingBelowLast {
            zone: Zone::T1,
            last_milli: Quantity(1_100_000),
            submitted_milli: Quantity(1_099_999),
        });
}

#[test]
fn the_first_reading_is_measured_against_the_initial_value() {
    given_meter().when(issued(submit(1, units([999])).into())).then_expect_error(
        MeterRefusal::ReadingBelowLast {
            zone: Zone::T1,
            last_milli: Quantity(1_000_000),
            submitted_milli: Quantity(999_000),
        },
    );
}

#[test]
fn every_zone_has_its_own_consumption() {
    given([two_zones().into()])
        .when(issued(submit(1, units([1010, 520])).into()))
        .then_expect_events(vec![
            ReadingSubmitted {
                values_milli: units([1010, 520]),
                consumption_milli: units([10, 20]),
                ..submitted(1, TODAY, 0, 0)
            }
            .into(),
        ]);
}

#[test]
fn one_zone_below_its_last_value_refuses_the_whole_reading() {
    given([two_zones().into()])
        .when(issued(submit(1, units([1010, 499])).into()))
        .then_expect_error(MeterRefusal::ReadingBelowLast {
            zone: Zone::T2,
            last_milli: Quantity(500_000),
            submitted_milli: Quantity(499_000),
        });
}

#[test]
fn a_reading_gives_every_zone_and_no_other() {
    use Zone::{T1, T2, T3};
    let expected = || vec![T1, T2];
    for (values, given_zones) in [
        (units([1010]), vec![T1]),
        (units([1010, 510, 1]), vec![T1, T2, T3]),
        (BTreeMap::from([(T2, Quantity(510_000))]), vec![T2]),
        (BTreeMap::new(), vec![]),
    ] {
        given([two_zones().into()])
            .when(issued(submit(1, values.clone()).into()))
            .then_expect_error(MeterRefusal::ZonesMismatch {
                expected: expected(),
                given: given_zones.clone(),
            });
        given([
            two_zones().into(),
            ReadingSubmitted { values_milli: units([1010, 510]), ..submitted(1, TODAY, 0, 0) }
                .into(),
        ])
        .when(issued(correct(1, values).into()))
        .then_expect_error(MeterRefusal::ZonesMismatch {
            expected: expected(),
            given: given_zones,
        });
    }
}

#[test]
fn a_value_lies_between_zero_and_the_largest_that_the_counter_shows() {
    for value in [-1, 1_000_000_000, i64::MIN, i64::MAX] {
        given_meter().when(issued(submit(1, millis([value])).into())).then_expect_error(
            MeterRefusal::ValueOutOfRange {
                zone: Zone::T1,
                submitted_milli: Quantity(value),
                value_max_milli: Quantity(999_999_999),
                digits: 6,
            },
        );
    }
    given_meter().when(issued(submit(1, millis([999_999_999])).into())).then_expect_events(vec![
        ReadingSubmitted {
            values_milli: millis([999_999_999]),
            consumption_milli: millis([998_999_999]),
            ..submitted(1, TODAY, 0, 0)
        }
        .into(),
    ]);
}

#[test]
fn a_reading_before_the_day_of_the_last_one_is_refused() {
    let reading = SubmitReading {
        taken_on: Some(day("2026-11-14")),
        source: ReadingSource::Operator,
        ..submit(2, units([1200]))
    };
    given([registered().into(), submitted(1, "2026-11-15", 1100, 100).into()])
        .when(by(operator(), issued(reading.into())))
        .then_expect_error(MeterRefusal::TakenBeforeLast {
            taken_on: day("2026-11-14"),
            last_taken_on: day("2026-11-15"),
        });
}

#[test]
fn an_import_may_reach_back_behind_the_registration() {
    let reading = SubmitReading {
        taken_on: Some(day("2025-01-31")),
        source: ReadingSource::Import,
        ..submit(1, units([1100]))
    };
    given_meter().when(by(operator(), issued(reading.into()))).then_expect_events(vec![
        ReadingSubmitted { source: ReadingSource::Import, ..submitted(1, "2025-01-31", 1100, 100) }
            .into(),
    ]);
}

#[test]
fn further_readings_of_a_month_count_for_the_same_month() {
    given([registered().into(), submitted(1, "2026-11-15", 1100, 100).into()])
        .when(on("2026-11-25", issued(submit(2, units([1130])).into())))
        .then_expect_events(vec![
            ReadingSubmitted { period: day("2026-11-01"), ..submitted(2, "2026-11-25", 1130, 30) }
                .into(),
        ]);
}

#[test]
fn the_same_reading_again_changes_nothing() {
    given([registered().into(), submitted(1, TODAY, 1100, 100).into()])
        .when(issued(submit(1, units([1100])).into()))
        .then_expect_events(vec![]);
}

#[test]
fn an_older_reading_again_changes_nothing_even_outside_the_window() {
    given([
        registered().into(),
        submitted(1, "2026-10-16", 1100, 100).into(),
        submitted(2, TODAY, 1200, 100).into(),
    ])
    .when(on("2026-11-30", issued(submit(1, units([1100])).into())))
    .then_expect_events(vec![]);
}

#[test]
fn a_reading_that_was_corrected_comes_again_in_its_old_and_its_new_form() {
    for value in [1100, 1150] {
        given([
            registered().into(),
            submitted(1, TODAY, 1100, 100).into(),
            corrected(1, 1150, 150, 1100).into(),
        ])
        .when(issued(submit(1, units([value])).into()))
        .then_expect_events(vec![]);
    }
}

#[test]
fn an_id_of_a_reading_is_not_used_for_other_values() {
    for values in [units([1101]), units([1100, 0]), BTreeMap::new()] {
        given([registered().into(), submitted(1, TODAY, 1100, 100).into()])
            .when(issued(submit(1, values).into()))
            .then_expect_error(MeterRefusal::ReadingIdReused);
    }
}

#[test]
fn the_last_twelve_readings_are_recognised() {
    let readings =
        (1..=13).map(|n| submitted(n, "2026-06-16", 1000 + i64::try_from(n).unwrap(), 1).into());
    let events: Vec<MeterEvent> = [registered().into()].into_iter().chain(readings).collect();
    given(events.clone()).when(issued(submit(2, units([1002])).into())).then_expect_events(vec![]);
    given(events).when(issued(submit(1, units([1001])).into())).then_expect_error(
        MeterRefusal::ReadingBelowLast {
            zone: Zone::T1,
            last_milli: Quantity(1_013_000),
            submitted_milli: Quantity(1_001_000),
        },
    );
}

#[test]
fn a_source_may_ask_for_a_photo() {
    let ask = |rules: &mut MeterRules| {
        let asked = SourceRules { window: true, confirmation: true, photo: true };
        rules.by_source.insert(ReadingSource::Telegram, asked);
    };
    given_meter()
        .when(ruled(ask, issued(submit(1, units([1100])).into())))
        .then_expect_error(MeterRefusal::PhotoNeeded);

    let photo = || PhotoReference::Telegram { bot: "demo".to_owned(), file_id: "AgAC".to_owned() };
    let reading = SubmitReading { photo: Some(photo()), ..submit(1, units([1100])) };
    given_meter().when(ruled(ask, issued(reading.into()))).then_expect_events(vec![
        ReadingSubmitted { photo: Some(photo().into()), ..submitted(1, TODAY, 1100, 100) }.into(),
    ]);

    let from_the_web = SubmitReading { source: ReadingSource::Web, ..submit(1, units([1100])) };
    let events = given_meter().when(ruled(ask, issued(from_the_web.into()))).inspect_result();
    assert!(events.is_ok(), "only the named source asks");
}

#[test]
fn a_photo_is_a_telegram_file_or_an_https_address() {
    let telegram = |bot: &str, file_id: &str| PhotoReference::Telegram {
        bot: bot.to_owned(),
        file_id: file_id.to_owned(),
    };
    let url = |url: String| PhotoReference::Url { url };
    let text =
        |max| format!("1 to {max} characters without line breaks or other control characters");
    let address = "an https address of at most 2048 characters".to_owned();
    let table = [
        (telegram("", "id"), Some(("photo.bot", text(40)))),
        (telegram(&"b".repeat(41), "id"), Some(("photo.bot", text(40)))),
        (telegram("demo", ""), Some(("photo.file_id", text(256)))),
        (telegram("demo", &"f".repeat(257)), Some(("photo.file_id", text(256)))),
        (telegram(&"b".repeat(40), &"f".repeat(256)), None),
        (url("https://example.org/1.jpg".to_owned()), None),
        (url(format!("https://{}", "a".repeat(2040))), None),
        (url(format!("https://{}", "a".repeat(2041))), Some(("photo.url", address.clone()))),
        (url("http://example.org/1.jpg".to_owned()), Some(("photo.url", address.clone()))),
        (url("https://".to_owned()), Some(("photo.url", address.clone()))),
        (url("https://a b".to_owned()), Some(("photo.url", address.clone()))),
        (url("javascript:alert(1)".to_owned()), Some(("photo.url", address))),
    ];
    for (photo, wrong) in table {
        let reading = SubmitReading { photo: Some(photo.clone()), ..submit(1, units([1100])) };
        let result = given_meter().when(issued(reading.into())).inspect_result();
        let refusal = wrong.map(|(field, expected)| out_of_range(field, &expected));
        assert_eq!(result.err(), refusal, "{photo:?}");
    }
}

#[test]
fn an_overdue_verification_warns() {
    let due = |on: &str| Registered { verification_due_on: Some(day(on)), ..registered() };
    given([due("2026-11-15").into()])
        .when(issued(submit(1, units([1100])).into()))
        .then_expect_events(vec![
            ReadingSubmitted {
                warnings: vec![ReadingWarning::VerificationOverdue],
                ..submitted(1, TODAY, 1100, 100)
            }
            .into(),
        ]);
    given([due(TODAY).into()])
        .when(issued(submit(1, units([1100])).into()))
        .then_expect_events(vec![submitted(1, TODAY, 1100, 100).into()]);
}

#[test]
fn an_overdue_verification_blocks_where_the_tenant_says_so() {
    let block = |rules: &mut MeterRules| rules.verification = VerificationPolicy::Block;
    let due = |on: &str| Registered { verification_due_on: Some(day(on)), ..registered() };
    let reading = || ruled(block, issued(submit(1, units([1100])).into()));
    given([due("2026-11-15").into()])
        .when(reading())
        .then_expect_error(MeterRefusal::VerificationOverdue { due_on: day("2026-11-15") });
    let accepted = || vec![submitted(1, TODAY, 1100, 100).into()];
    given([due(TODAY).into()]).when(reading()).then_expect_events(accepted());
    given_meter().when(reading()).then_expect_events(accepted());
    let renewed = VerificationRenewed { verification_due_on: day("2032-11-15") };
    given([due("2026-11-15").into(), renewed.into()])
        .when(reading())
        .then_expect_events(accepted());
}
