//! Who may do what.

use super::*;

fn given_read_meter() -> AggregateTestExecutor<Meter> {
    given([registered().into(), submitted(1, TODAY, 1100, 100).into()])
}

#[test]
fn nothing_is_done_to_a_meter_that_is_not_registered() {
    let commands: [MeterCommand; 4] = [
        submit(1, units([1])).into(),
        correct(1, units([1])).into(),
        RenewVerification { verification_due_on: day(TODAY) }.into(),
        Archive { reason: String::new() }.into(),
    ];
    for command in commands {
        given([])
            .when(by(operator(), issued(command)))
            .then_expect_error(MeterRefusal::MeterUnknown);
    }
}

#[test]
fn a_customer_touches_no_meter_of_another_account() {
    let commands: [MeterCommand; 4] = [
        submit(2, units([1200])).into(),
        correct(1, units([1050])).into(),
        RenewVerification { verification_due_on: day("2030-01-01") }.into(),
        Archive { reason: String::new() }.into(),
    ];
    for command in commands {
        given_read_meter()
            .when(by(customer(OLEG), issued(command)))
            .then_expect_error(MeterRefusal::NotAllowed);
    }
}

#[test]
fn a_customer_neither_archives_nor_verifies_their_own_meter() {
    let commands: [MeterCommand; 2] = [
        RenewVerification { verification_due_on: day("2030-01-01") }.into(),
        Archive { reason: String::new() }.into(),
    ];
    for command in commands {
        given_read_meter().when(issued(command)).then_expect_error(MeterRefusal::NotAllowed);
    }
}

#[test]
fn every_sender_names_only_their_own_sources() {
    use ReadingSource::{Api, Import, Operator, Telegram, Web};
    let table = [
        (customer(ANNA), vec![Telegram, Web]),
        (operator(), vec![Api, Operator, Import]),
        (system(), vec![Telegram, Web, Api, Operator, Import]),
    ];
    for (actor, allowed) in table {
        for source in [Telegram, Web, Api, Operator, Import] {
            let reading = SubmitReading { source, ..submit(2, units([1200])) };
            let correction = CorrectReading { source, ..correct(1, units([1050])) };
            for command in [MeterCommand::from(reading), correction.into()] {
                let result =
                    given_read_meter().when(by(actor.clone(), issued(command))).inspect_result();
                let refusal =
                    (!allowed.contains(&source)).then_some(MeterRefusal::SourceNotAllowed);
                assert_eq!(result.err(), refusal, "{actor:?} {source:?}");
            }
        }
    }
}

#[test]
fn a_customer_may_name_today_and_no_other_day() {
    let taken = |on: &str| SubmitReading { taken_on: Some(day(on)), ..submit(2, units([1200])) };
    given_read_meter()
        .when(issued(taken(TODAY).into()))
        .then_expect_events(vec![submitted(2, TODAY, 1200, 100).into()]);
    let expected = "2026-11-16, the day on which it is sent; only staff may name an earlier one";
    given_read_meter()
        .when(issued(taken("2026-11-15").into()))
        .then_expect_error(out_of_range("taken_on", expected));
    given_read_meter().when(issued(taken("2026-11-17").into())).then_expect_error(
        MeterRefusal::TakenInFuture { taken_on: day("2026-11-17"), today: day(TODAY) },
    );
}

#[test]
fn the_staff_and_the_system_may_name_an_earlier_day() {
    for (actor, source) in [
        (operator(), ReadingSource::Operator),
        (operator(), ReadingSource::Import),
        (operator(), ReadingSource::Api),
        (system(), ReadingSource::Import),
    ] {
        let taken_on = Some(day("2026-11-15"));
        let reading = SubmitReading { taken_on, source, ..submit(1, units([1100])) };
        given_meter().when(by(actor, issued(reading.into()))).then_expect_events(vec![
            ReadingSubmitted { source, ..submitted(1, "2026-11-15", 1100, 100) }.into(),
        ]);
    }
}

#[test]
fn nobody_names_a_day_in_the_future_or_before_1970() {
    let taken = |on: NaiveDate| {
        let reading = SubmitReading {
            taken_on: Some(on),
            source: ReadingSource::Import,
            ..submit(1, units([1100]))
        };
        given_meter().when(by(system(), issued(reading.into())))
    };
    for future in [day("2026-11-17"), NaiveDate::MAX] {
        taken(future)
            .then_expect_error(MeterRefusal::TakenInFuture { taken_on: future, today: day(TODAY) });
    }
    for ancient in [day("1969-12-31"), NaiveDate::MIN] {
        taken(ancient)
            .then_expect_error(out_of_range("taken_on", "a day from 1970-01-01 to 2026-11-16"));
    }
    taken(day("1970-01-01")).then_expect_events(vec![
        ReadingSubmitted { source: ReadingSource::Import, ..submitted(1, "1970-01-01", 1100, 100) }
            .into(),
    ]);
}
