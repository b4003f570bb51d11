//! An event of the log as a `CloudEvent` 1.0 in structured JSON.

use async_nats::HeaderMap;
use kontor_commands::TraceParent;
use kontor_domain::{Actor, Recorded};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::names;

const CONTENT_TYPE: &str = "application/cloudevents+json; charset=UTF-8";

/// The attributes in the order of the specification, then Kontor's extensions.
///
/// Positions and versions are texts: an integer of the specification has 32 bits. Of the actor only
/// the kind goes out, never a name.
#[derive(Serialize)]
pub(super) struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: &'a str,
    subject: String,
    time: String,
    datacontenttype: &'static str,
    dataschema: String,
    tenant: &'a str,
    position: String,
    streamversion: String,
    actorkind: &'static str,
    commandid: String,
    correlationid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    data: &'a RawValue,
}

impl<'a> CloudEvent<'a> {
    /// Describes a recorded event, with the address of its schema when it is known where they are.
    ///
    /// # Errors
    /// When its payload is no JSON.
    pub(super) fn new(
        event: &'a Recorded,
        schemas: Option<&str>,
    ) -> Result<Self, serde_json::Error> {
        let metadata = &event.metadata;
        Ok(Self {
            specversion: "1.0",
            id: event.event_id.to_string(),
            source: format!("/kontor/{}/{}", event.tenant, event.stream_type),
            event_type: &event.event_type,
            subject: event.stream_id.to_string(),
            time: event.occurred_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            datacontenttype: "application/json",
            dataschema: schemas.map_or_else(
                || format!("urn:kontor:event:{}:{}", event.event_type, event.schema_version),
                |base| format!("{base}/{}/{}.json", event.event_type, event.schema_version),
            ),
            tenant: event.tenant.as_str(),
            position: event.position.to_string(),
            streamversion: event.version.to_string(),
            actorkind: match &metadata.actor {
                Actor::Customer { .. } => "customer",
                Actor::Operator { .. } => "operator",
                Actor::System { .. } => "system",
            },
            commandid: metadata.command_id.to_string(),
            correlationid: metadata.correlation_id.to_string(),
            causationid: metadata.causation_id.map(|id| id.to_string()),
            // What an older build let in was looked at less closely.
            traceparent: metadata.trace.as_deref().and_then(TraceParent::parse).map(String::from),
            data: serde_json::from_str(&event.payload)?,
        })
    }

    /// The attributes that a subscriber may want without reading the body.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(names::MESSAGE_ID, self.id.as_str());
        headers.insert("content-type", CONTENT_TYPE);
        headers.insert("ce-specversion", self.specversion);
        headers.insert("ce-id", self.id.as_str());
        headers.insert("ce-source", self.source.as_str());
        headers.insert("ce-type", self.event_type);
        headers.insert("ce-subject", self.subject.as_str());
        headers.insert("ce-time", self.time.as_str());
        headers.insert(names::POSITION, self.position.as_str());
        if let Some(trace) = &self.traceparent {
            headers.insert(TraceParent::HEADER, trace.as_str());
        }
        headers
    }
}

#[cfg(test)]
mod tests;
