//! Events as people and programs read them.

use chrono::{DateTime, Utc};
use kontor_domain::{Actor, Metadata, Recorded, TenantId};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::mask::Shown;
use crate::output;

/// An event as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct EventView<'a> {
    position: i64,
    recorded_at: DateTime<Utc>,
    occurred_at: DateTime<Utc>,
    tenant: &'a TenantId,
    stream_type: &'a str,
    stream_id: Uuid,
    version: i64,
    event_id: Uuid,
    event_type: &'a str,
    schema_version: i32,
    payload: Value,
    metadata: &'a Metadata,
}

impl<'a> EventView<'a> {
    pub(crate) fn of(event: &'a Recorded, shown: Shown) -> Self {
        Self {
            position: event.position,
            recorded_at: event.recorded_at,
            occurred_at: event.occurred_at,
            tenant: &event.tenant,
            stream_type: &event.stream_type,
            stream_id: event.stream_id,
            version: event.version,
            event_id: event.event_id,
            event_type: &event.event_type,
            schema_version: event.schema_version,
            payload: shown.payload(event),
            metadata: &event.metadata,
        }
    }
}

/// Who gave the command.
pub(super) fn actor(actor: &Actor) -> String {
    match actor {
        Actor::Customer { account_id } => format!("customer {account_id}"),
        Actor::Operator { name } => format!("operator {name}"),
        Actor::System { name } => format!("system {name}"),
    }
}

/// An instant to the second, in UTC.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// The titles of [`line()`].
pub(super) fn titles() -> String {
    format!(
        "{:>9}  {:19}  {:16}  {:28}  {:44}  {}",
        "POSITION", "RECORDED (UTC)", "TENANT", "TYPE", "STREAM AND VERSION", "ACTOR"
    )
}

/// An event in one line. Widths are fixed, because lines are printed while more are read.
pub(super) fn line(event: &Recorded) -> String {
    format!(
        "{:>9}  {:19}  {:16}  {:28}  {:44}  {}",
        event.position,
        time(event.recorded_at),
        event.tenant.as_str(),
        event.event_type,
        format!("{} {}", event.stream_id, event.version),
        actor(&event.metadata.actor),
    )
}

/// All that is known of an event, line by line.
pub(super) fn detail(event: &Recorded, shown: Shown) -> anyhow::Result<()> {
    let metadata = &event.metadata;
    let cause = metadata.causation_id.map_or_else(|| "(none)".to_owned(), |id| id.to_string());
    let rows = [
        ("position", event.position.to_string()),
        ("event id", event.event_id.to_string()),
        ("type", format!("{} (schema version {})", event.event_type, event.schema_version)),
        ("tenant", event.tenant.to_string()),
        ("stream", format!("{} {}", event.stream_type, event.stream_id)),
        ("version", event.version.to_string()),
        ("occurred", time(event.occurred_at)),
        ("recorded", time(event.recorded_at)),
        ("actor", actor(&metadata.actor)),
        ("command", metadata.command_id.to_string()),
        ("cause", cause),
        ("conversation", metadata.correlation_id.to_string()),
        ("trace", metadata.trace.clone().unwrap_or_else(|| "(none)".to_owned())),
    ];
    for (name, value) in rows {
        output::line(&format!("{name:14}{value}"));
    }
    output::line(&serde_json::to_string_pretty(&shown.payload(event))?);
    Ok(())
}
