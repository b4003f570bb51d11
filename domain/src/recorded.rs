//! Events as they stand in the log.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Actor, EventBody, EventDecodeError, TenantId};

/// One event of the log, with its place and its circumstances.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// The place in the whole log, from 1, gapless and in commit order.
    pub position: i64,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The aggregate's type, such as `meter`.
    pub stream_type: String,
    /// The aggregate's id.
    pub stream_id: Uuid,
    /// The place in its stream, from 1, contiguous.
    pub version: i64,
    /// The event's own id, time-ordered.
    pub event_id: Uuid,
    /// The type on the wire, such as `meter.reading_submitted`.
    pub event_type: String,
    /// The version of the payload's schema.
    pub schema_version: i32,
    /// The payload as JSON text; read it with [`Recorded::body`].
    pub payload: String,
    /// Who, why and in which conversation.
    pub metadata: Metadata,
    /// When the command behind it was issued.
    pub occurred_at: DateTime<Utc>,
    /// When the log accepted it.
    pub recorded_at: DateTime<Utc>,
}

impl Recorded {
    /// The payload as an event of the given aggregate.
    ///
    /// # Errors
    /// [`EventDecodeError`] when this build does not know the type or the payload does not fit it.
    pub fn body<E: EventBody>(&self) -> Result<E, EventDecodeError> {
        E::from_wire(&self.event_type, self.schema_version, &self.payload)
    }
}

/// The circumstances of an event, the same for all events of one command.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Metadata {
    /// Who gave the command.
    pub actor: Actor,
    /// The command that led to the event.
    pub command_id: Uuid,
    /// The conversation: the same id through all commands and events that one request set off.
    pub correlation_id: Uuid,
    /// The command or event that caused the command, when there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// W3C `traceparent` of the request, when it was traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
}

impl Metadata {
    /// The trace's id in [`Self::trace`], for log lines; empty when it is not traced.
    pub fn trace_id(&self) -> &str {
        let trace = self.trace.as_deref().unwrap_or_default();
        trace.split('-').nth(1).unwrap_or_default()
    }
}
