//! Why a command has no outcome.

use kontor_domain::EventDecodeError;

use super::Router;
use crate::{AppendError, SendError, StoreError};

/// Why a command has no outcome. A refusal is not among these: it is an outcome.
#[derive(Debug, thiserror::Error)]
pub enum RouteError {
    /// No aggregate of that type is registered.
    #[error("there is no aggregate of this type")]
    UnknownAggregate,
    /// The command is not one that its aggregate understands, or its address is wrong. The text
    /// names the field and never repeats its value.
    #[error("the command cannot be read: {0}")]
    Malformed(String),
    /// The command id was used for another command.
    #[error("this command id was used for another command")]
    CommandIdReused,
    /// Other writers changed the aggregate in every attempt; nothing was done.
    #[error("other writers changed the aggregate {} times in a row", Router::ATTEMPTS_MAX)]
    Contended,
    /// Too many appends wait already; nothing was done.
    #[error("the appender's queue is full")]
    Overloaded,
    /// The store failed. Whether the command took effect is unknown; repeating it is safe.
    #[error(transparent)]
    Store(StoreError),
    /// The aggregate's history holds an event that this build cannot read, most likely one of a
    /// newer build.
    #[error("an event of the aggregate cannot be read")]
    Undecodable(#[source] EventDecodeError),
    /// The aggregate panicked or produced what cannot be stored; nothing was done. The text never
    /// repeats data of the command.
    #[error("defect of the aggregate: {0}")]
    Defect(String),
    /// The command leads to more than the log takes; nothing was done.
    #[error("the command leads to too much: {0}")]
    LimitExceeded(String),
}

impl RouteError {
    /// The same command may succeed later without anybody changing anything. All others need a
    /// person or another build.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Contended | Self::Overloaded | Self::Store(_) => true,
            Self::UnknownAggregate
            | Self::Malformed(_)
            | Self::CommandIdReused
            | Self::Undecodable(_)
            | Self::Defect(_)
            | Self::LimitExceeded(_) => false,
        }
    }
}

impl From<AppendError> for RouteError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Overloaded => Self::Overloaded,
            // The router makes a refusal of it; it has no business here.
            AppendError::SubjectErased => Self::Defect(error.to_string()),
            AppendError::Store(error) => Self::Store(error),
        }
    }
}

impl From<RouteError> for SendError {
    /// What a sender is told who waits for the answer in the same process.
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::Malformed(reason) => Self::Malformed(reason),
            RouteError::CommandIdReused => Self::CommandIdReused,
            RouteError::Contended | RouteError::Overloaded => Self::Overloaded,
            RouteError::Store(_) => Self::Unavailable(error.to_string()),
            RouteError::UnknownAggregate
            | RouteError::Undecodable(_)
            | RouteError::Defect(_)
            | RouteError::LimitExceeded(_) => Self::Malformed(error.to_string()),
        }
    }
}
