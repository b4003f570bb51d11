//! On which days readings are taken, by the tenant's calendar.

use super::*;

fn reading() -> Issued<MeterCommand> {
    issued(submit(1, units([1100])).into())
}

fn outside(opens_on: &str) -> MeterRefusal {
    MeterRefusal::OutsideWindow { first_day: 15, last_day: 25, opens_on: day(opens_on) }
}

/// The period that a reading counts for, or when the next window opens.
fn result(first: u8, last: u8, issued: Issued<MeterCommand>) -> Result<NaiveDate, NaiveDate> {
    let rules = |rules: &mut MeterRules| {
        rules.window_first_day = first;
        rules.window_last_day = last;
    };
    match given_meter().when(ruled(rules, issued)).inspect_result() {
        Ok(events) => match &events[..] {
            [MeterEvent::ReadingSubmitted(reading)] => Ok(reading.period),
            other => panic!("{other:?}"),
        },
        Err(MeterRefusal::OutsideWindow { opens_on, first_day, last_day }) => {
            assert_eq!((first_day, last_day), (first, last));
            Err(opens_on)
        }
        Err(other) => panic!("{other}"),
    }
}

fn at(instant: &str, time_zone: chrono_tz::Tz) -> Issued<MeterCommand> {
    let tenant = Arc::new(TenantFacts { time_zone, ..facts() });
    Issued { at: instant.parse().unwrap(), tenant, ..reading() }
}

#[test]
fn a_customer_submits_from_the_first_to_the_last_day_of_the_window() {
    for (on_day, expected) in [
        ("2026-11-14", Err("2026-11-15")),
        ("2026-11-15", Ok("2026-11-01")),
        ("2026-11-25", Ok("2026-11-01")),
        ("2026-11-26", Err("2026-12-15")),
        ("2026-12-31", Err("2027-01-15")),
    ] {
        let expected = expected.map(day).map_err(day);
        assert_eq!(result(15, 25, on(on_day, reading())), expected, "{on_day}");
    }
}

#[test]
fn outside_the_window_the_staff_still_submit_and_programs_do_not() {
    let from = |source| {
        let reading = SubmitReading { source, ..submit(1, units([1100])) };
        given_meter().when(on("2026-11-26", by(operator(), issued(reading.into()))))
    };
    for source in [ReadingSource::Operator, ReadingSource::Import] {
        from(source).then_expect_events(vec![
            ReadingSubmitted { source, ..submitted(1, "2026-11-26", 1100, 100) }.into(),
        ]);
    }
    from(ReadingSource::Api).then_expect_error(outside("2026-12-15"));
}

#[test]
fn a_tenant_may_lift_the_window_for_a_source() {
    let lift = |rules: &mut MeterRules| {
        let free = SourceRules { window: false, confirmation: true, photo: false };
        rules.by_source.insert(ReadingSource::Telegram, free);
    };
    given_meter()
        .when(ruled(lift, on("2026-11-26", reading())))
        .then_expect_events(vec![submitted(1, "2026-11-26", 1100, 100).into()]);
}

#[test]
fn a_program_names_only_days_of_the_open_window() {
    let taken = |on: &str| {
        let reading = SubmitReading {
            taken_on: Some(day(on)),
            source: ReadingSource::Api,
            ..submit(1, units([1100]))
        };
        given_meter().when(by(operator(), issued(reading.into())))
    };
    taken("2026-11-14").then_expect_error(outside("2026-11-15"));
    taken("2026-10-20").then_expect_error(outside("2026-11-15"));
    taken("2026-11-15").then_expect_events(vec![
        ReadingSubmitted { source: ReadingSource::Api, ..submitted(1, "2026-11-15", 1100, 100) }
            .into(),
    ]);
}

