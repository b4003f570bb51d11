//! What has happened to a statement.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{RecordedLine, StatementFile, StatementSource};
use crate::{
    EventBody, EventDecodeError, EventSchema,
    decider::{decode_payload, domain_event},
};

/// A fact about a statement. None of them says anything about a person: the texts of a bank's lines,
/// in which payers are named, are not taken over.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ProviderStatementEvent {
    /// `provider_statement.lines_recorded`
    LinesRecorded(LinesRecorded),
}

impl EventBody for ProviderStatementEvent {
    const SCHEMAS: &'static [EventSchema] =
        &[EventSchema::new("provider_statement.lines_recorded", 1)];

    fn wire_type(&self) -> &'static str {
        match self {
            Self::LinesRecorded(_) => "provider_statement.lines_recorded",
        }
    }

    fn schema_version(&self) -> i32 {
        match self {
            Self::LinesRecorded(_) => 1,
        }
    }

    fn to_payload(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::LinesRecorded(payload) => serde_json::to_string(payload),
        }
    }

    fn from_wire(
        wire_type: &str,
        schema_version: i32,
        payload: &str,
    ) -> Result<Self, EventDecodeError> {
        match (wire_type, schema_version) {
            ("provider_statement.lines_recorded", 1) => {
                decode_payload(wire_type, payload).map(Self::LinesRecorded)
            }
            _ => Err(EventDecodeError::unknown(wire_type, schema_version)),
        }
    }
}

domain_event!(ProviderStatementEvent);

/// Lines were recorded that were not there, or that said less.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct LinesRecorded {
    /// Who says it.
    pub source: StatementSource,
    /// The first day of the month.
    pub month: NaiveDate,
    /// The file that they come from.
    pub file: StatementFile,
    /// The lines, in the order of the file.
    pub lines: Vec<RecordedLine>,
}
