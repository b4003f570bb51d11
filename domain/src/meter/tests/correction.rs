//! Replacing the last reading.

use super::*;

fn given_readings() -> AggregateTestExecutor<Meter> {
    given([
        registered().into(),
        submitted(1, "2026-10-16", 1100, 100).into(),
        submitted(2, TODAY, 1200, 100).into(),
    ])
}

fn by_staff(value: i64) -> CorrectReading {
    CorrectReading { source: ReadingSource::Operator, ..correct(2, units([value])) }
}

#[test]
fn a_customer_corrects_the_last_reading_and_its_consumption() {
    let correction =
        CorrectReading { reason: " опечатка ".to_owned(), ..correct(2, units([1150])) };
    given_readings().when(issued(correction.into())).then_expect_events(vec![
        ReadingCorrected {
            reason: "опечатка".to_owned().into(), ..corrected(2, 1150, 50, 1200)
        }
        .into(),
    ]);
}

#[test]
fn a_correction_to_the_same_values_changes_nothing() {
    given_readings()
        .when(on("2027-01-01", issued(correct(2, units([1200])).into())))
        .then_expect_events(vec![]);
}

#[test]
fn a_corrected_reading_can_be_corrected_again() {
    given_readings()
        .and(vec![corrected(2, 1150, 50, 1200).into()])
        .when(issued(correct(2, units([1160])).into()))
        .then_expect_events(vec![corrected(2, 1160, 60, 1150).into()]);
}

#[test]
fn the_next_reading_is_measured_against_the_corrected_one() {
    given_readings()
        .and(vec![corrected(2, 1150, 50, 1200).into()])
        .when(issued(submit(3, units([1160])).into()))
        .then_expect_events(vec![submitted(3, TODAY, 1160, 10).into()]);
}

#[test]
fn only_the_last_reading_is_corrected() {
    given_readings()
        .when(issued(correct(1, units([1050])).into()))
        .then_expect_error(MeterRefusal::NotLastReading);
    given_readings()
        .when(issued(correct(9, units([1050])).into()))
        .then_expect_error(MeterRefusal::NotLastReading);
    given_meter()
        .when(issued(correct(1, units([1050])).into()))
        .then_expect_error(MeterRefusal::NotLastReading);
}

#[test]
fn a_correction_is_checked_against_the_reading_before() {
    given_readings().when(issued(correct(2, units([1099])).into())).then_expect_error(
        MeterRefusal::ReadingBelowLast {
            zone: Zone::T1,
            last_milli: Quantity(1_100_000),
            submitted_milli: Quantity(1_099_000),
        },
    );
    given_readings()
        .when(issued(correct(2, units([1100])).into()))
        .then_expect_events(vec![corrected(2, 1100, 0, 1200).into()]);
}

#[test]
fn a_correction_lies_within_the_counter() {
    given_readings().when(issued(correct(2, units([1_000_000])).into())).then_expect_error(
        MeterRefusal::ValueOutOfRange {
            zone: Zone::T1,
            submitted_milli: Quantity(1_000_000_000),
            value_max_milli: Quantity(999_999_999),
            digits: 6,
        },
    );
}

#[test]
fn a_customer_corrects_until_the_window_closes() {
    let correction = |day| on(day, issued(correct(2, units([1150])).into()));
    given_readings()
        .when(correction("2026-11-25"))
        .then_expect_events(vec![corrected(2, 1150, 50, 1200).into()]);
    for late in ["2026-11-26", "2026-12-16"] {
        given_readings()
            .when(correction(late))
            .then_expect_error(MeterRefusal::CorrectionClosed { closed_on: day("2026-11-25") });
    }
}

#[test]
fn the_staff_correct_at_any_time() {
    for actor in [operator(), system()] {
        let late = on("2027-06-01", by(actor, issued(by_staff(1150).into())));
        given_readings().when(late).then_expect_events(vec![
            ReadingCorrected { source: ReadingSource::Operator, ..corrected(2, 1150, 50, 1200) }
                .into(),
        ]);
    }
}

#[test]
fn a_program_that_is_bound_to_the_window_corrects_until_it_closes() {
    let correction = CorrectReading { source: ReadingSource::Api, ..correct(2, units([1150])) };
    given_readings()
        .when(on("2026-11-26", by(operator(), issued(correction.into()))))
        .then_expect_error(MeterRefusal::CorrectionClosed { closed_on: day("2026-11-25") });
}

#[test]
fn a_customer_corrects_a_reading_of_the_staff_only_while_the_window_is_open() {
    let early = || {
        given([
            registered().into(),
            ReadingSubmitted {
                source: ReadingSource::Operator,
                ..submitted(2, "2026-11-03", 1200, 200)
            }
            .into(),
        ])
    };
    let correction = |day| on(day, issued(correct(2, units([1150])).into()));
    early().when(correction("2026-11-04")).then_expect_error(MeterRefusal::OutsideWindow {
        first_day: 15,
        last_day: 25,
        opens_on: day("2026-11-15"),
    });
    early()
        .when(correction("2026-11-15"))
        .then_expect_events(vec![corrected(2, 1150, 150, 1200).into()]);
}

#[test]
fn a_customer_without_a_window_corrects_until_the_month_ends() {
    let unbound = |rules: &mut MeterRules| {
        let free = SourceRules { window: false, confirmation: true, photo: false };
        rules.by_source.insert(ReadingSource::Telegram, free);
    };
    let correction = |day| ruled(unbound, on(day, issued(correct(2, units([1150])).into())));
    given_readings()
        .when(correction("2026-11-30"))
        .then_expect_events(vec![corrected(2, 1150, 50, 1200).into()]);
    given_readings()
        .when(correction("2026-12-01"))
        .then_expect_error(MeterRefusal::CorrectionClosed { closed_on: day("2026-11-30") });
}

#[test]
fn a_reason_has_at_most_three_hundred_characters() {
    let correction =
        |length| CorrectReading { reason: "Ж".repeat(length), ..correct(2, units([1150])) };
    assert!(given_readings().when(issued(correction(300).into())).inspect_result().is_ok());
    let expected = "0 to 300 characters without line breaks or other control characters";
    given_readings()
        .when(issued(correction(301).into()))
        .then_expect_error(out_of_range("reason", expected));
}

#[test]
fn an_overdue_verification_is_told_again_and_blocks_no_correction() {
    let block = |rules: &mut MeterRules| rules.verification = VerificationPolicy::Block;
    given([
        Registered { verification_due_on: Some(day("2026-11-15")), ..registered() }.into(),
        submitted(2, TODAY, 1200, 200).into(),
    ])
    .when(ruled(block, issued(correct(2, units([1150])).into())))
    .then_expect_events(vec![
        ReadingCorrected {
            warnings: vec![ReadingWarning::VerificationOverdue],
            ..corrected(2, 1150, 150, 1200)
        }
        .into(),
    ]);
}
