//! The ports that adapters fill: where events are kept, and how a command is sent.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kontor_domain::{Metadata, Recorded, RefusalDocument, TenantId, Upcasters};
use uuid::Uuid;

use crate::{CommandId, Envelope, Outcome};

/// The event log as the router sees it.
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// Reads a stream's events with a version above `after_version`, in order and in their newest
    /// forms. An unknown stream is empty.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn load(
        &self,
        tenant: &TenantId,
        stream_id: Uuid,
        after_version: i64,
    ) -> Result<StreamTail, StoreError>;

    /// Appends a command's events and its receipt in one transaction. A stream belongs to one tenant
    /// and one aggregate type for ever: to others it is a conflict, whatever they expect.
    ///
    /// # Errors
    /// When the queue is full, or the store failed and the outcome is unknown.
    async fn append(&self, append: Append) -> Result<AppendOutcome, AppendError>;

    /// The receipt of a command, when it was accepted or refused within the retention time.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn receipt(
        &self,
        tenant: &TenantId,
        command_id: CommandId,
    ) -> Result<Option<Receipt>, StoreError>;
}

/// A stream from one of its versions on.
///
/// Upcasters may drop and split events, so the events do not tell how far the log is: several may
/// share a version, and the last version may have none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StreamTail {
    /// The events in their newest forms.
    pub events: Vec<Recorded>,
    /// How many events the log holds after the version asked for.
    pub stored: i64,
    /// The version of the last of them; the version asked for when there are none.
    pub version: i64,
}

impl StreamTail {
    /// The tail that begins after `after_version`, from the events as the log holds them, in order.
    ///
    /// An event that its upcaster cannot read stays as it is stored: who asks for its body is told
    /// that this build does not know it.
    pub fn read(after_version: i64, rows: Vec<Recorded>, upcasters: &Upcasters) -> Self {
        let mut tail =
            Self { events: Vec::with_capacity(rows.len()), stored: 0, version: after_version };
        for row in rows {
            tail.stored += 1;
            tail.version = row.version;
            match upcasters.upcast(row) {
                Ok(parts) => tail.events.extend(parts),
                Err(failure) => {
                    let (error, event) = *failure;
                    tracing::error!(position = event.position, error = %error, "an event cannot be upcast");
                    tail.events.push(event);
                }
            }
        }
        tail
    }
}

/// The decision on one command, ready for the log.
#[derive(Clone, Debug)]
pub struct Append {
    /// The tenant.
    pub tenant: TenantId,
    /// The command decided on.
    pub command_id: CommandId,
    /// What it asked ([`Envelope::fingerprint`]).
    pub fingerprint: [u8; 16],
    /// The aggregate's type.
    pub stream_type: &'static str,
    /// The aggregate's id.
    pub stream_id: Uuid,
    /// The person whom the personal fields of the events are about, as their account's id.
    pub subject: Option<Uuid>,
    /// What the stream must look like for the decision to stand. It guards refusals too.
    pub expected: Expected,
    /// The events; empty for a refusal or when everything asked for already holds.
    pub events: Vec<NewEvent>,
    /// The refusal, when the decision was no.
    pub refusal: Option<RefusalDocument>,
    /// The circumstances, the same for all events.
    pub metadata: Metadata,
    /// When the command was issued.
    pub occurred_at: DateTime<Utc>,
}

/// What a stream must look like for an append to succeed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expected {
    /// It has no events.
    NoStream,
    /// Its last event has this version (1 or more).
    Exact(i64),
    /// It has at least one event.
    StreamExists,
    /// Anything, as long as it is a stream of this tenant and this aggregate type.
    Any,
}

impl Expected {
    /// The expectation of a decider that saw `version` events.
    pub fn version(version: i64) -> Self {
        if version == 0 { Self::NoStream } else { Self::Exact(version) }
    }
}

/// An event before the log gives it a place.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// Time-ordered (uuid v7).
    pub event_id: Uuid,
    /// The type on the wire.
    pub event_type: &'static str,
    /// The version of the payload's schema.
    pub schema_version: i32,
    /// The payload as JSON text.
    pub payload: String,
    /// Where the payload says something about [`Append::subject`], as JSON pointers.
    pub personal_fields: &'static [&'static str],
}

/// What the log said to an append.
#[derive(Clone, Debug, PartialEq)]
pub enum AppendOutcome {
    /// Events and receipt are durable.
    Appended {
        /// The stream's version afterwards.
        version: i64,
        /// The position of the first event, when there were events.
        first_position: Option<i64>,
        /// The position of the last event, when there were events.
        last_position: Option<i64>,
    },
    /// The command has a receipt already; nothing was appended.
    Duplicate(Receipt),
    /// The stream does not look as expected; nothing was appended.
    Conflict {
        /// The version it really has.
        version: i64,
    },
}

/// What the log keeps of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt {
    /// The command.
    pub command_id: CommandId,
    /// What it asked.
    pub fingerprint: [u8; 16],
    /// The aggregate's type.
    pub stream_type: String,
    /// The aggregate's id.
    pub stream_id: Uuid,
    /// What became of it.
    pub outcome: Outcome,
    /// When.
    pub recorded_at: DateTime<Utc>,
}

/// The store could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the event store failed")]
pub struct StoreError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Why an append has no known outcome.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Too many appends wait already; nothing was done.
    #[error("the appender's queue is full")]
    Overloaded,
    /// The person whom the events are about was erased; nothing was done, and never will be.
    #[error("the person whom the events are about was erased")]
    SubjectErased,
    /// The store failed. Whether the append happened is unknown; sending the same command again
    /// is safe.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sends a command to whoever carries it out.
#[async_trait]
pub trait CommandSender: Send + Sync + 'static {
    /// Hands the command over durably and waits up to `wait` for its outcome.
    ///
    /// # Errors
    /// [`SendError`] when it was not handed over, when nobody knows whether it was, or when it will
    /// never have an outcome.
    async fn send(&self, envelope: Envelope, wait: Duration) -> Result<Sent, SendError>;
}

/// What the sender knows after waiting.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    /// The command is done.
    Done {
        /// What became of it.
        outcome: Outcome,
        /// The outcome had been recorded before this sending.
        replayed: bool,
    },
    /// The outcome is not known yet. The command stands in the queue and will have one: ask for
    /// the receipt, or send the same command again.
    Unknown,
}

/// Why a command was not handed over, or has no outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The command id was used for another command.
    #[error("this command id was used for another command; use a new one")]
    CommandIdReused,
    /// No aggregate of that type, or a command that it does not understand.
    #[error("the command cannot be read: {0}")]
    Malformed(String),
    /// The backlog is full or the workers are contended; nothing was done.
    #[error("too many commands are waiting; try again in a moment")]
    Overloaded,
    /// The broker cannot be reached; nothing was done.
    #[error("the broker cannot be reached: {0}")]
    Unavailable(String),
    /// The broker was asked to keep the command, more than once, and did not say that it has it. It
    /// may stand in the queue or not: the same command again is safe, a new one is another.
    #[error("the broker did not confirm that it has the command; send the same one again")]
    Unconfirmed,
}
