//! Reminders of readings: who gets one, when, and what stands against it.

use super::*;

const MONTH: &str = "2026-11-01";

/// A command of Kontor itself at an instant; Moscow is three hours ahead.
fn system(at: &str, command: AccountCommand) -> Issued<AccountCommand> {
    let actor = Actor::System { name: "policy/reading_reminders".to_owned() };
    Issued { actor, at: at.parse().unwrap(), ..issued(command) }
}

fn remind(occasion: ReminderOccasion) -> AccountCommand {
    let period = MONTH.parse().unwrap();
    AccountCommand::RemindOfReadings(RemindOfReadings { occasion, period })
}

fn closes(at: &str) -> Issued<AccountCommand> {
    system(at, remind(ReminderOccasion::WindowCloses))
}

fn given_reachable() -> AggregateTestExecutor<Account> {
    given_account().and(vec![consented("2026-11")])
}

fn due(occasion: ReminderOccasion, period: &str, closes_on: &str) -> AccountEvent {
    let (period, closes_on) = (period.parse().unwrap(), closes_on.parse().unwrap());
    AccountEvent::ReadingReminderDue(ReadingReminderDue { occasion, period, closes_on })
}

fn postponed(occasion: ReminderOccasion, period: &str, due_at: &str) -> AccountEvent {
    let (period, due_at) = (period.parse().unwrap(), due_at.parse().unwrap());
    AccountEvent::ReadingReminderPostponed(ReadingReminderPostponed { occasion, period, due_at })
}

fn not_in_place(because: ReminderObstacle) -> AccountRefusal {
    AccountRefusal::ReminderNotInPlace { because }
}

fn asked() -> AccountEvent {
    AccountEvent::ReadingReminderAsked(ReadingReminderAsked {
        period: "2026-12-01".parse().unwrap(),
        opens_on: "2026-12-15".parse().unwrap(),
        due_at: "2026-12-15T07:00:00Z".parse().unwrap(),
    })
}

#[test]
fn a_reminder_comes_by_day_and_at_night_it_waits_for_the_morning() {
    use ReminderOccasion::WindowCloses;
    let now = due(WindowCloses, MONTH, "2026-11-25");
    for (at, expected) in [
        ("2026-11-22T07:00:00Z", now.clone()),
        ("2026-11-22T06:00:00Z", now.clone()),
        ("2026-11-22T16:59:59Z", now),
        ("2026-11-22T17:00:00Z", postponed(WindowCloses, MONTH, "2026-11-23T07:00:00Z")),
        ("2026-11-22T20:59:59Z", postponed(WindowCloses, MONTH, "2026-11-23T07:00:00Z")),
        ("2026-11-22T05:59:59Z", postponed(WindowCloses, MONTH, "2026-11-22T07:00:00Z")),
        ("2026-11-10T09:00:00Z", postponed(WindowCloses, MONTH, "2026-11-15T07:00:00Z")),
    ] {
        given_reachable().when(closes(at)).then_expect_events(vec![expected]);
    }
    // The evening of the last day has no morning after it.
    for late in ["2026-11-25T17:00:00Z", "2026-11-25T20:59:00Z", "2026-11-26T09:00:00Z"] {
        given_reachable()
            .when(closes(late))
            .then_expect_error(not_in_place(ReminderObstacle::WindowClosed));
    }
}

#[test]
fn a_reminder_that_is_not_in_place_says_why() {
    let at = "2026-11-22T07:00:00Z";
    let muted = || AccountEvent::ReadingRemindersMuted(ReadingRemindersMuted {});
    let once = due(ReminderOccasion::WindowCloses, MONTH, "2026-11-25");
    for (given, because) in [
        (given_account(), ReminderObstacle::NoConsent),
        (given_reachable().and(vec![blocked("demo")]), ReminderObstacle::NoBot),
        (given_reachable().and(vec![muted()]), ReminderObstacle::NotWanted),
        (given_reachable().and(vec![once]), ReminderObstacle::RemindedAlready),
    ] {
        given.when(closes(at)).then_expect_error(not_in_place(because));
    }
    let mut off = facts();
    off.reading_reminders.enabled = false;
    given_reachable()
        .when(Issued { tenant: Arc::new(off), ..closes(at) })
        .then_expect_error(not_in_place(ReminderObstacle::SwitchedOff));
    let own = Actor::Customer { account_id: ANNA };
    given_reachable()
        .when(Issued { actor: own, ..closes(at) })
        .then_expect_error(AccountRefusal::NotAllowed);
}

#[test]
fn muting_and_unmuting_happen_once() {
    let mute = || issued(AccountCommand::MuteReadingReminders(MuteReadingReminders {}));
    let unmute = || issued(AccountCommand::UnmuteReadingReminders(UnmuteReadingReminders {}));
    let muted = AccountEvent::ReadingRemindersMuted(ReadingRemindersMuted {});
    let unmuted = AccountEvent::ReadingRemindersUnmuted(ReadingRemindersUnmuted {});
    given_account().when(unmute()).then_expect_events(vec![]);
    given_account().when(mute()).then_expect_events(vec![muted.clone()]);
    given_account().and(vec![muted.clone()]).when(mute()).then_expect_events(vec![]);
    given_account().and(vec![muted]).when(unmute()).then_expect_events(vec![unmuted]);
}

#[test]
fn a_customer_asks_to_be_told_of_the_opening_once() {
    let ask = |at: &str| {
        let command = AccountCommand::AskReadingReminder(AskReadingReminder {});
        Issued { at: at.parse().unwrap(), ..issued(command) }
    };
    given_reachable().when(ask("2026-11-25T21:01:00Z")).then_expect_events(vec![asked()]);
    given_reachable()
        .and(vec![asked()])
        .when(ask("2026-12-01T09:00:00Z"))
        .then_expect_events(vec![]);
    given_reachable()
        .when(ask("2026-11-25T20:59:00Z"))
        .then_expect_error(AccountRefusal::WindowOpen { closes_on: "2026-11-25".parse().unwrap() });
}

#[test]
fn the_opening_is_told_on_its_day_and_only_to_those_who_asked() {
    use ReminderOccasion::WindowOpens;
    let opens = |at| system(at, remind(WindowOpens));
    let due = due(WindowOpens, "2026-12-01", "2026-12-25");
    let given = || given_reachable().and(vec![asked()]);
    given().when(opens("2026-12-15T07:00:00Z")).then_expect_events(vec![due.clone()]);
    // Too early, because the tenant moved its window, or too late for this one.
    given().when(opens("2026-12-10T07:00:00Z")).then_expect_events(vec![postponed(
        WindowOpens,
        "2026-12-01",
        "2026-12-15T07:00:00Z",
    )]);
    given().when(opens("2026-12-26T07:00:00Z")).then_expect_events(vec![postponed(
        WindowOpens,
        "2027-01-01",
        "2027-01-15T07:00:00Z",
    )]);
    let muted = AccountEvent::ReadingRemindersMuted(ReadingRemindersMuted {});
    for given in [given_reachable(), given().and(vec![due]), given().and(vec![muted])] {
        given
            .when(opens("2026-12-15T07:00:00Z"))
            .then_expect_error(not_in_place(ReminderObstacle::NotWanted));
    }
}
