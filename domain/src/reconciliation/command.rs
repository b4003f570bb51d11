//! What can be asked of the work on a difference.

use serde::{Deserialize, Serialize};

use super::Explanation;
use crate::credit_ledger::Posting;

/// A command to the work on a difference.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ReconciliationCommand {
    /// Takes it over: whoever gives the command takes care of it.
    Assign(Assign),
    /// Explains and closes it.
    Explain(Explain),
    /// Puts it right by a booking and closes it.
    Adjust(Adjust),
    /// Proposes to give it up.
    ProposeWriteOff(ProposeWriteOff),
    /// Agrees to give it up, by somebody else.
    ConfirmWriteOff(ConfirmWriteOff),
    /// Opens it again, also instead of agreeing. What was booked stays booked.
    Reopen(Reopen),
}

/// Takes it over.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Assign {}

/// Explains and closes it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    /// Why there is a difference.
    pub explanation: Explanation,
    /// Where more is written, such as the number of a letter or a ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Puts it right by a booking.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Adjust {
    /// Why there was a difference.
    pub explanation: Explanation,
    /// What is moved.
    pub posting: Posting,
    /// Where more is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Proposes to give it up.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProposeWriteOff {
    /// What is to be booked when somebody else agrees.
    pub posting: Posting,
    /// Where more is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Agrees to give it up.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmWriteOff {}

/// Opens it again.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reopen {}
