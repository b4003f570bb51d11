//! When a tenant's reminders are due, through months, clocks and changes of them.

use chrono::NaiveDate;

use super::*;

fn begin(period: &str) -> Issued<TenantCommand> {
    let period = period.parse().unwrap();
    issued(TenantCommand::BeginReadingReminders(BeginReadingReminders { period }))
}

fn due(period: &str, closes_on: &str) -> TenantEvent {
    let (period, closes_on) = (period.parse().unwrap(), closes_on.parse().unwrap());
    TenantEvent::ReadingRemindersDue(ReadingRemindersDue { period, closes_on })
}

fn changed(reading_reminders: ReadingReminders) -> TenantEvent {
    TenantEvent::ReadingRemindersChanged(ReadingRemindersChanged { reading_reminders })
}

fn change(reading_reminders: ReadingReminders) -> Issued<TenantCommand> {
    issued(TenantCommand::ChangeReadingReminders(ChangeReadingReminders { reading_reminders }))
}

/// Month and instant of the next round.
fn next(
    (first, last): (u8, u8),
    time_zone: chrono_tz::Tz,
    reminders: ReadingReminders,
    after: &str,
) -> (NaiveDate, String) {
    let rules = rules(|rules| {
        rules.window_first_day = first;
        rules.window_last_day = last;
    });
    let round = reminders.next_round(&rules, time_zone, (after.parse().unwrap(), None)).unwrap();
    (round.period, round.due_at.format("%Y-%m-%dT%H:%M").to_string())
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[test]
fn a_month_is_begun_once_and_only_while_reminders_are_on() {
    given_tenant()
        .when(begin("2026-11-17"))
        .then_expect_events(vec![due("2026-11-01", "2026-11-25")]);
    let begun = || given_tenant().and(vec![due("2026-11-01", "2026-11-25")]);
    begun().when(begin("2026-11-01")).then_expect_events(vec![]);
    begun().when(begin("2026-10-01")).then_expect_events(vec![]);
    begun().when(begin("2026-12-01")).then_expect_events(vec![due("2026-12-01", "2026-12-25")]);
    let off = ReadingReminders { enabled: false, ..ReadingReminders::default() };
    given_tenant()
        .and(vec![changed(off)])
        .when(begin("2026-11-01"))
        .then_expect_error(TenantRefusal::RemindersOff);
}

#[test]
fn settings_of_reminders_change_once_and_stay_within_their_bounds() {
    let settings = |days_before, hour| ReadingReminders { enabled: true, days_before, hour };
    given_tenant().when(change(settings(3, 10))).then_expect_events(vec![]);
    for (days_before, hour) in [(0, 9), (10, 19)] {
        let wanted = settings(days_before, hour);
        given_tenant().when(change(wanted)).then_expect_events(vec![changed(wanted)]);
    }
    for (wanted, field, expected) in [
        (settings(11, 10), "days_before", "a number of days from 0 to 10"),
        (settings(3, 8), "hour", "an hour from 9 to 19"),
        (settings(3, 20), "hour", "an hour from 9 to 19"),
    ] {
        given_tenant().when(change(wanted)).then_expect_error(TenantRefusal::ReminderOutOfRange {
            field: field.to_owned(),
            expected: expected.to_owned(),
        });
    }
    // A tenant that changed them is still the one that was created.
    given_tenant()
        .and(vec![changed(settings(5, 12))])
        .when(issued(TenantCommand::Create(create())))
        .then_expect_events(vec![]);
}

#[test]
fn reminders_follow_the_ends_of_months_and_windows_that_wrap() {
    use chrono_tz::Europe::Moscow;
    let usual = ReadingReminders::default();
    for (window, after, period, due_at) in [
        ((20, 31), "2027-02-01T00:00:00Z", "2027-02-01", "2027-02-25T07:00"),
        ((20, 31), "2028-02-01T00:00:00Z", "2028-02-01", "2028-02-26T07:00"),
        ((25, 5), "2026-12-01T00:00:00Z", "2026-11-01", "2026-12-02T07:00"),
        ((25, 2), "2026-11-26T00:00:00Z", "2026-11-01", "2026-11-29T07:00"),
        // A window shorter than the notice begins with it.
        ((24, 25), "2026-11-01T00:00:00Z", "2026-11-01", "2026-11-24T07:00"),
        ((1, 31), "2026-12-31T20:59:00Z", "2027-01-01", "2027-01-28T07:00"),
    ] {
        assert_eq!(
            next(window, Moscow, usual, after),
            (day(period), due_at.to_owned()),
            "{window:?} {after}"
        );
    }
}

#[test]
fn reminders_keep_their_local_hour_when_the_clocks_change() {
    use chrono_tz::{Africa::Cairo, Europe::Berlin};
    let usual = ReadingReminders::default();
    // Berlin: UTC+1 until 29 March, UTC+2 until 25 October.
    for (window, after, due_at) in [
        ((15, 31), "2026-03-01T00:00:00Z", "2026-03-28T09:00"),
        ((15, 31), "2026-03-28T09:00:00Z", "2026-03-29T08:00"),
        ((15, 27), "2026-10-01T00:00:00Z", "2026-10-24T08:00"),
        ((15, 28), "2026-10-01T00:00:00Z", "2026-10-25T09:00"),
    ] {
        assert_eq!(next(window, Berlin, usual, after).1, due_at, "{window:?} {after}");
    }
    assert_eq!(next((15, 25), Cairo, usual, "2026-07-01T00:00:00Z").1, "2026-07-22T07:00");
}

#[test]
fn nobody_is_written_to_between_eight_in_the_evening_and_nine_in_the_morning() {
    let from = |at: &str| {
        let time_zone = chrono_tz::Europe::Moscow;
        let decent = decent_from(time_zone, ReadingReminders::default(), at.parse().unwrap());
        decent.format("%dT%H:%M").to_string()
    };
    assert_eq!(from("2026-11-22T06:00:00Z"), "22T06:00");
    assert_eq!(from("2026-11-22T16:59:00Z"), "22T16:59");
    assert_eq!(from("2026-11-22T17:00:00Z"), "23T07:00");
    assert_eq!(from("2026-11-22T20:59:00Z"), "23T07:00");
    assert_eq!(from("2026-11-22T21:01:00Z"), "23T07:00");
    assert_eq!(from("2026-11-22T05:59:00Z"), "22T07:00");
}
