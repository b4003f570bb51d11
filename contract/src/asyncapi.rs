//! The AsyncAPI 3 document: where each event travels, and in which form.

use serde_json::{Map, Value, json};

use crate::{EventContract, events};

/// The document's own version: the first number changes when an address or the envelope does.
const VERSION: &str = "1.1.0";
const DESCRIPTION: &str = "Every event of Kontor's log, as a structured CloudEvent 1.0 in JSON, in \
    the order of `position` and at least once. An integrator reads them from a durable JetStream \
    consumer that `kontor integrator add` makes for it, and may do nothing else.";

/// The message that ends a replay, as a key and by its type.
const REPLAY_ENDED: &str = "kontor_replay_ended";
const REPLAY_ENDED_TYPE: &str = "kontor.replay_ended";

/// The document over all events.
pub fn document() -> Value {
    let events = events();
    let (mut channels, mut operations) = (Map::new(), Map::new());
    let (mut messages, mut schemas) = (Map::new(), Map::new());
    schemas.insert("cloudevent".to_owned(), cloud_event());
    channels.insert("replay".to_owned(), replay_channel(&events));
    operations.insert("send_replay".to_owned(), replay_operation());
    messages.insert(REPLAY_ENDED.to_owned(), replay_ended());
    for event in &events {
        let key = key(event);
        channels.insert(key.clone(), channel(event));
        operations.insert(format!("send_{key}"), operation(event));
        messages.insert(key.clone(), message(event));
        schemas.insert(key, payload(event));
    }
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Kontor events",
            "version": VERSION,
            "description": DESCRIPTION,
            "license": { "name": "MIT" },
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {
            "broker": {
                "host": "{host}",
                "protocol": "nats",
                "description": "A NATS server with JetStream, 2.10 or newer.",
                "variables": { "host": { "default": "localhost:4222" } },
                "security": [{ "$ref": "#/components/securitySchemes/integrator" }],
            },
        },
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": schemas,
            "securitySchemes": {
                "integrator": {
                    "type": "userPassword",
                    "description": "The user and the password that `kontor integrator add` prints.",
                },
            },
        },
    })
}

/// The event's name as a key: `meter_archived_1`.
fn key(event: &EventContract) -> String {
    format!("{}_{}", event.event_type.replace('.', "_"), event.version)
}

fn channel(event: &EventContract) -> Value {
    let key = key(event);
    json!({
        "address": format!("evt.{{tenant}}.{}", event.event_type),
        "description": event.title,
        "parameters": { "tenant": { "description": "The tenant's slug." } },
        "messages": { &key: { "$ref": format!("#/components/messages/{key}") } },
        "x-jetstream": {
            "stream": "EVENTS",
            "consumer": "integrator_{name}, durable, pull, explicit acknowledgement",
        },
    })
}

/// What comes out of the log for one integrator: every event under another address, and its end.
fn replay_channel(events: &[EventContract]) -> Value {
    let reference = |key: &str| json!({ "$ref": format!("#/components/messages/{key}") });
    let mut messages: Map<String, Value> =
        events.iter().map(key).map(|key| (key.clone(), reference(&key))).collect();
    messages.insert(REPLAY_ENDED.to_owned(), reference(REPLAY_ENDED));
    json!({
        "address": "replay.{name}.{rest}",
        "description": "A replay from further back than the stream of events keeps, in a stream of \
            its own that is there as long as the replay is. `kontor.replay_ended` comes last.",
        "parameters": {
            "name": { "description": "The integrator's name." },
            "rest": {
                "description": "`<tenant>.<type>` of an event, as behind `evt.`, or `end`.",
            },
        },
        "messages": messages,
        "x-jetstream": {
            "stream": "REPLAY_{name}",
            "consumer": "integrator_{name}, pull, explicit acknowledgement",
        },
    })
}

fn replay_operation() -> Value {
    json!({
        "action": "send",
        "summary": "Events of a replay out of the log, and its end",
        "channel": { "$ref": "#/channels/replay" },
    })
}

