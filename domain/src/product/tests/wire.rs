//! What products say on the wire and in the log: frozen, so pinned to the letter.

use super::*;
use crate::{EventBody, EventDecodeError, RefusalDocument};

const TERMS: &str = r#""name":{"ru":"25 сообщений","en":"25 messages"},"gives":{"credits":25},"kind":"digital","prices":[{"amount_minor":49900,"currency":"RUB"},{"amount_minor":250,"currency":"XTR"}],"ordinal":20"#;

fn pass() -> ProductTerms {
    ProductTerms {
        name: name("Неделя", "A week"),
        gives: Gives::Pass(PassPeriod::Week),
        kind: ProductKind::RealWorld,
        prices: vec![],
        ordinal: 0,
    }
}

fn events() -> Vec<(ProductEvent, &'static str, String)> {
    let week = r#"{"name":{"ru":"Неделя","en":"A week"},"gives":{"pass":"week"},"kind":"real_world","prices":[],"ordinal":0}"#;
    vec![
        (created(), "product.created", format!("{{{TERMS}}}")),
        (changed(pass()), "product.changed", week.to_owned()),
        (activated(), "product.activated", "{}".to_owned()),
        (deactivated(), "product.deactivated", "{}".to_owned()),
    ]
}

#[test]
fn every_event_is_pinned() {
    let events = events();
    for schema in ProductEvent::SCHEMAS {
        let pinned = events.iter().any(|(_, wire_type, _)| *wire_type == schema.event_type);
        assert!(pinned, "{}", schema.event_type);
    }
}

#[test]
fn events_are_written_as_ever_and_read_back() {
    for (event, wire_type, payload) in events() {
        assert_eq!((event.wire_type(), event.schema_version()), (wire_type, 1));
        assert_eq!(event.to_payload().unwrap(), payload);
        assert_eq!(ProductEvent::from_wire(wire_type, 1, &payload).unwrap(), event);
        let unknown = ProductEvent::from_wire(wire_type, 2, &payload);
        assert!(matches!(unknown, Err(EventDecodeError::Unknown { .. })));
        let broken = ProductEvent::from_wire(wire_type, 1, "[7");
        assert!(matches!(broken, Err(EventDecodeError::Payload { .. })));
    }
}

#[test]
fn commands_are_written_as_ever_and_read_back() {
    let change = Change { gives: Some(Gives::Credits(30)), ..Change::default() };
    let all = Change {
        name: Some(name("а", "b")),
        gives: None,
        kind: Some(ProductKind::RealWorld),
        prices: Some(vec![]),
        ordinal: Some(1),
    };
    let pinned = [
        (create_from(terms()), format!(r#"{{"type":"create",{TERMS}}}"#)),
        (ProductCommand::Change(change), r#"{"type":"change","gives":{"credits":30}}"#.to_owned()),
        (
            ProductCommand::Change(all),
            r#"{"type":"change","name":{"ru":"а","en":"b"},"kind":"real_world","prices":[],"ordinal":1}"#
                .to_owned(),
        ),
        (activate(), r#"{"type":"activate"}"#.to_owned()),
        (deactivate(), r#"{"type":"deactivate"}"#.to_owned()),
    ];
    for (command, json) in pinned {
        assert_eq!(serde_json::to_string(&command).unwrap(), json);
        assert_eq!(serde_json::from_str::<ProductCommand>(&json).unwrap(), command);
    }
}

#[test]
fn a_command_that_means_nothing_is_not_read() {
    for wrong in [
        r#"{"type":"activate","now":true}"#,
        r#"{"type":"change","price":1}"#,
        r#"{"type":"change","gives":{"credits":1,"pass":"day"}}"#,
        r#"{"type":"change","gives":{"pass":"year"}}"#,
        r#"{"type":"change","prices":[{"amount_minor":1,"currency":"ABC"}]}"#,
        r#"{"type":"change","prices":[{"amount_minor":1.5,"currency":"USD"}]}"#,
        r#"{"type":"change","name":{"ru":"а"}}"#,
        r#"{"type":"retire"}"#,
    ] {
        assert!(serde_json::from_str::<ProductCommand>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_refusal_becomes_a_document_and_comes_back() {
    let refusals = [
        (ProductRefusal::TenantUnknown, "tenant_unknown"),
        (ProductRefusal::NotAllowed, "not_allowed"),
        (ProductRefusal::ProductExists, "product_exists"),
        (ProductRefusal::ProductUnknown, "product_unknown"),
        (refused("ordinal", "a number from 0 to 9999"), "field_out_of_range"),
        (ProductRefusal::StarsPriceMissing, "stars_price_missing"),
        (ProductRefusal::MoneyPriceMissing, "money_price_missing"),
        (ProductRefusal::StarsForRealWorld, "stars_for_real_world"),
        (ProductRefusal::CreditsOff, "credits_off"),
    ];
    for (refusal, code) in refusals {
        let document = RefusalDocument::from_refusal(&refusal).unwrap();
        assert_eq!((document.code.as_str(), &document.message), (code, &refusal.to_string()));
        assert_eq!(document.to_refusal::<ProductRefusal>().unwrap(), refusal);
    }
    assert_eq!(
        refused("ordinal", "a number from 0 to 9999").to_string(),
        "`ordinal` is out of range: it must be a number from 0 to 9999"
    );
}
