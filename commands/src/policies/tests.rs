//! The policies of the reminders, as given / when / then.

use chrono::{DateTime, NaiveDate, Utc};
use kontor_domain::{
    Actor, EventBody, Language, Metadata, Personal, Recorded, TenantId,
    account::{self, AccountEvent, Origin, ReminderOccasion},
    meter::{self, MeterEvent, MeterKind, MeterRules, ReadingSource},
    tenant::{self, TenantEvent, TenantKind},
};
use serde_json::json;
use uuid::Uuid;

use super::{ReadingReminders, ReadingRounds};
use crate::policy::{Directive, Order, testing::Scenario};

const ANNA: Uuid = Uuid::from_u128(0xa);
const OLEG: Uuid = Uuid::from_u128(0xb);
const KITCHEN: Uuid = Uuid::from_u128(0xc);
const BATH: Uuid = Uuid::from_u128(0xd);

fn tenant() -> TenantId {
    "demo_utility".parse().unwrap()
}

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn recorded<E: EventBody>(
    (stream_type, stream_id): (&str, Uuid),
    when: &str,
    body: &E,
) -> Recorded {
    Recorded {
        position: 1,
        tenant: tenant(),
        stream_type: stream_type.to_owned(),
        stream_id,
        version: 1,
        event_id: Uuid::nil(),
        event_type: body.wire_type().to_owned(),
        schema_version: body.schema_version(),
        payload: body.to_payload().unwrap(),
        metadata: Metadata {
            actor: Actor::System { name: "test".to_owned() },
            command_id: Uuid::nil(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            trace: None,
        },
        occurred_at: at(when),
        recorded_at: at(when),
    }
}

fn of_tenant(when: &str, event: &TenantEvent) -> Recorded {
    recorded(("tenant", tenant().stream_id()), when, event)
}

fn of_account(id: Uuid, event: &AccountEvent) -> Recorded {
    recorded(("account", id), "2026-11-01T09:00:00Z", event)
}

fn of_meter(id: Uuid, event: &MeterEvent) -> Recorded {
    recorded(("meter", id), "2026-11-01T09:00:00Z", event)
}

fn created(when: &str) -> Recorded {
    let created = tenant::Created {
        id: tenant(),
        name: "Горводоканал".parse().unwrap(),
        kind: TenantKind::Utility,
        language: Language::Ru,
        time_zone: chrono_tz::Europe::Moscow,
        meter_rules: MeterRules::default(),
    };
    of_tenant(when, &TenantEvent::Created(created))
}

fn reminders(when: &str, change: impl FnOnce(&mut tenant::ReadingReminders)) -> Recorded {
    let mut reading_reminders = tenant::ReadingReminders::default();
    change(&mut reading_reminders);
    let changed = tenant::ReadingRemindersChanged { reading_reminders };
    of_tenant(when, &TenantEvent::ReadingRemindersChanged(changed))
}

fn due(when: &str) -> Recorded {
    let due =
        tenant::ReadingRemindersDue { period: day("2026-11-01"), closes_on: day("2026-11-25") };
    of_tenant(when, &TenantEvent::ReadingRemindersDue(due))
}

fn round(period: &str, due_at: &str) -> Order {
    let id = tenant().stream_id();
    let command = json!({"type": "begin_reading_reminders", "period": period});
    Order::Schedule {
        key: "round:demo_utility".to_owned(),
        due_at: at(due_at),
        directive: Directive { aggregate: "tenant", id, command },
    }
}

#[test]
fn a_new_tenant_gets_a_timer_for_its_next_reminders() {
    for (when, period, due_at) in [
        // Three days before the 25th, at ten in Moscow.
        ("2026-11-01T09:00:00Z", "2026-11-01", "2026-11-22T07:00:00Z"),
        ("2026-11-22T06:59:59Z", "2026-11-01", "2026-11-22T07:00:00Z"),
        // The hour is over, the window is not: the day after.
        ("2026-11-22T07:00:00Z", "2026-11-01", "2026-11-23T07:00:00Z"),
        ("2026-11-24T20:59:59Z", "2026-11-01", "2026-11-25T07:00:00Z"),
        ("2026-11-25T07:00:00Z", "2026-12-01", "2026-12-22T07:00:00Z"),
        ("2026-12-31T20:59:00Z", "2027-01-01", "2027-01-22T07:00:00Z"),
    ] {
        Scenario::of(&ReadingRounds).when(created(when)).then_orders(&[round(period, due_at)]);
    }
}

#[test]
fn a_round_that_was_begun_is_followed_by_that_of_the_next_month() {
    Scenario::of(&ReadingRounds)
        .given([created("2026-11-01T09:00:00Z")])
        .when(due("2026-11-22T07:00:01Z"))
        .then_orders(&[round("2026-12-01", "2026-12-22T07:00:00Z")]);
    // Begun late, or after a change of the settings: never the same month twice.
    Scenario::of(&ReadingRounds)
        .given([created("2026-11-01T09:00:00Z"), due("2026-11-22T07:00:01Z")])
        .when(reminders("2026-11-22T08:00:00Z", |to| to.days_before = 1))
        .then_orders(&[round("2026-12-01", "2026-12-24T07:00:00Z")]);
}

#[test]
fn settings_move_the_timer_and_switch_it_off() {
    let given = || Scenario::of(&ReadingRounds).given([created("2026-11-01T09:00:00Z")]);
    let when = "2026-11-02T09:00:00Z";
    given()
        .when(reminders(when, |to| to.hour = 19))
        .then_orders(&[round("2026-11-01", "2026-11-22T16:00:00Z")]);
    let off = Order::Cancel { key: "round:demo_utility".to_owned() };
    given().when(reminders(when, |to| to.enabled = false)).then_orders(&[off]);
    let locale = |time_zone| {
        let changed = tenant::LocaleChanged { language: Language::En, time_zone };
        of_tenant(when, &TenantEvent::LocaleChanged(changed))
    };
    given().when(locale(chrono_tz::Europe::Moscow)).then_orders(&[]);
    given()
        .when(locale(chrono_tz::Asia::Kamchatka))
        .then_orders(&[round("2026-11-01", "2026-11-21T22:00:00Z")]);
    let meter_rules = MeterRules { window_last_day: 31, ..MeterRules::default() };
    let changed = TenantEvent::MeterRulesChanged(tenant::MeterRulesChanged { meter_rules });
    given()
        .when(of_tenant(when, &changed))
        .then_orders(&[round("2026-11-01", "2026-11-27T07:00:00Z")]);
}

fn registered(id: Uuid, origin: Origin) -> Recorded {
    let registered = account::Registered {
        display_name: "Анна".parse().unwrap(),
        language: Language::Ru,
        origin: Personal::Known(origin),
        phone: None,
    };
    of_account(id, &AccountEvent::Registered(registered))
}

fn telegram(user_id: i64) -> Origin {
    Origin::Telegram { bot: "demo".to_owned(), user_id, username: None }
}

fn consent(id: Uuid) -> Recorded {
    let given = account::ConsentGiven { document_version: "2026-11".to_owned() };
    of_account(id, &AccountEvent::ConsentGiven(given))
}

fn meter_of(account_id: Uuid, meter_id: Uuid) -> Recorded {
    let registered = meter::Registered {
        account_id,
        kind: MeterKind::ColdWater,
        zones: 1,
        digits: 5,
        serial_number: "7".to_owned(),
        place: Personal::Known(String::new()),
        verification_due_on: None,
        registered_on: day("2026-10-01"),
        initial_values_milli: std::collections::BTreeMap::new(),
    };
    of_meter(meter_id, &MeterEvent::Registered(registered))
}

fn reading(account_id: Uuid, meter_id: Uuid, period: &str) -> Recorded {
    let submitted = meter::ReadingSubmitted {
        reading_id: Uuid::nil(),
        account_id,
        values_milli: std::collections::BTreeMap::new(),
        consumption_milli: std::collections::BTreeMap::new(),
        usual_milli: None,
        taken_on: day(period),
        period: day(period),
        source: ReadingSource::Telegram,
        confirmed: false,
        rolled_over: vec![],
        warnings: vec![],
        photo: None,
    };
    of_meter(meter_id, &MeterEvent::ReadingSubmitted(submitted))
}

/// Anna with consent and two meters.
fn anna() -> [Recorded; 4] {
    [registered(ANNA, telegram(1001)), consent(ANNA), meter_of(ANNA, KITCHEN), meter_of(ANNA, BATH)]
}

fn remind(id: Uuid, occasion: ReminderOccasion, (period, due_at): (&str, &str)) -> Order {
    let (key, occasion) = match occasion {
        ReminderOccasion::WindowCloses => (format!("closes:{id}"), "window_closes"),
        ReminderOccasion::WindowOpens => (format!("opens:{id}"), "window_opens"),
    };
    let command = json!({"type": "remind_of_readings", "occasion": occasion, "period": period});
    Order::Schedule {
        key,
        due_at: at(due_at),
        directive: Directive { aggregate: "account", id, command },
    }
}

fn closing(id: Uuid) -> Order {
    let when = ("2026-11-01", "2026-11-22T07:00:00Z");
    remind(id, ReminderOccasion::WindowCloses, when)
}

fn given(events: impl IntoIterator<Item = Recorded>) -> Scenario<'static> {
    Scenario::of(&ReadingReminders).given(anna()).given(events)
}