/// The last message of a replay.
fn replay_ended() -> Value {
    let position = |description: &str| json!({ "type": "string", "pattern": "^[0-9]+$", "description": description });
    json!({
        "name": REPLAY_ENDED_TYPE,
        "title": REPLAY_ENDED_TYPE,
        "summary": "All events of the replay have come",
        "contentType": "application/cloudevents+json",
        "payload": {
            "type": "object",
            "required": [
                "specversion", "id", "source", "type", "subject", "time", "datacontenttype",
                "position", "data",
            ],
            "properties": {
                "specversion": { "type": "string", "const": "1.0" },
                "id": { "type": "string", "format": "uuid", "description": "The replay's own id." },
                "source": { "type": "string", "const": "/kontor/replays" },
                "type": { "const": REPLAY_ENDED_TYPE },
                "subject": { "type": "string", "description": "The integrator's name." },
                "time": { "type": "string", "format": "date-time" },
                "datacontenttype": { "type": "string", "const": "application/json" },
                "position": position("Up to which position of the log it went."),
                "data": {
                    "type": "object",
                    "required": ["from_position"],
                    "properties": {
                        "from_position": position("From which position on it was ordered."),
                    },
                },
            },
        },
    })
}

fn operation(event: &EventContract) -> Value {
    let key = key(event);
    json!({
        "action": "send",
        "summary": event.title,
        "channel": { "$ref": format!("#/channels/{key}") },
        "messages": [{ "$ref": format!("#/channels/{key}/messages/{key}") }],
    })
}

fn message(event: &EventContract) -> Value {
    let schema = format!("#/components/schemas/{}", key(event));
    json!({
        "name": event.event_type,
        "title": event.event_type,
        "summary": event.title,
        "contentType": "application/cloudevents+json",
        "payload": {
            "allOf": [
                { "$ref": "#/components/schemas/cloudevent" },
                {
                    "type": "object",
                    "properties": {
                        "type": { "const": event.event_type },
                        "data": { "$ref": schema },
                    },
                },
            ],
        },
    })
}

/// The event's own schema without what names it as a document.
fn payload(event: &EventContract) -> Value {
    let mut schema = event.schema();
    if let Some(fields) = schema.as_object_mut() {
        fields.retain(|name, _| !matches!(name.as_str(), "$schema" | "$id"));
    }
    schema
}

/// The envelope that all events share.
fn cloud_event() -> Value {
    let text = |description: &str| json!({ "type": "string", "description": description });
    let uuid = |description: &str| json!({ "type": "string", "format": "uuid", "description": description });
    let decimal = |description: &str| json!({ "type": "string", "pattern": "^[1-9][0-9]*$", "description": description });
    json!({
        "type": "object",
        "description": "A CloudEvent 1.0 with Kontor's extensions.",
        "required": [
            "specversion", "id", "source", "type", "subject", "time", "datacontenttype",
            "dataschema", "tenant", "position", "streamversion", "actorkind", "commandid",
            "correlationid", "data",
        ],
        "properties": {
            "specversion": { "type": "string", "const": "1.0" },
            "id": uuid("The event's own id; compare it to leave out what came twice."),
            "source": text("`/kontor/<tenant>/<aggregate>`"),
            "type": text("The event's type, such as `meter.archived`."),
            "subject": uuid("The id of what it happened to."),
            "time": {
                "type": "string", "format": "date-time",
                "description": "When the command behind it was issued.",
            },
            "datacontenttype": { "type": "string", "const": "application/json" },
            "dataschema": text("The address of the JSON Schema of `data`."),
            "tenant": text("The tenant's slug."),
            "position": decimal("The place in the log, without gaps over all events."),
            "streamversion": decimal("The place among the events of its subject, from 1."),
            "actorkind": {
                "type": "string", "enum": ["customer", "operator", "system"],
                "description": "Who gave the command.",
            },
            "commandid": uuid("The command that led to it."),
            "correlationid": uuid("The same through all that one request set off."),
            "causationid": uuid("The command or event that caused the command."),
            "traceparent": text("W3C trace context of the request."),
            "data": { "type": "object", "description": "The event itself, by `dataschema`." },
        },
    })
}
