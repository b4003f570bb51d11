//! An event of the log as a message.

use async_nats::HeaderMap;
use bytes::Bytes;
use kontor_commands::{TraceParent, clock};
use kontor_domain::Recorded;
use kontor_postgres::integrators::{CloudEvent, replays::Replay};
use kontor_projections::ReactorError;
use serde_json::json;

use super::failed;
use crate::names;

/// The server refuses a message unless the last one it stored has this sequence.
const EXPECTED_LAST_SEQUENCE: &str = "Nats-Expected-Last-Sequence";
/// The server refuses a message unless the last one it stored has this id: so an event never
/// overtakes one that failed, although many are on their way at once.
const EXPECTED_LAST_ID: &str = "Nats-Expected-Last-Msg-Id";

/// An event, ready to be sent.
pub(crate) struct Outgoing {
    pub(crate) position: i64,
    pub(crate) id: String,
    subject: String,
    headers: HeaderMap,
    body: Bytes,
}

/// What must stand at the end of the stream for an event to be taken.
#[derive(Clone, Copy)]
pub(crate) enum Predecessor<'a> {
    /// The message of this sequence; 0 in a stream that never had one.
    Sequence(u64),
    /// The event of this id.
    Event(&'a str),
}

impl Outgoing {
    pub(crate) fn new(event: &Recorded, schemas: Option<&str>) -> Result<Self, ReactorError> {
        let subject = names::event_subject(event.tenant.as_str(), &event.event_type);
        let subject = subject.ok_or_else(|| ReactorError {
            what: format!("the event at {} has no subject", event.position),
            source: format!("`{}` is no event type", event.event_type).into(),
        })?;
        let cloud = CloudEvent::new(event, schemas)
            .map_err(|err| failed("the payload of an event is no JSON", err))?;
        let body = cloud.body().map_err(|err| failed("an event is not representable", err))?;
        Ok(Self {
            position: event.position,
            id: event.event_id.to_string(),
            subject,
            headers: attributes(&cloud),
            body: body.into(),
        })
    }

    /// The same event below another root than `evt.`: in a replay.
    #[must_use]
    pub(crate) fn under(mut self, root: &str) -> Self {
        if let Some(rest) = self.subject.strip_prefix(names::EVENTS_ROOT) {
            self.subject = format!("{root}{rest}");
        }
        self
    }

    /// The last message of a replay below `root`: no event of the log, but a `CloudEvent` as they are,
    /// so that a program that does not know it leaves it alone.
    pub(crate) fn end_of(replay: &Replay, position: i64, root: &str) -> Result<Self, ReactorError> {
        const TYPE: &str = "kontor.replay_ended";
        const SOURCE: &str = "/kontor/replays";
        let time = clock::now().to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let (id, subject) = (replay.id.to_string(), replay.integrator.name.as_str());
        let body = json!({
            "specversion": "1.0", "id": id, "source": SOURCE, "type": TYPE, "subject": subject,
            "time": time, "datacontenttype": "application/json", "position": position.to_string(),
            "data": { "from_position": replay.from_position.to_string() },
        });
        let body = serde_json::to_vec(&body).map_err(|err| failed("an end has no JSON", err))?;
        let mut headers = HeaderMap::new();
        headers.insert(names::MESSAGE_ID, id.as_str());
        headers.insert("content-type", CloudEvent::CONTENT_TYPE);
        headers.insert("ce-specversion", "1.0");
        headers.insert("ce-id", id.as_str());
        headers.insert("ce-source", SOURCE);
        headers.insert("ce-type", TYPE);
        Ok(Self { position, id, subject: format!("{root}end"), headers, body: body.into() })
    }

    /// What a stream counts for it at most, in bytes.
    pub(crate) fn size(&self) -> u64 {
        // Subject and headers are far shorter.
        const AROUND_BODY: usize = 2_048;
        u64::try_from(self.body.len() + AROUND_BODY).unwrap_or(u64::MAX)
    }

    /// Subject, headers and body of the message that is taken behind `before` only.
    pub(crate) fn message(&self, before: Predecessor<'_>) -> (String, HeaderMap, Bytes) {
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

/// The attributes that a subscriber may want without reading the body.
fn attributes(cloud: &CloudEvent<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(names::MESSAGE_ID, cloud.id.as_str());
    headers.insert("content-type", CloudEvent::CONTENT_TYPE);
    headers.insert("ce-specversion", cloud.specversion);
    headers.insert("ce-id", cloud.id.as_str());
    headers.insert("ce-source", cloud.source.as_str());
    headers.insert("ce-type", cloud.event_type);
    headers.insert("ce-subject", cloud.subject.as_str());
    headers.insert("ce-time", cloud.time.as_str());
    headers.insert(names::POSITION, cloud.position.as_str());
    if let Some(trace) = &cloud.traceparent {
        headers.insert(TraceParent::HEADER, trace.as_str());
    }
    headers
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use kontor_domain::{Actor, Metadata};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_headers_repeat_the_attributes() {
        let event = Recorded {
            position: 7,
            tenant: "demo".parse().unwrap(),
            stream_type: "meter".to_owned(),
            stream_id: Uuid::from_u128(1),
            version: 3,
            event_id: Uuid::from_u128(2),
            event_type: "meter.reading_submitted".to_owned(),
            schema_version: 1,
            payload: "{}".to_owned(),
            metadata: Metadata {
                actor: Actor::System { name: "test".to_owned() },
                command_id: Uuid::from_u128(3),
                correlation_id: Uuid::from_u128(4),
                causation_id: None,
                trace: Some("00-1\r\nNats-Msg-Id: other".to_owned()),
            },
            occurred_at: DateTime::UNIX_EPOCH,
            recorded_at: DateTime::UNIX_EPOCH,
        };
        let headers = attributes(&CloudEvent::new(&event, None).unwrap());
        let text = |name: &str| headers.get(name).map(ToString::to_string);
        assert_eq!(text("Nats-Msg-Id"), Some(event.event_id.to_string()));
        assert_eq!(text("ce-type"), Some("meter.reading_submitted".to_owned()));
        assert_eq!(text("ce-position"), Some("7".to_owned()));
        assert_eq!(text("traceparent"), None);
        assert_eq!(
            text("content-type").unwrap().split(';').next(),
            Some("application/cloudevents+json")
        );
    }
}
