//! What accounts say on the wire and in the log: frozen, so pinned to the letter.

use cqrs_es::DomainEvent;

use super::*;
use crate::{EventBody, EventDecodeError, RefusalDocument};

fn events() -> Vec<(AccountEvent, &'static str, &'static str)> {
    let full = Registered { phone: Some("+79161234567".parse().unwrap()), ..registered() };
    let named = Registered { origin: api(Some("42")).into(), ..registered() };
    let nameless = Registered { origin: api(None).into(), language: Language::En, ..registered() };
    let renamed = Renamed { display_name: "Анна Иванова".parse().unwrap() };
    let number = PhoneChanged { phone: Some("+79161234567".parse().unwrap()) };
    vec![
        (
            AccountEvent::Registered(full),
            "account.registered",
            r#"{"display_name":"Анна Петрова","language":"ru","origin":{"kind":"telegram","bot":"demo","user_id":1001,"username":"anna"},"phone":"+79161234567"}"#,
        ),
        (
            AccountEvent::Registered(named),
            "account.registered",
            r#"{"display_name":"Анна Петрова","language":"ru","origin":{"kind":"api","external_id":"42"}}"#,
        ),
        (
            AccountEvent::Registered(nameless),
            "account.registered",
            r#"{"display_name":"Анна Петрова","language":"en","origin":{"kind":"api"}}"#,
        ),
        (AccountEvent::Renamed(renamed), "account.renamed", r#"{"display_name":"Анна Иванова"}"#),
        (
            AccountEvent::LanguageChanged(LanguageChanged { language: Language::En }),
            "account.language_changed",
            r#"{"language":"en"}"#,
        ),
        (
            AccountEvent::PhoneChanged(number),
            "account.phone_changed",
            r#"{"phone":"+79161234567"}"#,
        ),
        (
            AccountEvent::PhoneChanged(PhoneChanged { phone: None }),
            "account.phone_changed",
            r#"{"phone":null}"#,
        ),
        (consented("2026-11"), "account.consent_given", r#"{"document_version":"2026-11"}"#),
        (AccountEvent::ConsentWithdrawn(ConsentWithdrawn {}), "account.consent_withdrawn", "{}"),
        (blocked("demo"), "account.bot_blocked", r#"{"bot":"demo"}"#),
        (unblocked("demo"), "account.bot_unblocked", r#"{"bot":"demo"}"#),
        (
            AccountEvent::Erased(Erased { ground: ErasureGround::PersonAsked }),
            "account.erased",
            r#"{"ground":"person_asked"}"#,
        ),
    ]
    .into_iter()
    .chain(events_of_reminders())
    .collect()
}

fn events_of_reminders() -> Vec<(AccountEvent, &'static str, &'static str)> {
    let day = |text: &str| text.parse().unwrap();
    let asked = ReadingReminderAsked {
        period: day("2026-12-01"),
        opens_on: day("2026-12-15"),
        due_at: "2026-12-15T07:00:00Z".parse().unwrap(),
    };
    let postponed = ReadingReminderPostponed {
        occasion: ReminderOccasion::WindowOpens,
        period: day("2026-12-01"),
        due_at: "2026-12-16T07:00:00Z".parse().unwrap(),
    };
    let due = ReadingReminderDue {
        occasion: ReminderOccasion::WindowCloses,
        period: day("2026-11-01"),
        closes_on: day("2026-11-25"),
    };
    vec![
        (
            AccountEvent::ReadingReminderAsked(asked),
            "account.reading_reminder_asked",
            r#"{"period":"2026-12-01","opens_on":"2026-12-15","due_at":"2026-12-15T07:00:00Z"}"#,
        ),
        (
            AccountEvent::ReadingRemindersMuted(ReadingRemindersMuted {}),
            "account.reading_reminders_muted",
            "{}",
        ),
        (
            AccountEvent::ReadingRemindersUnmuted(ReadingRemindersUnmuted {}),
            "account.reading_reminders_unmuted",
            "{}",
        ),
        (
            AccountEvent::ReadingReminderPostponed(postponed),
            "account.reading_reminder_postponed",
            r#"{"occasion":"window_opens","period":"2026-12-01","due_at":"2026-12-16T07:00:00Z"}"#,
        ),
        (
            AccountEvent::ReadingReminderDue(due),
            "account.reading_reminder_due",
            r#"{"occasion":"window_closes","period":"2026-11-01","closes_on":"2026-11-25"}"#,
        ),
    ]
}

#[test]
fn every_event_is_pinned() {
    let events = events();
    for schema in AccountEvent::SCHEMAS {
        let pinned = events.iter().any(|(_, wire_type, _)| *wire_type == schema.event_type);
        assert!(pinned, "{}", schema.event_type);
    }
}

#[test]
fn events_are_written_as_ever_and_read_back() {
    for (event, wire_type, payload) in events() {
        assert_eq!(event.wire_type(), wire_type);
        assert_eq!(event.schema_version(), 1);
        assert_eq!(event.to_payload().unwrap(), payload);
        assert_eq!(AccountEvent::from_wire(wire_type, 1, payload).unwrap(), event);
        assert_eq!((event.event_type().as_str(), event.event_version().as_str()), (wire_type, "1"));
    }
}

#[test]
fn a_recorded_event_that_cannot_be_read_says_why() {
    for (_, wire_type, payload) in events() {
        for (name, version) in [(wire_type, 2), (wire_type, -1), ("account.closed", 1), ("", 1)] {
            match AccountEvent::from_wire(name, version, payload) {
                Err(EventDecodeError::Unknown { wire_type, schema_version }) => {
                    assert_eq!((wire_type.as_str(), schema_version), (name, version));
                }
                other => panic!("{other:?}"),
            }
        }
        for broken in ["", "{", "null", "7"] {
            let result = AccountEvent::from_wire(wire_type, 1, broken);
            assert!(
                matches!(result, Err(EventDecodeError::Payload { .. })),
                "{wire_type} {broken}"
            );
        }
    }
    for (wire_type, broken) in [
        ("account.registered", "{}"),
        ("account.renamed", r#"{"display_name":""}"#),
        ("account.language_changed", r#"{"language":"de"}"#),
        ("account.phone_changed", r#"{"phone":"12"}"#),
        ("account.consent_given", r#"{"document_version":7}"#),
        ("account.bot_blocked", "{}"),
        ("account.bot_unblocked", r#"{"bot":null}"#),
    ] {
        let result = AccountEvent::from_wire(wire_type, 1, broken);
        assert!(matches!(result, Err(EventDecodeError::Payload { .. })), "{wire_type} {broken}");
    }
}

#[test]
fn commands_are_written_as_ever_and_read_back() {
    let pinned = [
        (
            AccountCommand::Register(register()),
            r#"{"type":"register","display_name":"Анна Петрова","language":"ru","origin":{"kind":"telegram","bot":"demo","user_id":1001,"username":"anna"}}"#,
        ),
        (
            AccountCommand::Register(Register {
                origin: api(None),
                phone: Some("+79161234567".parse().unwrap()),
                ..register()
            }),
            r#"{"type":"register","display_name":"Анна Петрова","language":"ru","origin":{"kind":"api"},"phone":"+79161234567"}"#,
        ),
        (rename("Other"), r#"{"type":"rename","display_name":"Other"}"#),
        (language(Language::En), r#"{"type":"change_language","language":"en"}"#),
        (phone(Some("+79161234567")), r#"{"type":"change_phone","phone":"+79161234567"}"#),
        (phone(None), r#"{"type":"change_phone","phone":null}"#),
        (consent("2026-11"), r#"{"type":"give_consent","document_version":"2026-11"}"#),
        (withdraw(), r#"{"type":"withdraw_consent"}"#),
        (block("demo"), r#"{"type":"block_bot","bot":"demo"}"#),
        (unblock("demo"), r#"{"type":"unblock_bot","bot":"demo"}"#),
        (
            AccountCommand::Erase(Erase { ground: ErasureGround::AuthorityOrdered }),
            r#"{"type":"erase","ground":"authority_ordered"}"#,
        ),
        (
            AccountCommand::AskReadingReminder(AskReadingReminder {}),
            r#"{"type":"ask_reading_reminder"}"#,
        ),
        (
            AccountCommand::MuteReadingReminders(MuteReadingReminders {}),
            r#"{"type":"mute_reading_reminders"}"#,
        ),
        (
            AccountCommand::UnmuteReadingReminders(UnmuteReadingReminders {}),
            r#"{"type":"unmute_reading_reminders"}"#,
        ),
        (
            AccountCommand::RemindOfReadings(RemindOfReadings {
                occasion: ReminderOccasion::WindowCloses,
                period: "2026-11-01".parse().unwrap(),
            }),
            r#"{"type":"remind_of_readings","occasion":"window_closes","period":"2026-11-01"}"#,
        ),
    ];
    for (command, json) in pinned {
        assert_eq!(serde_json::to_string(&command).unwrap(), json);
        assert_eq!(serde_json::from_str::<AccountCommand>(json).unwrap(), command);
    }
}

#[test]
fn a_command_with_an_unknown_field_or_a_wrong_value_is_not_read() {
    for json in [
        r#"{"type":"rename","display_name":"Other","name":"typo"}"#,
        r#"{"type":"rename","display_name":""}"#,
        r#"{"type":"change_phone","phone":"12"}"#,
        r#"{"type":"change_language","language":"de"}"#,
        r#"{"type":"close"}"#,
        "{}",
        "null",
    ] {
        assert!(serde_json::from_str::<AccountCommand>(json).is_err(), "{json}");
    }
}

#[test]
fn every_refusal_becomes_a_document_and_comes_back() {
    for (refusal, code, message) in [
        (
            AccountRefusal::TenantUnknown,
            "tenant_unknown",
            "there is no such tenant; create it first",
        ),
        (
            AccountRefusal::AccountExists,
            "account_exists",
            "this account is registered already; change it instead of registering it again",
        ),
        (
            AccountRefusal::AccountUnknown,
            "account_unknown",
            "there is no such account; register it first",
        ),
        (
            AccountRefusal::AccountErased,
            "account_erased",
            "this person was erased; open a new account under a new id",
        ),
        (
            AccountRefusal::NotAllowed,
            "not_allowed",
            "this account belongs to somebody else; use your own",
        ),
        (
            too_long("bot", 40),
            "text_out_of_range",
            "`bot` must have 1 to 40 characters and no line breaks or other control characters",
        ),
        (
            AccountRefusal::TooManyBots { bots_max: 20 },
            "too_many_bots",
            "an account remembers at most 20 blocked bots; unblock one of them first",
        ),
    ] {
        let document = RefusalDocument::from_refusal(&refusal).unwrap();
        assert_eq!((document.code.as_str(), document.message.as_str()), (code, message));
        assert_eq!(document.to_refusal::<AccountRefusal>().unwrap(), refusal);
    }
}