fn when_due(events: impl IntoIterator<Item = Recorded>, expected: &[Order]) {
    given(events).when(due("2026-11-22T07:00:00Z")).then_orders(expected);
}

#[test]
fn customers_with_missing_readings_are_reminded_once_each() {
    when_due([], &[closing(ANNA)]);
    when_due([reading(ANNA, KITCHEN, "2026-11-01")], &[closing(ANNA)]);
    when_due([reading(ANNA, KITCHEN, "2026-10-01")], &[closing(ANNA)]);
    let oleg = [registered(OLEG, telegram(1002)), consent(OLEG), meter_of(OLEG, Uuid::nil())];
    when_due(oleg, &[closing(ANNA), closing(OLEG)]);
}

#[test]
fn whoever_submitted_everything_is_not_reminded() {
    let both = [KITCHEN, BATH].map(|meter_id| reading(ANNA, meter_id, "2026-11-01"));
    when_due(both, &[]);
    let archived =
        meter::Archived { account_id: Some(ANNA), reason: Personal::Known(String::new()) };
    let archived = of_meter(BATH, &MeterEvent::Archived(archived));
    when_due([reading(ANNA, KITCHEN, "2026-11-01"), archived], &[]);
}

#[test]
fn nobody_is_reminded_without_consent_or_bot_or_against_their_will() {
    let bot = |bot: &str| account::BotBlocked { bot: bot.to_owned() };
    let withdrawn = AccountEvent::ConsentWithdrawn(account::ConsentWithdrawn {});
    let muted = AccountEvent::ReadingRemindersMuted(account::ReadingRemindersMuted {});
    for event in [withdrawn, muted.clone(), AccountEvent::BotBlocked(bot("demo"))] {
        when_due([of_account(ANNA, &event)], &[]);
    }
    when_due([of_account(ANNA, &AccountEvent::BotBlocked(bot("other")))], &[closing(ANNA)]);
    let again = AccountEvent::ReadingRemindersUnmuted(account::ReadingRemindersUnmuted {});
    when_due([of_account(ANNA, &muted), of_account(ANNA, &again)], &[closing(ANNA)]);
    let unblocked = account::BotUnblocked { bot: "demo".to_owned() };
    when_due(
        [
            of_account(ANNA, &AccountEvent::BotBlocked(bot("demo"))),
            of_account(ANNA, &AccountEvent::BotUnblocked(unblocked)),
        ],
        &[closing(ANNA)],
    );
    let program = registered(OLEG, Origin::Api { external_id: None });
    when_due([program, consent(OLEG), meter_of(OLEG, Uuid::nil())], &[closing(ANNA)]);
}

