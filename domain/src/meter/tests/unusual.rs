//! Consumption far above the usual one.

use super::*;

/// Readings 30 days apart with 30 units each: one unit a day is usual.
fn monthly() -> Vec<MeterEvent> {
    vec![
        Registered { registered_on: day("2026-08-18"), ..registered() }.into(),
        submitted(1, "2026-09-17", 1030, 30).into(),
        submitted(2, "2026-10-17", 1060, 30).into(),
    ]
}

fn usual(units: i64) -> Quantity {
    Quantity(units * 1000)
}

#[test]
fn a_reading_tells_what_is_usual_over_as_many_days() {
    given(monthly()).when(issued(submit(3, units([1089])).into())).then_expect_events(vec![
        ReadingSubmitted { usual_milli: Some(usual(30)), ..submitted(3, TODAY, 1089, 29) }.into(),
    ]);
}

#[test]
fn exactly_the_factor_is_not_unusual() {
    given(monthly()).when(issued(submit(3, units([1150])).into())).then_expect_events(vec![
        ReadingSubmitted { usual_milli: Some(usual(30)), ..submitted(3, TODAY, 1150, 90) }.into(),
    ]);
}

#[test]
fn one_thousandth_above_the_factor_asks_for_confirmation() {
    given(monthly()).when(issued(submit(3, millis([1_150_001])).into())).then_expect_error(
        MeterRefusal::UnusualNeedsConfirmation {
            consumption_milli: Quantity(90_001),
            usual_milli: Quantity(30_000),
            factor: 3,
        },
    );
}

#[test]
fn a_confirmed_unusual_reading_is_accepted_with_a_warning() {
    let reading = SubmitReading { confirmed: true, ..submit(3, units([1200])) };
    given(monthly()).when(issued(reading.into())).then_expect_events(vec![
        ReadingSubmitted {
            usual_milli: Some(usual(30)),
            confirmed: true,
            warnings: vec![ReadingWarning::Unusual],
            ..submitted(3, TODAY, 1200, 140)
        }
        .into(),
    ]);
}

#[test]
fn an_import_is_not_asked_and_gets_the_warning_alone() {
    let reading = SubmitReading { source: ReadingSource::Import, ..submit(3, units([1200])) };
    given(monthly()).when(by(operator(), issued(reading.into()))).then_expect_events(vec![
        ReadingSubmitted {
            usual_milli: Some(usual(30)),
            source: ReadingSource::Import,
            warnings: vec![ReadingWarning::Unusual],
            ..submitted(3, TODAY, 1200, 140)
        }
        .into(),
    ]);
}

#[test]
fn the_factor_is_the_tenants() {
    let reading = || issued(submit(3, units([1160])).into());
    assert!(given(monthly()).when(reading()).inspect_result().is_err());
    let generous = ruled(|rules| rules.unusual_factor = 4, reading());
    assert!(given(monthly()).when(generous).inspect_result().is_ok());
}

#[test]
fn nothing_is_unusual_before_two_intervals_are_known() {
    given(monthly()[..2].to_vec())
        .when(issued(submit(3, units([9000])).into()))
        .then_expect_events(vec![submitted(3, TODAY, 9000, 7970).into()]);
}

#[test]
fn nothing_is_unusual_where_nothing_was_used_before() {
    given([
        registered().into(),
        submitted(1, "2026-09-17", 1000, 0).into(),
        submitted(2, "2026-10-17", 1000, 0).into(),
    ])
    .when(issued(submit(3, units([9000])).into()))
    .then_expect_events(vec![submitted(3, TODAY, 9000, 8000).into()]);
}

#[test]
fn a_long_absence_of_readings_is_not_unusual() {
    // 300 days at the usual rate.
    let late = on("2027-08-16", issued(submit(3, units([1363])).into()));
    given(monthly()).when(late).then_expect_events(vec![
        ReadingSubmitted { usual_milli: Some(usual(303)), ..submitted(3, "2027-08-16", 1363, 303) }
            .into(),
    ]);
}

