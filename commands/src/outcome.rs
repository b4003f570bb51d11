//! What became of a command.

use kontor_domain::RefusalDocument;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The final outcome of a command; a retry of the same command id returns the same one.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Its events are in the log.
    Accepted(Accepted),
    /// The business says no; nothing changed.
    Refused {
        /// Why, and what would be right.
        refusal: RefusalDocument,
    },
}

/// Where an accepted command's events stand.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Accepted {
    /// The aggregate.
    pub id: Uuid,
    /// The aggregate's version after the command.
    pub version: i64,
    /// The position of the first event; absent when everything asked for already held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_position: Option<i64>,
    /// The position of the last event; read models that reached it show the effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_position: Option<i64>,
}

/// What is known of a command id.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct CommandStatus {
    /// The command.
    pub command_id: Uuid,
    /// The aggregate's type.
    pub aggregate: String,
    /// The aggregate's id.
    pub id: Uuid,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// When the log recorded the outcome.
    pub recorded_at: chrono::DateTime<chrono::Utc>,
}