#[test]
fn the_last_missing_reading_cancels_the_reminder() {
    let cancel = Order::Cancel { key: format!("closes:{ANNA}") };
    given([])
        .when(reading(ANNA, KITCHEN, "2026-11-01"))
        .then_orders(&[])
        .when(reading(ANNA, BATH, "2026-11-01"))
        .then_orders(&[cancel]);
}

#[test]
fn a_wish_to_be_told_of_the_opening_is_a_timer_that_the_will_and_the_block_cancel() {
    let asked = account::ReadingReminderAsked {
        period: day("2026-12-01"),
        opens_on: day("2026-12-15"),
        due_at: at("2026-12-15T07:00:00Z"),
    };
    let asked = of_account(ANNA, &AccountEvent::ReadingReminderAsked(asked));
    let timer = remind(ANNA, ReminderOccasion::WindowOpens, ("2026-12-01", "2026-12-15T07:00:00Z"));
    given([]).when(asked.clone()).then_orders(&[timer]);
    let cancels = ["closes", "opens"].map(|name| Order::Cancel { key: format!("{name}:{ANNA}") });
    for event in [
        AccountEvent::ReadingRemindersMuted(account::ReadingRemindersMuted {}),
        AccountEvent::ConsentWithdrawn(account::ConsentWithdrawn {}),
        AccountEvent::BotBlocked(account::BotBlocked { bot: "demo".to_owned() }),
    ] {
        given([asked.clone()]).when(of_account(ANNA, &event)).then_orders(&cancels);
    }
}

#[test]
fn a_reminder_that_was_put_off_comes_later() {
    let postponed = account::ReadingReminderPostponed {
        occasion: ReminderOccasion::WindowCloses,
        period: day("2026-11-01"),
        due_at: at("2026-11-23T07:00:00Z"),
    };
    let event = of_account(ANNA, &AccountEvent::ReadingReminderPostponed(postponed));
    let when = ("2026-11-01", "2026-11-23T07:00:00Z");
    given([]).when(event).then_orders(&[remind(ANNA, ReminderOccasion::WindowCloses, when)]);
}
