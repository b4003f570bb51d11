//! What the work on differences says on the wire and in the log: frozen, so pinned to the letter.

use super::*;
use crate::{
    EventBody, EventDecodeError, RefusalDocument,
    reconciliation::{Adjusted, Assigned, Explained, Reopened, WriteOffProposed, WrittenOff},
};

const POSTING: &str = r#""posting":{"debit":"expenses:differences","credit":"assets:clearing:stripe","amount":{"amount_minor":500,"currency":"USD"}}"#;

fn events() -> Vec<(E, &'static str, String)> {
    let (explanation, reference) = (Explanation::Fee, Some("T-17".to_owned()));
    let by = "api_key:anna".to_owned();
    vec![
        (
            E::Assigned(Assigned { by: by.clone() }),
            "reconciliation.assigned",
            r#"{"by":"api_key:anna"}"#.to_owned(),
        ),
        (
            E::Explained(Explained { explanation, reference: reference.clone() }),
            "reconciliation.explained",
            r#"{"explanation":"fee","reference":"T-17"}"#.to_owned(),
        ),
        (
            E::Adjusted(Adjusted { explanation, posting: posting(), reference: None }),
            "reconciliation.adjusted",
            format!(r#"{{"explanation":"fee",{POSTING}}}"#),
        ),
        (
            E::WriteOffProposed(WriteOffProposed { by: by.clone(), posting: posting(), reference }),
            "reconciliation.write_off_proposed",
            format!(r#"{{"by":"api_key:anna",{POSTING},"reference":"T-17"}}"#),
        ),
        (
            E::WrittenOff(WrittenOff { posting: posting(), proposed_by: by }),
            "reconciliation.written_off",
            format!(r#"{{{POSTING},"proposed_by":"api_key:anna"}}"#),
        ),
        (E::Reopened(Reopened {}), "reconciliation.reopened", "{}".to_owned()),
    ]
}

#[test]
fn every_event_is_pinned() {
    let events = events();
    for schema in E::SCHEMAS {
        let pinned = events.iter().any(|(_, wire_type, _)| *wire_type == schema.event_type);
        assert!(pinned, "{}", schema.event_type);
    }
}

#[test]
fn events_are_written_as_ever_and_read_back() {
    for (event, wire_type, payload) in events() {
        assert_eq!((event.wire_type(), event.schema_version()), (wire_type, 1));
        assert_eq!(event.to_payload().unwrap(), payload);
        assert_eq!(E::from_wire(wire_type, 1, &payload).unwrap(), event);
        let unknown = E::from_wire(wire_type, 2, &payload);
        assert!(matches!(unknown, Err(EventDecodeError::Unknown { .. })));
        let broken = E::from_wire(wire_type, 1, "[7");
        assert!(matches!(broken, Err(EventDecodeError::Payload { .. })));
    }
}

#[test]
fn commands_are_written_as_ever_and_read_back() {
    let pinned = [
        (ASSIGN, r#"{"type":"assign"}"#.to_owned()),
        (explain(), r#"{"type":"explain","explanation":"timing","reference":"T-17"}"#.to_owned()),
        (
            adjust(),
            format!(r#"{{"type":"adjust","explanation":"fee",{POSTING}}}"#)
                .replace("expenses:differences", "expenses:provider_fees"),
        ),
        (propose(), format!(r#"{{"type":"propose_write_off",{POSTING}}}"#)),
        (CONFIRM, r#"{"type":"confirm_write_off"}"#.to_owned()),
        (REOPEN, r#"{"type":"reopen"}"#.to_owned()),
    ];
    for (command, json) in pinned {
        assert_eq!(serde_json::to_string(&command).unwrap(), json);
        assert_eq!(serde_json::from_str::<C>(&json).unwrap(), command);
    }
    for wrong in [
        r#"{"type":"assign","to":"anna"}"#,
        r#"{"type":"explain","explanation":"weather"}"#,
        r#"{"type":"forget"}"#,
    ] {
        assert!(serde_json::from_str::<C>(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn names_are_those_of_the_wire() {
    for explanation in Explanation::ALL {
        assert_eq!(serde_json::to_value(explanation).unwrap(), explanation.name());
    }
    for standing in Standing::ALL {
        assert_eq!(serde_json::to_value(standing).unwrap(), standing.name());
    }
}

#[test]
fn every_refusal_becomes_a_document_and_comes_back() {
    let refusals = [
        (No::TenantUnknown, "tenant_unknown"),
        (No::NotAllowed, "not_allowed"),
        (No::Closed { standing: Standing::Explained }, "closed"),
        (No::WriteOffProposed, "write_off_proposed"),
        (No::NothingProposed, "nothing_proposed"),
        (No::SecondPersonNeeded, "second_person_needed"),
        (No::NotClosed, "not_closed"),
        (
            No::FieldOutOfRange { field: "reference".to_owned(), expected: "a number".to_owned() },
            "field_out_of_range",
        ),
    ];
    for (refusal, code) in refusals {
        let document = RefusalDocument::from_refusal(&refusal).unwrap();
        assert_eq!((document.code.as_str(), &document.message), (code, &refusal.to_string()));
        assert_eq!(document.to_refusal::<No>().unwrap(), refusal);
    }
}
