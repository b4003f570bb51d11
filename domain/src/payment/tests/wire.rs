//! What payments say on the wire and in the log: frozen, so pinned to the letter.

use cqrs_es::DomainEvent;

use super::*;
use crate::{EventBody, EventDecodeError, RefusalDocument};

const EVENTS: &[(&str, &str)] = &[
    (
        "payment.begun",
        r#"{"account_id":"00000000-0000-0000-0000-00000000000a","product":{"product_id":"00000000-0000-0000-0000-0000000000b1","version":3,"gives":{"credits":25}},"price":{"amount_minor":250,"currency":"XTR"},"provider":"telegram_stars","channel":"telegram/shop_bot","expires_at":"2026-11-17T09:00:00Z"}"#,
    ),
    (
        "payment.begun",
        r#"{"account_id":"00000000-0000-0000-0000-00000000000a","product":{"product_id":"00000000-0000-0000-0000-0000000000b1","version":1,"gives":{"pass":"week"}},"price":{"amount_minor":19900,"currency":"RUB"},"provider":"yookassa","channel":"yookassa/54401","expires_at":"2026-11-17T09:00:00Z"}"#,
    ),
    ("payment.pending", r#"{"provider_ref":"pi_1"}"#),
    ("payment.pending", r#"{}"#),
    (
        "payment.succeeded",
        r#"{"provider_ref":"stxCharge-1","account_id":"00000000-0000-0000-0000-00000000000a","product":{"product_id":"00000000-0000-0000-0000-0000000000b1","version":3,"gives":{"credits":25}},"price":{"amount_minor":250,"currency":"XTR"},"provider":"telegram_stars"}"#,
    ),
    ("payment.failed", r#"{"reason":"insufficient_funds"}"#),
    ("payment.expired", r#"{}"#),
    ("payment.outcome_unknown", r#"{}"#),
    (
        "payment.surplus_paid",
        r#"{"provider_ref":"stxCharge-2","amount":{"amount_minor":250,"currency":"XTR"}}"#,
    ),
    (
        "payment.refund_requested",
        r#"{"refund_id":"00000000-0000-0000-0000-0000000000c1","provider_ref":"stxCharge-1","amount":{"amount_minor":250,"currency":"XTR"},"reason":"customer_asked","surplus":false}"#,
    ),
    (
        "payment.refunded",
        r#"{"refund_id":"00000000-0000-0000-0000-0000000000c1","provider_ref":"stxCharge-1","amount":{"amount_minor":250,"currency":"XTR"},"surplus":false}"#,
    ),
    (
        "payment.refund_requested",
        r#"{"refund_id":"00000000-0000-0000-0000-0000000000c2","provider_ref":"pi_1","amount":{"amount_minor":400,"currency":"USD"},"reason":"goodwill","surplus":false,"part":{"credits":10,"is_last":false}}"#,
    ),
    (
        "payment.refunded",
        r#"{"refund_id":"00000000-0000-0000-0000-0000000000c2","provider_ref":"pi_1","amount":{"amount_minor":599,"currency":"USD"},"surplus":false,"part":{"is_last":true}}"#,
    ),
    (
        "payment.refund_failed",
        r#"{"refund_id":"00000000-0000-0000-0000-0000000000c1","provider_ref":"stxCharge-1","amount":{"amount_minor":250,"currency":"XTR"},"reason":"charge_not_found","surplus":false}"#,
    ),
    (
        "payment.dispute_opened",
        r#"{"dispute_id":"00000000-0000-0000-0000-0000000000d1","dispute_ref":"dp_1","provider_ref":"stxCharge-1","amount":{"amount_minor":250,"currency":"XTR"},"surplus":false}"#,
    ),
    (
        "payment.dispute_closed",
        r#"{"dispute_id":"00000000-0000-0000-0000-0000000000d1","outcome":"lost","surplus":false}"#,
    ),
    (
        "payment.contradicted",
        r#"{"fact":"success","provider_ref":"stxCharge-1","field":"amount","expected":{"amount_minor":250,"currency":"XTR"},"found":{"amount_minor":1,"currency":"XTR"}}"#,
    ),
    (
        "payment.receipt_requested",
        r#"{"of":"charge","provider_ref":"2d1a7e10-000f-5000-8000-18db351245c7"}"#,
    ),
    (
        "payment.receipt_failed",
        r#"{"of":"refund","provider_ref":"2d1a7e10-0015-5000-8000-1b2c3d4e5f60"}"#,
    ),
    (
        "payment.receipt_registered",
        r#"{"of":"charge","provider_ref":"2d1a7e10-000f-5000-8000-18db351245c7"}"#,
    ),
];

#[test]
fn every_event_is_pinned() {
    for schema in PaymentEvent::SCHEMAS {
        let pinned = EVENTS.iter().any(|(wire_type, _)| *wire_type == schema.event_type);
        assert!(pinned, "{}", schema.event_type);
    }
}

#[test]
fn events_are_written_as_ever_and_read_back() {
    for (wire_type, payload) in EVENTS {
        let event = PaymentEvent::from_wire(wire_type, 1, payload).unwrap();
        assert_eq!(event.wire_type(), *wire_type);
        assert_eq!(event.to_payload().unwrap(), *payload);
        assert_eq!(
            (event.event_type().as_str(), event.event_version().as_str()),
            (*wire_type, "1")
        );
        assert_eq!(event.personal_fields(), &[] as &[&str]);
    }
    for (wire_type, version) in [("payment.begun", 2), ("payment.vanished", 1)] {
        let unknown = PaymentEvent::from_wire(wire_type, version, "{}").unwrap_err();
        assert!(matches!(unknown, EventDecodeError::Unknown { .. }), "{unknown}");
    }
}

#[test]
fn commands_are_read_as_ever_and_nothing_else_is() {
    let commands = [
        r#"{"type":"begin","account_id":"00000000-0000-0000-0000-00000000000a","product":{"product_id":"00000000-0000-0000-0000-0000000000b1","version":3,"gives":{"credits":25}},"price":{"amount_minor":250,"currency":"XTR"},"provider":"telegram_stars","channel":"telegram/shop_bot","expires_at":"2026-11-17T09:00:00Z"}"#,
        r#"{"type":"check_out","amount":{"amount_minor":250,"currency":"XTR"},"payer":"00000000-0000-0000-0000-00000000000a"}"#,
        r#"{"type":"record_pending"}"#,
        r#"{"type":"record_success","provider_ref":"stxCharge-1","amount":{"amount_minor":250,"currency":"XTR"}}"#,
        r#"{"type":"record_failure","reason":"insufficient_funds"}"#,
        r#"{"type":"record_unknown"}"#,
        r#"{"type":"expire"}"#,
        r#"{"type":"request_refund","refund_id":"00000000-0000-0000-0000-0000000000c1","reason":"customer_asked"}"#,
        r#"{"type":"request_refund","refund_id":"00000000-0000-0000-0000-0000000000c1","reason":"goodwill","amount":{"amount_minor":400,"currency":"USD"}}"#,
        r#"{"type":"request_refund","refund_id":"00000000-0000-0000-0000-0000000000c1","reason":"goodwill","credits":10}"#,
        r#"{"type":"record_refund","refund_id":"00000000-0000-0000-0000-0000000000c1","provider_ref":"pi_1","amount":{"amount_minor":400,"currency":"USD"},"refund_ref":"re_1"}"#,
        r#"{"type":"record_refund","provider_ref":"stxCharge-1","amount":{"amount_minor":250,"currency":"XTR"}}"#,
        r#"{"type":"record_refund_failure","refund_id":"00000000-0000-0000-0000-0000000000c1","provider_ref":"stxCharge-1","amount":{"amount_minor":250,"currency":"XTR"},"reason":"charge_not_found"}"#,
        r#"{"type":"record_dispute","dispute_ref":"dp_1","provider_ref":"stxCharge-1","amount":{"amount_minor":250,"currency":"XTR"}}"#,
        r#"{"type":"record_dispute_closed","dispute_ref":"dp_1","provider_ref":"stxCharge-1","amount":{"amount_minor":250,"currency":"XTR"},"outcome":"won"}"#,
        r#"{"type":"record_receipt","of":"charge","provider_ref":"2d1a7e10-000f-5000-8000-18db351245c7","standing":"registered"}"#,
    ];
    for text in commands {
        let command: PaymentCommand = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&command).unwrap(), text);
    }
    for wrong in [
        r#"{"type":"record_success"}"#,
        r#"{"type":"expire","now":true}"#,
        r#"{"type":"record_success","provider_ref":"x","amount":{"amount_minor":2.5,"currency":"XTR"}}"#,
        r#"{"type":"steal"}"#,
    ] {
        assert!(serde_json::from_str::<PaymentCommand>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_refusal_carries_its_figures() {
    let refusal = PaymentRefusal::PriceDiffers { expected: stars(250) };
    let document = RefusalDocument::from_refusal(&refusal).unwrap();
    assert_eq!(
        (document.code.as_str(), document.message.as_str()),
        ("price_differs", "this costs 250 XTR and nothing else")
    );
    assert_eq!(document.to_refusal::<PaymentRefusal>().unwrap(), refusal);
}
