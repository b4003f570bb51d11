//! What can be asked of a tenant's months.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Acknowledgement, Figures, Finding, Ledgers, Month, ReopenReason, SealNamed};

/// A command to a tenant's months.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum AccountingPeriodCommand {
    /// Closes a month.
    Close(Box<Close>),
    /// Asks to open the last closed month again.
    RequestReopen(RequestReopen),
    /// Agrees to it, by somebody else.
    ApproveReopen(ApproveReopen),
    /// Does not agree, or takes the request back.
    DeclineReopen(DeclineReopen),
}

/// Closes a month. The figures are those that the books had at the position.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// The month.
    pub month: Month,
    /// Its first instant, as the figures were made with.
    pub starts_at: DateTime<Utc>,
    /// The first instant behind it, as the figures were made with.
    pub ends_at: DateTime<Utc>,
    /// The position of the log up to which they count.
    pub position: i64,
    /// That of the month before, as the figures were made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_position: Option<i64>,
    /// The ledgers that they rest on.
    pub ledgers: Ledgers,
    /// The figures.
    pub figures: Figures,
    /// The last seal, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<SealNamed>,
    /// What the checks found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What whoever closes the month knows of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<Acknowledgement>,
}

/// Asks to open a month again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RequestReopen {
    /// The month; the last one that is closed.
    pub month: Month,
    /// Why.
    pub reason: ReopenReason,
    /// Where more is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Agrees to open a month again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ApproveReopen {
    /// The month.
    pub month: Month,
    /// Why, in the eyes of whoever agrees.
    pub reason: ReopenReason,
    /// Where more is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Does not agree, or takes the request back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DeclineReopen {
    /// The month.
    pub month: Month,
}