#[test]
fn two_readings_within_days_are_measured_by_the_day() {
    let soon = |value| on("2026-10-19", issued(submit(3, units([value])).into()));
    given(monthly()).when(soon(1066)).then_expect_events(vec![
        ReadingSubmitted { usual_milli: Some(usual(2)), ..submitted(3, "2026-10-19", 1066, 6) }
            .into(),
    ]);
    assert!(matches!(
        given(monthly()).when(soon(1067)).inspect_result(),
        Err(MeterRefusal::UnusualNeedsConfirmation { .. })
    ));
}

#[test]
fn only_the_last_six_intervals_make_up_what_is_usual() {
    let mut events: Vec<MeterEvent> =
        vec![Registered { registered_on: day("2026-01-01"), ..registered() }.into()];
    // 900 units in the first ten days, then 10 units in every ten days.
    events.push(submitted(1, "2026-01-11", 1900, 900).into());
    let days = ["2026-01-21", "2026-01-31", "2026-02-10", "2026-02-20", "2026-03-02", "2026-03-12"];
    for (number, (on, value)) in (2..).zip(days.into_iter().zip((1910..).step_by(10))) {
        events.push(submitted(number, on, value, 10).into());
    }
    let next = on("2026-03-22", issued(submit(8, units([1970])).into()));
    given(events.clone()).when(next).then_expect_events(vec![
        ReadingSubmitted { usual_milli: Some(usual(10)), ..submitted(8, "2026-03-22", 1970, 10) }
            .into(),
    ]);
    // For a correction of the seventh, the first interval is one of the last six before it.
    let correction = on("2026-03-16", issued(correct(7, units([1961])).into()));
    given(events).when(correction).then_expect_events(vec![
        ReadingCorrected {
            usual_milli: Some(Quantity(158_333)),
            period: day("2026-03-01"),
            ..corrected(7, 1961, 11, 1960)
        }
        .into(),
    ]);
}

#[test]
fn zones_count_together() {
    let both = |number, on, values, consumption| ReadingSubmitted {
        values_milli: values,
        consumption_milli: consumption,
        ..submitted(number, on, 0, 0)
    };
    let events = || {
        given([
            Registered { registered_on: day("2026-08-18"), ..two_zones() }.into(),
            both(1, "2026-09-17", units([1020, 510]), units([20, 10])).into(),
            both(2, "2026-10-17", units([1040, 520]), units([20, 10])).into(),
        ])
    };
    // Ten times the usual in one zone, and less than three times over both.
    events().when(issued(submit(3, units([1040, 605])).into())).then_expect_events(vec![
        ReadingSubmitted {
            usual_milli: Some(usual(30)),
            ..both(3, TODAY, units([1040, 605]), units([0, 85]))
        }
        .into(),
    ]);
    events().when(issued(submit(3, units([1060, 600])).into())).then_expect_error(
        MeterRefusal::UnusualNeedsConfirmation {
            consumption_milli: Quantity(100_000),
            usual_milli: Quantity(30_000),
            factor: 3,
        },
    );
}

#[test]
fn a_second_reading_of_a_day_adds_to_the_first() {
    let mut events = monthly();
    events.push(submitted(3, TODAY, 1061, 1).into());
    // The first was a digit short; together they are as usual.
    given(events.clone())
        .when(issued(submit(4, units([1090])).into()))
        .then_expect_events(vec![submitted(4, TODAY, 1090, 29).into()]);
    given(events.clone()).when(issued(submit(4, units([1151])).into())).then_expect_error(
        MeterRefusal::UnusualNeedsConfirmation {
            consumption_milli: Quantity(91_000),
            usual_milli: Quantity(30_000),
            factor: 3,
        },
    );
    // The two make one interval of the next comparison: 90 units in 90 days.
    events.push(submitted(4, TODAY, 1090, 29).into());
    given(events)
        .when(on("2026-12-16", issued(submit(5, units([1120])).into())))
        .then_expect_events(vec![
            ReadingSubmitted {
                usual_milli: Some(usual(30)),
                ..submitted(5, "2026-12-16", 1120, 30)
            }
            .into(),
        ]);
}

