//! What tenants say on the wire and in the log: frozen, so pinned to the letter.

use cqrs_es::DomainEvent;

use super::*;
use crate::{EventBody, EventDecodeError, RefusalDocument};

fn events() -> Vec<(TenantEvent, &'static str, &'static str)> {
    let meter_rules = rules(|rules| {
        rules.verification = VerificationPolicy::Block;
        let free = SourceRules { window: false, confirmation: true, photo: true };
        rules.by_source.insert(ReadingSource::Web, free);
    });
    vec![
        (
            TenantEvent::Created(created()),
            "tenant.created",
            r#"{"id":"demo_utility","name":"Горводоканал","kind":"utility","language":"ru","time_zone":"Europe/Moscow","meter_rules":{"window_first_day":15,"window_last_day":25,"unusual_factor":3,"verification":"warn","by_source":{}}}"#,
        ),
        (
            TenantEvent::Renamed(Renamed { name: "Other".parse().unwrap() }),
            "tenant.renamed",
            r#"{"name":"Other"}"#,
        ),
        (
            TenantEvent::LocaleChanged(LocaleChanged {
                language: Language::En,
                time_zone: chrono_tz::Asia::Tashkent,
            }),
            "tenant.locale_changed",
            r#"{"language":"en","time_zone":"Asia/Tashkent"}"#,
        ),
        (
            TenantEvent::MeterRulesChanged(MeterRulesChanged { meter_rules }),
            "tenant.meter_rules_changed",
            r#"{"meter_rules":{"window_first_day":15,"window_last_day":25,"unusual_factor":3,"verification":"block","by_source":{"web":{"window":false,"confirmation":true,"photo":true}}}}"#,
        ),
        (
            TenantEvent::ReadingRemindersChanged(ReadingRemindersChanged {
                reading_reminders: ReadingReminders { enabled: false, days_before: 5, hour: 19 },
            }),
            "tenant.reading_reminders_changed",
            r#"{"reading_reminders":{"enabled":false,"days_before":5,"hour":19}}"#,
        ),
        (
            TenantEvent::ReadingRemindersDue(ReadingRemindersDue {
                period: "2026-11-01".parse().unwrap(),
                closes_on: "2026-11-25".parse().unwrap(),
            }),
            "tenant.reading_reminders_due",
            r#"{"period":"2026-11-01","closes_on":"2026-11-25"}"#,
        ),
        (
            TenantEvent::CreditRulesChanged(CreditRulesChanged {
                credit_rules: CreditRules::default(),
            }),
            "tenant.credit_rules_changed",
            r#"{"credit_rules":{"enabled":false,"message_cost":1,"welcome_credits":3,"tutorial_credits":2,"low_credits":5,"hold_seconds":900,"messages_per_minute_max":60,"credits_per_day_max":10000,"gifts_per_day_max":1000,"balance_max":1000000,"debt":"block","packages":[10,25,50,100],"test_switch":false}}"#,
        ),
    ]
}

#[test]
fn every_event_is_pinned() {
    let events = events();
    for schema in TenantEvent::SCHEMAS {
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
        assert_eq!(TenantEvent::from_wire(wire_type, 1, payload).unwrap(), event);
        assert_eq!((event.event_type().as_str(), event.event_version().as_str()), (wire_type, "1"));
    }
}