#[test]
fn days_that_a_month_lacks_count_as_its_last() {
    for (on_day, expected) in [
        ("2026-11-30", Ok("2026-11-01")),
        ("2026-12-01", Err("2026-12-20")),
        ("2026-12-31", Ok("2026-12-01")),
        ("2027-02-28", Ok("2027-02-01")),
        ("2027-03-01", Err("2027-03-20")),
        ("2028-02-28", Ok("2028-02-01")),
        ("2028-02-29", Ok("2028-02-01")),
        ("2028-03-01", Err("2028-03-20")),
    ] {
        let expected = expected.map(day).map_err(day);
        assert_eq!(result(20, 31, on(on_day, reading())), expected, "{on_day}");
    }
}

#[test]
fn a_window_until_the_29th_includes_the_leap_day() {
    let leap_day = on("2028-02-29", reading());
    assert_eq!(result(20, 29, leap_day.clone()), Ok(day("2028-02-01")));
    assert_eq!(result(20, 28, leap_day), Err(day("2028-03-20")));
}

#[test]
fn a_correction_at_the_end_of_february_is_open_until_its_last_day() {
    let whole_end = |rules: &mut MeterRules| {
        rules.window_first_day = 20;
        rules.window_last_day = 31;
    };
    for (year, last, late) in
        [(2027, "2027-02-28", "2027-03-01"), (2028, "2028-02-29", "2028-03-01")]
    {
        let taken = submitted(1, &format!("{year}-02-20"), 1100, 100);
        let correction = |day| {
            let correction = issued(correct(1, units([1050])).into());
            given([registered().into(), taken.clone().into()])
                .when(ruled(whole_end, on(day, correction)))
        };
        assert!(correction(last).inspect_result().is_ok(), "{last}");
        correction(late).then_expect_error(MeterRefusal::CorrectionClosed { closed_on: day(last) });
    }
}

#[test]
fn a_window_of_the_whole_month_is_always_open() {
    for on_day in ["2026-11-01", "2026-11-30", "2028-02-29", "2026-12-31"] {
        assert!(result(1, 31, on(on_day, reading())).is_ok(), "{on_day}");
    }
}

#[test]
fn a_window_may_be_a_single_day() {
    assert_eq!(result(15, 15, on("2026-11-14", reading())), Err(day("2026-11-15")));
    assert_eq!(result(15, 15, on("2026-11-15", reading())), Ok(day("2026-11-01")));
    assert_eq!(result(15, 15, on("2026-11-16", reading())), Err(day("2026-12-15")));
}

#[test]
fn a_window_that_wraps_counts_for_the_month_in_which_it_opened() {
    for (on_day, expected) in [
        ("2026-11-24", Err("2026-11-25")),
        ("2026-11-25", Ok("2026-11-01")),
        ("2026-11-30", Ok("2026-11-01")),
        ("2026-12-01", Ok("2026-11-01")),
        ("2026-12-05", Ok("2026-11-01")),
        ("2026-12-06", Err("2026-12-25")),
        ("2026-12-25", Ok("2026-12-01")),
        ("2027-01-05", Ok("2026-12-01")),
        ("2027-01-06", Err("2027-01-25")),
        ("2027-03-05", Ok("2027-02-01")),
    ] {
        let expected = expected.map(day).map_err(day);
        assert_eq!(result(25, 5, on(on_day, reading())), expected, "{on_day}");
    }
}

#[test]
fn a_window_that_wraps_without_a_gap_changes_the_month_at_its_first_day() {
    assert_eq!(result(15, 14, on("2026-11-14", reading())), Ok(day("2026-10-01")));
    assert_eq!(result(15, 14, on("2026-11-15", reading())), Ok(day("2026-11-01")));
}

#[test]
fn a_correction_in_a_window_that_wraps_is_open_until_it_closes_in_the_next_month() {
    let wrap = |rules: &mut MeterRules| {
        rules.window_first_day = 25;
        rules.window_last_day = 5;
    };
    let correction = |day| {
        given([registered().into(), submitted(1, "2026-11-26", 1100, 100).into()])
            .when(ruled(wrap, on(day, issued(correct(1, units([1050])).into()))))
    };
    assert!(correction("2026-12-05").inspect_result().is_ok());
    correction("2026-12-06")
        .then_expect_error(MeterRefusal::CorrectionClosed { closed_on: day("2026-12-05") });
}