#[test]
fn readings_on_the_day_of_registration_set_the_start_and_no_rate() {
    let events = vec![
        Registered { registered_on: day("2026-09-17"), ..registered() }.into(),
        submitted(1, "2026-09-17", 8000, 7000).into(),
        submitted(2, "2026-10-17", 8030, 30).into(),
    ];
    // One interval is known, so nothing is unusual yet.
    given(events.clone())
        .when(issued(submit(3, units([9000])).into()))
        .then_expect_events(vec![submitted(3, TODAY, 9000, 970).into()]);
    // Two are known, and the start is none of them.
    let next = on("2026-12-16", issued(submit(4, units([8090])).into()));
    given(events).and(vec![submitted(3, TODAY, 8060, 30).into()]).when(next).then_expect_events(
        vec![
            ReadingSubmitted {
                usual_milli: Some(usual(30)),
                ..submitted(4, "2026-12-16", 8090, 30)
            }
            .into(),
        ],
    );
}

#[test]
fn an_imported_history_starts_with_its_first_reading() {
    let imported = |number, on, value, consumption| -> MeterEvent {
        let reading = submitted(number, on, value, consumption);
        ReadingSubmitted { source: ReadingSource::Import, ..reading }.into()
    };
    given([
        Registered { registered_on: day(TODAY), ..registered() }.into(),
        imported(1, "2026-08-18", 8000, 7000),
        imported(2, "2026-09-17", 8030, 30),
        imported(3, "2026-10-17", 8060, 30),
    ])
    .when(issued(submit(4, units([8090])).into()))
    .then_expect_events(vec![
        ReadingSubmitted { usual_milli: Some(usual(30)), ..submitted(4, TODAY, 8090, 30) }.into(),
    ]);
}

#[test]
fn a_correction_is_compared_with_the_readings_before_the_corrected_one() {
    let mut events = monthly();
    events.push(submitted(3, TODAY, 1061, 1).into());
    given(events.clone()).when(issued(correct(3, units([1151])).into())).then_expect_error(
        MeterRefusal::UnusualNeedsConfirmation {
            consumption_milli: Quantity(91_000),
            usual_milli: Quantity(30_000),
            factor: 3,
        },
    );
    let confirmed = CorrectReading { confirmed: true, ..correct(3, units([1151])) };
    given(events).when(issued(confirmed.into())).then_expect_events(vec![
        ReadingCorrected {
            usual_milli: Some(usual(30)),
            confirmed: true,
            warnings: vec![ReadingWarning::Unusual],
            ..corrected(3, 1151, 91, 1061)
        }
        .into(),
    ]);
}

#[test]
fn what_is_usual_follows_a_correction() {
    let mut events = monthly();
    events.push(submitted(3, TODAY, 1150, 90).into());
    let next = |value| on("2026-12-16", issued(submit(4, units([value])).into()));
    given(events.clone()).when(next(1200)).then_expect_events(vec![
        ReadingSubmitted { usual_milli: Some(usual(50)), ..submitted(4, "2026-12-16", 1200, 50) }
            .into(),
    ]);
    events.push(corrected(3, 1090, 30, 1150).into());
    given(events).when(next(1120)).then_expect_events(vec![
        ReadingSubmitted { usual_milli: Some(usual(30)), ..submitted(4, "2026-12-16", 1120, 30) }
            .into(),
    ]);
}

#[test]
fn warnings_stand_together() {
    let mut events = vec![
        Registered {
            digits: 3,
            registered_on: day("2026-08-18"),
            initial_values_milli: units([958]),
            verification_due_on: Some(day("2026-01-01")),
            ..registered()
        }
        .into(),
    ];
    events.push(submitted(1, "2026-09-17", 968, 10).into());
    events.push(submitted(2, "2026-10-17", 978, 10).into());
    let reading = SubmitReading { confirmed: true, ..submit(3, units([78])) };
    given(events).when(issued(reading.into())).then_expect_events(vec![
        ReadingSubmitted {
            usual_milli: Some(usual(10)),
            confirmed: true,
            rolled_over: vec![Zone::T1],
            warnings: vec![
                ReadingWarning::VerificationOverdue,
                ReadingWarning::Unusual,
                ReadingWarning::RolledOver,
            ],
            ..submitted(3, TODAY, 78, 100)
        }
        .into(),
    ]);
}
