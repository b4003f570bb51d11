//! An event of the log as a message.

use async_nats::HeaderMap;
use bytes::Bytes;
use kontor_domain::Recorded;
use kontor_projections::ReactorError;

use super::{cloud_event::CloudEvent, failed};
use crate::names;

/// The server refuses a message unless the last one it stored has this sequence.
const EXPECTED_LAST_SEQUENCE: &str = "Nats-Expected-Last-Sequence";
/// The server refuses a message unless the last one it stored has this id: so an event never
/// overtakes one that failed, although many are on their way at once.
const EXPECTED_LAST_ID: &str = "Nats-Expected-Last-Msg-Id";

/// An event, ready to be sent.
pub(super) struct Outgoing {
    pub(super) position: i64,
    pub(super) id: String,
    subject: String,
    headers: HeaderMap,
    body: Bytes,
}

/// What must stand at the end of the stream for an event to be taken.
#[derive(Clone, Copy)]
pub(super) enum Predecessor<'a> {
    /// The message of this sequence; 0 in a stream that never had one.
    Sequence(u64),
    /// The event of this id.
    Event(&'a str),
}

impl Outgoing {
    pub(super) fn new(event: &Recorded, schemas: Option<&str>) -> Result<Self, ReactorError> {
        let subject = names::event_subject(event.tenant.as_str(), &event.event_type);
        let subject = subject.ok_or_else(|| ReactorError {
            what: format!("the event at {} has no subject", event.position),
            source: format!("`{}` is no event type", event.event_type).into(),
        })?;
        let cloud = CloudEvent::new(event, schemas)
            .map_err(|err| failed("the payload of an event is no JSON", err))?;
        let body = serde_json::to_vec(&cloud)
            .map_err(|err| failed("an event is not representable", err))?;
        Ok(Self {
            position: event.position,
            id: event.event_id.to_string(),
            subject,
            headers: cloud.headers(),
            body: body.into(),
        })
    }

    /// Subject, headers and body of the message that is taken behind `before` only.
    pub(super) fn message(&self, before: Predecessor<'_>) -> (String, HeaderMap, Bytes) {
        let mut headers = self.headers.clone();
        match before {
            Predecessor::Sequence(sequence) => {
                headers.insert(EXPECTED_LAST_SEQUENCE, sequence.to_string());
            }
            Predecessor::Event(id) => headers.insert(EXPECTED_LAST_ID, id),
        }
        (self.subject.clone(), headers, self.body.clone())
    }
}
