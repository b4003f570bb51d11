//! What a worker answers to the sender of a command.

use kontor_commands::{Outcome, RouteError, SendError, Sent};
use serde::{Deserialize, Serialize};

/// The answer to a command, as JSON on the inbox named in its header.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Reply {
    /// The command is done.
    Done {
        /// What became of it.
        outcome: Outcome,
        /// The outcome had been recorded before this sending.
        replayed: bool,
    },
    /// The command will never have an outcome; nothing was done.
    Failed {
        /// What is wrong with it.
        kind: FailureKind,
        /// One English sentence without data of the command.
        message: String,
    },
}

/// Why a command will never have an outcome.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Its id was used for another command.
    CommandIdReused,
    /// No aggregate understands it.
    Malformed,
    /// Nobody came to it in time.
    Overloaded,
}

impl Reply {
    /// What the sender of a command is told whose outcome an error prevents for good; `None` when
    /// nobody knows whether it took effect.
    pub(crate) fn from_error(error: &RouteError) -> Option<Self> {
        let kind = match error {
            RouteError::CommandIdReused => FailureKind::CommandIdReused,
            RouteError::Contended | RouteError::Overloaded => FailureKind::Overloaded,
            RouteError::UnknownAggregate
            | RouteError::Malformed(_)
            | RouteError::Undecodable(_)
            | RouteError::Defect(_)
            | RouteError::LimitExceeded(_) => FailureKind::Malformed,
            RouteError::Store(_) => return None,
        };
        let message = match error {
            // The sender's own error says the rest already.
            RouteError::Malformed(reason) => reason.clone(),
            RouteError::CommandIdReused
            | RouteError::Contended
            | RouteError::Overloaded
            | RouteError::UnknownAggregate
            | RouteError::Undecodable(_)
            | RouteError::Defect(_)
            | RouteError::LimitExceeded(_)
            | RouteError::Store(_) => error.to_string(),
        };
        Some(Self::Failed { kind, message })
    }

    pub(crate) fn into_sent(self) -> Result<Sent, SendError> {
        match self {
            Self::Done { outcome, replayed } => Ok(Sent::Done { outcome, replayed }),
            Self::Failed { kind, message } => Err(match kind {
                FailureKind::CommandIdReused => SendError::CommandIdReused,
                FailureKind::Malformed => SendError::Malformed(message),
                FailureKind::Overloaded => SendError::Overloaded,
            }),
        }
    }
}
