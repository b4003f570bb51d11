//! An event of the log as a `CloudEvent` 1.0 in structured JSON: what integrators read, whichever way
//! it comes to them.

use kontor_commands::TraceParent;
use kontor_domain::{Actor, Recorded};
use serde::Serialize;
use serde_json::value::RawValue;

/// The attributes in the order of the specification, then Kontor's extensions.
///
/// Positions and versions are texts: an integer of the specification has 32 bits. Of the actor only
/// the kind goes out, never a name.
#[derive(Debug, Serialize)]
pub struct CloudEvent<'a> {
    /// The version of the specification.
    pub specversion: &'static str,
    /// The event's own id.
    pub id: String,
    /// Tenant and aggregate.
    pub source: String,
    /// The type on the wire, such as `meter.registered`.
    #[serde(rename = "type")]
    pub event_type: &'a str,
    /// The aggregate's id.
    pub subject: String,
    /// When it happened.
    pub time: String,
    datacontenttype: &'static str,
    dataschema: String,
    tenant: &'a str,
    /// The place in the whole log, as decimal text.
    pub position: String,
    streamversion: String,
    actorkind: &'static str,
    commandid: String,
    correlationid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<String>,
    /// W3C `traceparent` of the request, when it was traced. Safe in a header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    data: &'a RawValue,
}

impl<'a> CloudEvent<'a> {
    /// What the body is, as a header says it.
    pub const CONTENT_TYPE: &'static str = "application/cloudevents+json; charset=UTF-8";

    /// Describes a recorded event, with the address of its schema when it is known where they are.
    /// Personal fields go out as the event holds them: sealed, when it was read as it is stored.
    ///
    /// # Errors
    /// When its payload is no JSON.
    pub fn new(event: &'a Recorded, schemas: Option<&str>) -> Result<Self, serde_json::Error> {
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

    /// The body: the same bytes on NATS and in a webhook.
    ///
    /// # Errors
    /// When it has no JSON, which is a defect of this type.
    pub fn body(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

#[cfg(test)]
mod tests;
