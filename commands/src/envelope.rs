//! A command on its way: what is asked of which aggregate, by whom, and until when.

use chrono::{DateTime, Duration, Utc};
use kontor_domain::{Actor, TenantId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The id of a command, made by its sender and kept for retries.
pub type CommandId = Uuid;

/// A command with its address and circumstances; JSON on the wire.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Made by the sender; the same id again returns the same outcome.
    pub command_id: CommandId,
    /// The tenant that the aggregate belongs to.
    pub tenant: TenantId,
    /// The aggregate's type, such as `meter`.
    pub aggregate: String,
    /// The aggregate's id.
    pub id: Uuid,
    /// The command itself, an object with `type`.
    pub command: serde_json::Value,
    /// Who gives it.
    pub actor: Actor,
    /// The conversation it belongs to.
    pub correlation_id: Uuid,
    /// The command or event that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// When the adapter accepted it.
    pub issued_at: DateTime<Utc>,
    /// After this instant it is refused instead of carried out.
    pub deadline: DateTime<Utc>,
    /// The version the aggregate must have; the newest when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<i64>,
    /// W3C `traceparent` of the request, when it is traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

/// Why a message is not an envelope.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// The message is longer than [`Envelope::SIZE_MAX`].
    #[error("a command has at most {limit} bytes, this one has {size}", limit = Envelope::SIZE_MAX)]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// The message is not the JSON of an envelope.
    #[error("the message is not a command envelope")]
    Json(#[from] serde_json::Error),
}

impl Envelope {
    /// The largest envelope in bytes: commands carry figures and names, never files.
    pub const SIZE_MAX: usize = 64 * 1024;

    /// How long a command stays valid unless its sender says otherwise: long enough for an outage
    /// of the workers, short enough that nobody is surprised by its late effect.
    pub const VALID_FOR: Duration = Duration::hours(24);

    /// A command with a fresh conversation, issued at `issued_at`.
    pub fn new(
        command_id: CommandId,
        address: (TenantId, &str, Uuid),
        command: serde_json::Value,
        actor: Actor,
        issued_at: DateTime<Utc>,
    ) -> Self {
        let (tenant, aggregate, id) = address;
        Self {
            command_id,
            tenant,
            aggregate: aggregate.to_owned(),
            id,
            command,
            actor,
            correlation_id: command_id,
            causation_id: None,
            issued_at,
            deadline: issued_at + Self::VALID_FOR,
            expected_version: None,
            trace: None,
        }
    }

    /// Reads an envelope from a message.
    ///
    /// # Errors
    /// When the message is too large or not an envelope.
    pub fn from_bytes(message: &[u8]) -> Result<Self, EnvelopeError> {
        if message.len() > Self::SIZE_MAX {
            return Err(EnvelopeError::TooLarge { size: message.len() });
        }
        Ok(serde_json::from_slice(message)?)
    }

    /// The trace's id in [`Self::trace`], for log lines; empty when it is not traced.
    pub fn trace_id(&self) -> &str {
        let trace = self.trace.as_deref().unwrap_or_default();
        trace.split('-').nth(1).unwrap_or_default()
    }

    /// What the command asks, as 16 bytes: the same for a retry, different for another command
    /// under the same id. Covers address, command and expected version, not the time of sending.
    pub fn fingerprint(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        for part in [self.tenant.as_str(), &self.aggregate] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.update(self.id.as_bytes());
        // `Value` keeps its keys sorted, so its text is canonical.
        hash.update(self.command.to_string());
        hash.update(self.expected_version.unwrap_or(-1).to_be_bytes());
        let digest = hash.finalize();
        let mut fingerprint = [0; 16];
        fingerprint.copy_from_slice(&digest[..16]);
        fingerprint
    }
}
