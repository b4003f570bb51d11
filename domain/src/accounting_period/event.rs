//! What happened to a tenant's months. Who did it stands in the event's metadata, by the name of
//! their key; here as well, because a later decision asks for it and reports show it.

use serde::{Deserialize, Serialize};

use super::{Acknowledgement, Finding, Month, PeriodBooks, ReopenReason, SealNamed};
use crate::{
    EventBody, EventDecodeError, EventSchema,
    decider::{decode_payload, domain_event},
    seals::Digest32,
};

const CLOSED: &str = "accounting_period.closed";
const REOPEN_REQUESTED: &str = "accounting_period.reopen_requested";
const REOPEN_DECLINED: &str = "accounting_period.reopen_declined";
const REOPENED: &str = "accounting_period.reopened";

/// A fact about a tenant's months. None of them says anything about a customer.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AccountingPeriodEvent {
    /// `accounting_period.closed`
    Closed(Box<Closed>),
    /// `accounting_period.reopen_requested`
    ReopenRequested(ReopenRequested),
    /// `accounting_period.reopen_declined`
    ReopenDeclined(ReopenDeclined),
    /// `accounting_period.reopened`
    Reopened(Reopened),
}

impl EventBody for AccountingPeriodEvent {
    const SCHEMAS: &'static [EventSchema] = &[
        EventSchema::new(CLOSED, 1),
        EventSchema::new(REOPEN_REQUESTED, 1),
        EventSchema::new(REOPEN_DECLINED, 1),
        EventSchema::new(REOPENED, 1),
    ];

    fn wire_type(&self) -> &'static str {
        match self {
            Self::Closed(_) => CLOSED,
            Self::ReopenRequested(_) => REOPEN_REQUESTED,
            Self::ReopenDeclined(_) => REOPEN_DECLINED,
            Self::Reopened(_) => REOPENED,
        }
    }

    fn schema_version(&self) -> i32 {
        match self {
            Self::Closed(_)
            | Self::ReopenRequested(_)
            | Self::ReopenDeclined(_)
            | Self::Reopened(_) => 1,
        }
    }

    fn to_payload(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Closed(payload) => serde_json::to_string(payload),
            Self::ReopenRequested(payload) => serde_json::to_string(payload),
            Self::ReopenDeclined(payload) => serde_json::to_string(payload),
            Self::Reopened(payload) => serde_json::to_string(payload),
        }
    }

    fn from_wire(
        wire_type: &str,
        schema_version: i32,
        payload: &str,
    ) -> Result<Self, EventDecodeError> {
        match (wire_type, schema_version) {
            (CLOSED, 1) => decode_payload(wire_type, payload).map(Self::Closed),
            (REOPEN_REQUESTED, 1) => decode_payload(wire_type, payload).map(Self::ReopenRequested),
            (REOPEN_DECLINED, 1) => decode_payload(wire_type, payload).map(Self::ReopenDeclined),
            (REOPENED, 1) => decode_payload(wire_type, payload).map(Self::Reopened),
            _ => Err(EventDecodeError::unknown(wire_type, schema_version)),
        }
    }
}

domain_event!(AccountingPeriodEvent);

/// A month was closed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Closed {
    /// Who closed it: the name of their key.
    pub by: String,
    /// What its report says.
    pub books: PeriodBooks,
    /// The SHA-256 of the report's text.
    pub report_sha256: Digest32,
    /// The last seal at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<SealNamed>,
    /// What the checks found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Why that did not stand against the close.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<Acknowledgement>,
}

/// Somebody asked to open the last closed month again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReopenRequested {
    /// The month.
    pub month: Month,
    /// Who asked: the name of their key.
    pub by: String,
    /// Why.
    pub reason: ReopenReason,
    /// Where more is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// The request was declined or taken back. The month stays closed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReopenDeclined {
    /// The month.
    pub month: Month,
    /// Who declined it: the name of their key.
    pub by: String,
}

/// A second person agreed: the month is open again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Reopened {
    /// The month.
    pub month: Month,
    /// Who agreed: the name of their key.
    pub by: String,
    /// Who asked: the name of their key.
    pub requested_by: String,
    /// Why, in the eyes of whoever agreed.
    pub reason: ReopenReason,
    /// Where more is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}
