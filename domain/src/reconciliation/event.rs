//! What was done about a difference. Who did it stands in the event's metadata, by the name of their
//! key; here only where a later decision asks for it.

use serde::{Deserialize, Serialize};

use super::Explanation;
use crate::{
    EventBody, EventDecodeError, EventSchema,
    credit_ledger::Posting,
    decider::{decode_payload, domain_event},
};

/// A fact about the work on a difference. None of them says anything about a person.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ReconciliationEvent {
    /// `reconciliation.assigned`
    Assigned(Assigned),
    /// `reconciliation.explained`
    Explained(Explained),
    /// `reconciliation.adjusted`
    Adjusted(Adjusted),
    /// `reconciliation.write_off_proposed`
    WriteOffProposed(WriteOffProposed),
    /// `reconciliation.written_off`
    WrittenOff(WrittenOff),
    /// `reconciliation.reopened`
    Reopened(Reopened),
}

impl EventBody for ReconciliationEvent {
    const SCHEMAS: &'static [EventSchema] = &[
        EventSchema::new("reconciliation.assigned", 1),
        EventSchema::new("reconciliation.explained", 1),
        EventSchema::new("reconciliation.adjusted", 1),
        EventSchema::new("reconciliation.write_off_proposed", 1),
        EventSchema::new("reconciliation.written_off", 1),
        EventSchema::new("reconciliation.reopened", 1),
    ];

    fn wire_type(&self) -> &'static str {
        match self {
            Self::Assigned(_) => "reconciliation.assigned",
            Self::Explained(_) => "reconciliation.explained",
            Self::Adjusted(_) => "reconciliation.adjusted",
            Self::WriteOffProposed(_) => "reconciliation.write_off_proposed",
            Self::WrittenOff(_) => "reconciliation.written_off",
            Self::Reopened(_) => "reconciliation.reopened",
        }
    }

    fn schema_version(&self) -> i32 {
        match self {
            Self::Assigned(_)
            | Self::Explained(_)
            | Self::Adjusted(_)
            | Self::WriteOffProposed(_)
            | Self::WrittenOff(_)
            | Self::Reopened(_) => 1,
        }
    }

    fn to_payload(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Assigned(payload) => serde_json::to_string(payload),
            Self::Explained(payload) => serde_json::to_string(payload),
            Self::Adjusted(payload) => serde_json::to_string(payload),
            Self::WriteOffProposed(payload) => serde_json::to_string(payload),
            Self::WrittenOff(payload) => serde_json::to_string(payload),
            Self::Reopened(payload) => serde_json::to_string(payload),
        }
    }

    fn from_wire(
        wire_type: &str,
        schema_version: i32,
        payload: &str,
    ) -> Result<Self, EventDecodeError> {
        match (wire_type, schema_version) {
            ("reconciliation.assigned", 1) => {
                decode_payload(wire_type, payload).map(Self::Assigned)
            }
            ("reconciliation.explained", 1) => {
                decode_payload(wire_type, payload).map(Self::Explained)
            }
            ("reconciliation.adjusted", 1) => {
                decode_payload(wire_type, payload).map(Self::Adjusted)
            }
            ("reconciliation.write_off_proposed", 1) => {
                decode_payload(wire_type, payload).map(Self::WriteOffProposed)
            }
            ("reconciliation.written_off", 1) => {
                decode_payload(wire_type, payload).map(Self::WrittenOff)
            }
            ("reconciliation.reopened", 1) => {
                decode_payload(wire_type, payload).map(Self::Reopened)
            }
            _ => Err(EventDecodeError::unknown(wire_type, schema_version)),
        }
    }
}

domain_event!(ReconciliationEvent);

/// Somebody takes care of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Assigned {
    /// Who: the name of their key.
    pub by: String,
}

/// It is explained and closed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Explained {
    /// Why there is a difference.
    pub explanation: Explanation,
    /// Where more is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// It is put right and closed; the ledger of the house books it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Adjusted {
    /// Why there was a difference.
    pub explanation: Explanation,
    /// What is moved.
    pub posting: Posting,
    /// Where more is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Somebody proposed to give it up.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct WriteOffProposed {
    /// Who: the name of their key.
    pub by: String,
    /// What is to be booked.
    pub posting: Posting,
    /// Where more is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Somebody else agreed: it is given up and closed; the ledger of the house books it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct WrittenOff {
    /// What is moved.
    pub posting: Posting,
    /// Who proposed it: the name of their key.
    pub proposed_by: String,
}

/// It is open again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Reopened {}