#[test]
fn without_a_window_the_month_that_wraps_ends_when_its_window_would_close() {
    let wrap = |rules: &mut MeterRules| {
        rules.window_first_day = 25;
        rules.window_last_day = 5;
        let free = SourceRules { window: false, confirmation: true, photo: false };
        rules.by_source.insert(ReadingSource::Telegram, free);
    };
    let correction = |day| {
        given([registered().into(), submitted(1, "2026-11-10", 1100, 100).into()])
            .when(ruled(wrap, on(day, issued(correct(1, units([1050])).into()))))
    };
    assert!(correction("2026-12-05").inspect_result().is_ok());
    correction("2026-12-06")
        .then_expect_error(MeterRefusal::CorrectionClosed { closed_on: day("2026-12-05") });
}

#[test]
fn the_window_closes_at_midnight_of_the_tenants_time_zone() {
    use chrono_tz::{America::New_York, Asia::Kamchatka, Europe::Moscow, UTC};
    for (instant, time_zone, expected) in [
        // 23:59 and 00:01 in Moscow.
        ("2026-11-25T20:59:00Z", Moscow, Ok("2026-11-01")),
        ("2026-11-25T21:01:00Z", Moscow, Err("2026-12-15")),
        ("2026-11-14T20:59:00Z", Moscow, Err("2026-11-15")),
        ("2026-11-14T21:01:00Z", Moscow, Ok("2026-11-01")),
        // The same instant is the 26th in Kamchatka and the 25th in New York.
        ("2026-11-25T13:00:00Z", Kamchatka, Err("2026-12-15")),
        ("2026-11-25T13:00:00Z", New_York, Ok("2026-11-01")),
        ("2026-11-26T04:59:00Z", New_York, Ok("2026-11-01")),
        ("2026-11-26T05:01:00Z", New_York, Err("2026-12-15")),
        ("2026-11-25T23:59:59Z", UTC, Ok("2026-11-01")),
        // The year ends on the tenant's clock.
        ("2026-12-31T21:01:00Z", Moscow, Err("2027-01-15")),
    ] {
        let expected = expected.map(day).map_err(day);
        assert_eq!(result(15, 25, at(instant, time_zone)), expected, "{instant} {time_zone}");
    }
}

#[test]
fn the_day_of_a_reading_is_the_tenants_day() {
    let reading = at("2026-11-15T21:01:00Z", chrono_tz::Europe::Moscow);
    given_meter().when(reading).then_expect_events(vec![submitted(1, TODAY, 1100, 100).into()]);
}

#[test]
fn the_clock_change_moves_midnight_by_an_hour() {
    use chrono_tz::Europe::Berlin;
    let local_day = |instant: &str| {
        TenantFacts { time_zone: Berlin, ..facts() }.local_day(instant.parse().unwrap())
    };
    // Winter time, UTC+1, until the night of 29 March; summer time, UTC+2, until 25 October.
    assert_eq!(local_day("2026-03-28T22:59:59Z"), day("2026-03-28"));
    assert_eq!(local_day("2026-03-28T23:00:00Z"), day("2026-03-29"));
    assert_eq!(local_day("2026-03-29T21:59:59Z"), day("2026-03-29"));
    assert_eq!(local_day("2026-03-29T22:00:00Z"), day("2026-03-30"));
    assert_eq!(local_day("2026-10-25T22:59:59Z"), day("2026-10-25"));
    assert_eq!(local_day("2026-10-25T23:00:00Z"), day("2026-10-26"));
}

#[test]
fn the_ends_of_the_calendar_have_a_day_in_every_time_zone() {
    for time_zone in [chrono_tz::Asia::Kamchatka, chrono_tz::America::New_York] {
        let facts = TenantFacts { time_zone, ..facts() };
        assert_eq!(facts.local_day(DateTime::<Utc>::MAX_UTC), NaiveDate::MAX);
        assert_eq!(facts.local_day(DateTime::<Utc>::MIN_UTC), NaiveDate::MIN);
    }
}
