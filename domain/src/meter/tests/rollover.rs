//! Counters that pass their largest value.

use super::*;

/// A counter with three digits: it shows up to 999.999 and then zero.
fn nearly_full(value_milli: i64) -> AggregateTestExecutor<Meter> {
    given([Registered { digits: 3, initial_values_milli: millis([value_milli]), ..registered() }
        .into()])
}

fn rolled(value_milli: i64, consumption_milli: i64) -> ReadingSubmitted {
    ReadingSubmitted {
        values_milli: millis([value_milli]),
        consumption_milli: millis([consumption_milli]),
        rolled_over: vec![Zone::T1],
        warnings: vec![ReadingWarning::RolledOver],
        ..submitted(1, TODAY, 0, 0)
    }
}

fn confirmed(values_milli: BTreeMap<Zone, Quantity>) -> SubmitReading {
    SubmitReading { confirmed: true, ..submit(1, values_milli) }
}

#[test]
fn a_fall_from_the_last_tenth_to_the_first_asks_whether_the_counter_rolled_over() {
    nearly_full(990_000).when(issued(submit(1, millis([5_000])).into())).then_expect_error(
        MeterRefusal::RolloverNeedsConfirmation {
            zone: Zone::T1,
            last_milli: Quantity(990_000),
            submitted_milli: Quantity(5_000),
            consumption_milli: Quantity(15_000),
        },
    );
}

#[test]
fn a_confirmed_rollover_is_accepted_with_a_warning() {
    nearly_full(990_000).when(issued(confirmed(millis([5_000])).into())).then_expect_events(vec![
        ReadingSubmitted { confirmed: true, ..rolled(5_000, 15_000) }.into(),
    ]);
}

#[test]
fn a_source_that_is_not_asked_gets_the_warning_alone() {
    let reading = SubmitReading { source: ReadingSource::Import, ..submit(1, millis([5_000])) };
    nearly_full(990_000).when(by(operator(), issued(reading.into()))).then_expect_events(vec![
        ReadingSubmitted { source: ReadingSource::Import, ..rolled(5_000, 15_000) }.into(),
    ]);
}

#[test]
fn from_the_largest_value_to_zero_is_one_thousandth() {
    nearly_full(999_999)
        .when(issued(confirmed(millis([0])).into()))
        .then_expect_events(vec![ReadingSubmitted { confirmed: true, ..rolled(0, 1) }.into()]);
}

#[test]
fn the_last_and_the_first_tenth_begin_and_end_exactly() {
    let accepts = |last, submitted| {
        nearly_full(last)
            .when(issued(confirmed(millis([submitted])).into()))
            .inspect_result()
            .is_ok()
    };
    assert!(accepts(900_000, 100_000));
    assert!(!accepts(899_999, 100_000));
    assert!(!accepts(900_000, 100_001));
}

#[test]
fn no_confirmation_makes_an_implausible_fall_acceptable() {
    for (last, value) in [(500_000, 499_999), (899_999, 0), (999_999, 100_001)] {
        nearly_full(last).when(issued(confirmed(millis([value])).into())).then_expect_error(
            MeterRefusal::ReadingBelowLast {
                zone: Zone::T1,
                last_milli: Quantity(last),
                submitted_milli: Quantity(value),
            },
        );
    }
}

#[test]
fn an_implausible_fall_in_one_zone_is_told_before_a_rollover_in_another_is_asked_about() {
    let meter = || {
        given([Registered {
            zones: 2,
            digits: 3,
            initial_values_milli: units([990, 500]),
            ..registered()
        }
        .into()])
    };
    meter().when(issued(submit(1, units([5, 400])).into())).then_expect_error(
        MeterRefusal::ReadingBelowLast {
            zone: Zone::T2,
            last_milli: Quantity(500_000),
            submitted_milli: Quantity(400_000),
        },
    );
    meter().when(issued(confirmed(units([5, 501])).into())).then_expect_events(vec![
        ReadingSubmitted {
            values_milli: units([5, 501]),
            consumption_milli: units([15, 1]),
            confirmed: true,
            ..rolled(0, 0)
        }
        .into(),
    ]);
}

#[test]
fn readings_go_on_from_the_small_value_after_a_rollover() {
    given([
        Registered { digits: 3, initial_values_milli: units([990]), ..registered() }.into(),
        ReadingSubmitted { taken_on: day("2026-10-16"), ..rolled(5_000, 15_000) }.into(),
    ])
    .when(issued(submit(2, units([25])).into()))
    .then_expect_events(vec![submitted(2, TODAY, 25, 20).into()]);
}

#[test]
fn a_confirmation_that_nobody_asked_for_is_not_recorded() {
    given_meter()
        .when(issued(confirmed(units([1100])).into()))
        .then_expect_events(vec![submitted(1, TODAY, 1100, 100).into()]);
}

#[test]
fn a_correction_to_a_rollover_asks_too() {
    let events = || {
        given([
            Registered { digits: 3, initial_values_milli: units([990]), ..registered() }.into(),
            submitted(1, TODAY, 995, 5).into(),
        ])
    };
    events().when(issued(correct(1, units([5])).into())).then_expect_error(
        MeterRefusal::RolloverNeedsConfirmation {
            zone: Zone::T1,
            last_milli: Quantity(990_000),
            submitted_milli: Quantity(5_000),
            consumption_milli: Quantity(15_000),
        },
    );
    let confirmed = CorrectReading { confirmed: true, ..correct(1, units([5])) };
    events().when(issued(confirmed.into())).then_expect_events(vec![
        ReadingCorrected {
            confirmed: true,
            rolled_over: vec![Zone::T1],
            warnings: vec![ReadingWarning::RolledOver],
            ..corrected(1, 5, 15, 995)
        }
        .into(),
    ]);
}
