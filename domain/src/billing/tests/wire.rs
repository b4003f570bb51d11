//! What billing says on the wire and in the log: frozen, so pinned to the letter.

use cqrs_es::DomainEvent;

use super::*;
use crate::{EventBody, EventDecodeError, RefusalDocument};

const EVENTS: &[(&str, &str)] = &[
    (
        "billing.method_saved",
        r#"{"account_id":"00000000-0000-0000-0000-00000000000a","method_id":"00000000-0000-0000-0000-000000000001","provider":"stripe","channel":"stripe/shop","card":{"brand":"visa","last4":"4242","expiry_month":12,"expiry_year":2030}}"#,
    ),
    (
        "billing.method_saved",
        r#"{"account_id":"00000000-0000-0000-0000-00000000000a","method_id":"00000000-0000-0000-0000-000000000002","provider":"yookassa","channel":"yookassa/shop"}"#,
    ),
    (
        "billing.method_removed",
        r#"{"account_id":"00000000-0000-0000-0000-00000000000a","method_id":"00000000-0000-0000-0000-000000000001","reason":"customer"}"#,
    ),
    (
        "billing.recharge_enabled",
        r#"{"account_id":"00000000-0000-0000-0000-00000000000a","terms":{"threshold_credits":5,"product":{"product_id":"00000000-0000-0000-0000-0000000000b1","version":3,"gives":{"credits":25}},"price":{"amount_minor":499,"currency":"USD"},"monthly_cap":{"amount_minor":1500,"currency":"USD"},"provider":"stripe","channel":"stripe/shop","words":"Когда остаётся меньше 5 кредитов…","language":"ru"}}"#,
    ),
    (
        "billing.recharge_disabled",
        r#"{"account_id":"00000000-0000-0000-0000-00000000000a","reason":"product_changed"}"#,
    ),
    (
        "billing.recharge_requested",
        r#"{"account_id":"00000000-0000-0000-0000-00000000000a","payment_id":"00000000-0000-0000-0000-0000000000f1","method_id":"00000000-0000-0000-0000-000000000001","provider":"stripe","channel":"stripe/shop","product":{"product_id":"00000000-0000-0000-0000-0000000000b1","version":3,"gives":{"credits":25}},"price":{"amount_minor":499,"currency":"USD"},"month":"2026-11-01","credits_left":4}"#,
    ),
    (
        "billing.charge_begun",
        r#"{"account_id":"00000000-0000-0000-0000-00000000000a","payment_id":"00000000-0000-0000-0000-0000000000f1"}"#,
    ),
    (
        "billing.recharge_succeeded",
        r#"{"account_id":"00000000-0000-0000-0000-00000000000a","payment_id":"00000000-0000-0000-0000-0000000000f1"}"#,
    ),
    (
        "billing.recharge_failed",
        r#"{"account_id":"00000000-0000-0000-0000-00000000000a","payment_id":"00000000-0000-0000-0000-0000000000f1","reason":"insufficient_funds","retry_at":"2026-11-16T10:00:00Z"}"#,
    ),
    (
        "billing.recharge_failed",
        r#"{"account_id":"00000000-0000-0000-0000-00000000000a","payment_id":"00000000-0000-0000-0000-0000000000f1","reason":"stopped"}"#,
    ),
    (
        "billing.cap_reached",
        r#"{"account_id":"00000000-0000-0000-0000-00000000000a","month":"2026-11-01","monthly_cap":{"amount_minor":1500,"currency":"USD"}}"#,
    ),
    ("billing.closed", r#"{"account_id":"00000000-0000-0000-0000-00000000000a"}"#),
];

#[test]
fn events_are_written_as_ever_and_read_back() {
    for schema in BillingEvent::SCHEMAS {
        let pinned = EVENTS.iter().any(|(wire_type, _)| *wire_type == schema.event_type);
        assert!(pinned, "{}", schema.event_type);
    }
    for (wire_type, payload) in EVENTS {
        let event = BillingEvent::from_wire(wire_type, 1, payload).unwrap();
        assert_eq!(event.wire_type(), *wire_type);
        assert_eq!(event.to_payload().unwrap(), *payload);
        assert_eq!(event.account_id(), ANNA);
        let version = event.event_version();
        assert_eq!((event.event_type().as_str(), version.as_str()), (*wire_type, "1"));
        let card: &[&str] =
            if event.wire_type() == "billing.method_saved" { &["/card"] } else { &[] };
        assert_eq!(event.personal_fields(), card);
    }
    let unknown = BillingEvent::from_wire("billing.vanished", 1, "{}").unwrap_err();
    assert!(matches!(unknown, EventDecodeError::Unknown { .. }), "{unknown}");
}

#[test]
fn a_card_of_somebody_who_is_erased_reads_as_one_that_is_gone() {
    let payload = EVENTS[0].1.replace(
        r#"{"brand":"visa","last4":"4242","expiry_month":12,"expiry_year":2030}"#,
        r#"{"$redacted":true}"#,
    );
    let event = BillingEvent::from_wire("billing.method_saved", 1, &payload).unwrap();
    assert_eq!(event.to_payload().unwrap(), payload);
    assert!(
        matches!(&event, BillingEvent::MethodSaved(saved) if saved.card.as_ref().unwrap().known().is_none())
    );
}

#[test]
fn commands_are_read_as_ever_and_nothing_else_is() {
    let commands = [
        r#"{"type":"save_method","account_id":"00000000-0000-0000-0000-00000000000a","method_id":"00000000-0000-0000-0000-000000000001","provider":"stripe","channel":"stripe/shop","card":{"brand":"visa","last4":"4242"}}"#,
        r#"{"type":"remove_method","method_id":"00000000-0000-0000-0000-000000000001","reason":"customer"}"#,
        r#"{"type":"enable_recharge","account_id":"00000000-0000-0000-0000-00000000000a","terms":{"threshold_credits":5,"product":{"product_id":"00000000-0000-0000-0000-0000000000b1","version":3,"gives":{"credits":25}},"price":{"amount_minor":499,"currency":"USD"},"monthly_cap":{"amount_minor":1500,"currency":"USD"},"provider":"stripe","channel":"stripe/shop","words":"Yes","language":"en"},"credits_left":3}"#,
        r#"{"type":"disable_recharge","reason":"staff"}"#,
        r#"{"type":"request_recharge","credits_left":4}"#,
        r#"{"type":"begin_charge","payment_id":"00000000-0000-0000-0000-0000000000f1"}"#,
        r#"{"type":"record_recharge_success","payment_id":"00000000-0000-0000-0000-0000000000f1"}"#,
        r#"{"type":"record_recharge_failure","payment_id":"00000000-0000-0000-0000-0000000000f1","reason":"insufficient_funds"}"#,
        r#"{"type":"close","account_id":"00000000-0000-0000-0000-00000000000a"}"#,
    ];
    for text in commands {
        let command: BillingCommand = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&command).unwrap(), text);
    }
    for wrong in [
        r#"{"type":"request_recharge"}"#,
        r#"{"type":"request_recharge","credits_left":4,"force":true}"#,
        r#"{"type":"disable_recharge","reason":"mood"}"#,
        r#"{"type":"charge_everybody"}"#,
    ] {
        assert!(serde_json::from_str::<BillingCommand>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_refusal_carries_its_figures() {
    let refusal = BillingRefusal::OutOfRange { field: "monthly_cap".into(), min: 499, max: 900 };
    let document = RefusalDocument::from_refusal(&refusal).unwrap();
    assert_eq!(
        (document.code.as_str(), document.message.as_str()),
        ("out_of_range", "`monthly_cap` must be from 499 to 900")
    );
    assert_eq!(document.to_refusal::<BillingRefusal>().unwrap(), refusal);
}
