//! What statements say on the wire and in the log: frozen, so pinned to the letter.

use super::*;
use crate::{EventBody, EventDecodeError, RefusalDocument};

const LINE: &str = r#"{"kind":"charge","external_id":"1","at":"2026-11-20T10:00:00Z","amount_minor":500,"fee_minor":45,"net_minor":455,"currency":"USD","references":["ch_1"]}"#;
const ARRIVAL: &str = r#"{"kind":"arrival","external_id":"№ 7","at":"2026-11-20T10:00:00Z","amount_minor":455,"fee_minor":0,"net_minor":455,"currency":"USD","payout_ref":"po_1","from":"stripe"}"#;

fn arrival() -> StatementLine {
    StatementLine {
        kind: LineKind::Arrival,
        external_id: "№ 7".to_owned(),
        amount_minor: 455,
        fee_minor: 0,
        net_minor: 455,
        references: [].into(),
        payout_ref: Some("po_1".to_owned()),
        from: Some(PaymentProvider::Stripe),
        ..line("1", 500)
    }
}

#[test]
fn events_are_written_as_ever_and_read_back() {
    let hash = "ab".repeat(32);
    let id = "00000000-0000-0000-0000-000000000007";
    let payload = format!(
        r#"{{"source":"bank","month":"2026-11-01","file":{{"sha256":"{hash}","lines":3}},"lines":[{{"line_id":"{id}","line":{LINE}}},{{"line_id":"{id}","completed":true,"line":{ARRIVAL}}}]}}"#
    );
    let line_id = Uuid::from_u128(7);
    let event = ProviderStatementEvent::LinesRecorded(LinesRecorded {
        source: StatementSource::Bank,
        month: november(),
        file: file(),
        lines: vec![
            RecordedLine { line_id, completed: false, line: line("1", 500) },
            RecordedLine { line_id, completed: true, line: arrival() },
        ],
    });
    let wire_type = "provider_statement.lines_recorded";
    assert_eq!((event.wire_type(), event.schema_version()), (wire_type, 1));
    assert_eq!(event.to_payload().unwrap(), payload);
    assert_eq!(ProviderStatementEvent::from_wire(wire_type, 1, &payload).unwrap(), event);
    let unknown = ProviderStatementEvent::from_wire(wire_type, 2, &payload);
    assert!(matches!(unknown, Err(EventDecodeError::Unknown { .. })));
    let broken = ProviderStatementEvent::from_wire(wire_type, 1, "[7");
    assert!(matches!(broken, Err(EventDecodeError::Payload { .. })));
}

#[test]
fn commands_are_written_as_ever_and_read_back() {
    let hash = "ab".repeat(32);
    let json = format!(
        r#"{{"type":"record","source":"stripe","month":"2026-11-01","file":{{"sha256":"{hash}","lines":3}},"lines":[{LINE}]}}"#
    );
    let command = ProviderStatementCommand::Record(record(vec![line("1", 500)]));
    assert_eq!(serde_json::to_string(&command).unwrap(), json);
    assert_eq!(serde_json::from_str::<ProviderStatementCommand>(&json).unwrap(), command);
    for (right, wrong) in
        [("stripe", "paypal"), ("USD", "ABC"), ("500", "5.5"), ("lines\":[", "x\":[")]
    {
        let wrong = json.replace(right, wrong);
        assert!(serde_json::from_str::<ProviderStatementCommand>(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn sources_and_kinds_are_named_as_on_the_wire() {
    for source in StatementSource::ALL {
        assert_eq!(serde_json::to_value(source).unwrap(), source.name());
        assert_eq!(source.name().parse::<StatementSource>().unwrap(), source);
    }
    assert!("paypal".parse::<StatementSource>().unwrap_err().to_string().contains("yookassa"));
    for kind in [
        LineKind::Charge,
        LineKind::Refund,
        LineKind::Dispute,
        LineKind::Fee,
        LineKind::Payout,
        LineKind::Arrival,
        LineKind::Other,
    ] {
        assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
    }
}

#[test]
fn every_refusal_becomes_a_document_and_comes_back() {
    use ProviderStatementRefusal as No;
    let (field, expected) = ("lines".to_owned(), "1 to 250 lines".to_owned());
    let refusals = [
        (No::TenantUnknown, "tenant_unknown"),
        (No::NotAllowed, "not_allowed"),
        (No::IdMismatch { expected: Uuid::nil() }, "id_mismatch"),
        (
            No::LineInvalid { line: 2, field: field.clone(), expected: expected.clone() },
            "line_invalid",
        ),
        (No::FieldOutOfRange { field, expected }, "field_out_of_range"),
        (No::TooMany { max: 200_000 }, "too_many"),
    ];
    for (refusal, code) in refusals {
        let document = RefusalDocument::from_refusal(&refusal).unwrap();
        assert_eq!((document.code.as_str(), &document.message), (code, &refusal.to_string()));
        assert_eq!(document.to_refusal::<No>().unwrap(), refusal);
    }
}