#[test]
fn a_recorded_event_that_cannot_be_read_says_why() {
    for (_, wire_type, payload) in events() {
        for (name, version) in [(wire_type, 2), (wire_type, 0), ("tenant.closed", 1), ("", 1)] {
            match TenantEvent::from_wire(name, version, payload) {
                Err(EventDecodeError::Unknown { wire_type, schema_version }) => {
                    assert_eq!((wire_type.as_str(), schema_version), (name, version));
                }
                other => panic!("{other:?}"),
            }
        }
        for broken in ["", "{", "null", "{}", r#"{"name":""}"#, r#"{"time_zone":"Mars/Base"}"#] {
            let result = TenantEvent::from_wire(wire_type, 1, broken);
            assert!(
                matches!(result, Err(EventDecodeError::Payload { .. })),
                "{wire_type} {broken}"
            );
        }
    }
    let error = TenantEvent::from_wire("tenant.closed", 1, "{}").unwrap_err();
    assert_eq!(error.to_string(), "no event `tenant.closed` of schema version 1 is known");
    let error = TenantEvent::from_wire("tenant.renamed", 1, "{}").unwrap_err();
    assert_eq!(error.to_string(), "payload of `tenant.renamed` does not fit its type");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn rules_from_before_credits_could_be_switched_on_read_as_switched_off() {
    let before = r#"{"credit_rules":{"message_cost":1,"welcome_credits":3,"tutorial_credits":2,"low_credits":5,"hold_seconds":900,"messages_per_minute_max":60,"credits_per_day_max":10000,"gifts_per_day_max":1000,"balance_max":1000000,"debt":"block"}}"#;
    let event = TenantEvent::from_wire("tenant.credit_rules_changed", 1, before).unwrap();
    let now = CreditRules::default();
    assert!(!now.enabled && !now.test_switch);
    assert_eq!(event, TenantEvent::CreditRulesChanged(CreditRulesChanged { credit_rules: now }));
}

#[test]
fn commands_are_written_as_ever_and_read_back() {
    let pinned = [
        (
            TenantCommand::Create(create()),
            r#"{"type":"create","name":"Горводоканал","kind":"utility","language":"ru","time_zone":"Europe/Moscow","meter_rules":{"window_first_day":15,"window_last_day":25,"unusual_factor":3,"verification":"warn","by_source":{}}}"#,
        ),
        (rename("Other"), r#"{"type":"rename","name":"Other"}"#),
        (
            locale(Language::En, chrono_tz::UTC),
            r#"{"type":"change_locale","language":"en","time_zone":"UTC"}"#,
        ),
        (
            change_rules(MeterRules::default()),
            r#"{"type":"change_meter_rules","meter_rules":{"window_first_day":15,"window_last_day":25,"unusual_factor":3,"verification":"warn","by_source":{}}}"#,
        ),
        (
            TenantCommand::ChangeReadingReminders(ChangeReadingReminders {
                reading_reminders: ReadingReminders::default(),
            }),
            r#"{"type":"change_reading_reminders","reading_reminders":{"enabled":true,"days_before":3,"hour":10}}"#,
        ),
        (
            TenantCommand::BeginReadingReminders(BeginReadingReminders {
                period: "2026-11-01".parse().unwrap(),
            }),
            r#"{"type":"begin_reading_reminders","period":"2026-11-01"}"#,
        ),
        (
            TenantCommand::ChangeCreditRules(ChangeCreditRules {
                credit_rules: CreditRules::default(),
            }),
            r#"{"type":"change_credit_rules","credit_rules":{"enabled":false,"message_cost":1,"welcome_credits":3,"tutorial_credits":2,"low_credits":5,"hold_seconds":900,"messages_per_minute_max":60,"credits_per_day_max":10000,"gifts_per_day_max":1000,"balance_max":1000000,"debt":"block","packages":[10,25,50,100],"test_switch":false}}"#,
        ),
    ];
    for (command, json) in pinned {
        assert_eq!(serde_json::to_string(&command).unwrap(), json);
        assert_eq!(serde_json::from_str::<TenantCommand>(json).unwrap(), command);
    }
}

#[test]
fn a_command_may_leave_out_rules_that_stay_at_their_default() {
    let json = r#"{"type":"create","name":"Горводоканал","kind":"utility","language":"ru","time_zone":"Europe/Moscow"}"#;
    assert_eq!(
        serde_json::from_str::<TenantCommand>(json).unwrap(),
        TenantCommand::Create(create())
    );
    let json = r#"{"type":"change_meter_rules","meter_rules":{"unusual_factor":5}}"#;
    let five = change_rules(rules(|rules| rules.unusual_factor = 5));
    assert_eq!(serde_json::from_str::<TenantCommand>(json).unwrap(), five);
    for wrong in [
        r#"{"type":"rename","name":"Other","nmae":"typo"}"#,
        r#"{"type":"change_meter_rules","meter_rules":{"windw":5}}"#,
        r#"{"type":"change_meter_rules","meter_rules":{"window_first_day":-1}}"#,
        r#"{"type":"close"}"#,
    ] {
        assert!(serde_json::from_str::<TenantCommand>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_refusal_becomes_a_document_and_comes_back() {
    let expected = id().stream_id();
    for (refusal, code, message) in [
        (
            TenantRefusal::TenantExists,
            "tenant_exists",
            "this tenant exists already; choose another id or change the existing one".to_owned(),
        ),
        (
            TenantRefusal::TenantUnknown,
            "tenant_unknown",
            "there is no such tenant; create it first".to_owned(),
        ),
        (
            TenantRefusal::IdMismatch { expected },
            "id_mismatch",
            format!("a tenant's id follows from its slug; send the command to {expected}"),
        ),
        (
            TenantRefusal::NotAllowed,
            "not_allowed",
            "only the tenant's staff may do this".to_owned(),
        ),
        (
            out_of_range("unusual_factor", "a factor from 2 to 100"),
            "rule_out_of_range",
            "the meter rule `unusual_factor` is out of range: it must be a factor from 2 to 100"
                .to_owned(),
        ),
    ] {
        let document = RefusalDocument::from_refusal(&refusal).unwrap();
        assert_eq!((document.code.as_str(), &document.message), (code, &message));
        assert_eq!(document.to_refusal::<TenantRefusal>().unwrap(), refusal);
    }
}
