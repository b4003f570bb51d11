//! What integrators may rely on: a JSON Schema for each event, an AsyncAPI document over all of them,
//! and the check that a change only adds.
//!
//! Everything is made from [`events()`]. The made files are committed under `nats/`, and a test compares
//! them; `make contract` writes them, and refuses when a change is not additive.

mod asyncapi;
mod changes;
mod events;
mod print;
mod shapes;

use std::{collections::BTreeMap, sync::LazyLock};

use serde_json::Value;

pub use asyncapi::document as asyncapi;
pub use changes::{breaking_changes, breaking_file_changes};
pub use events::{EventContract, events};
pub use print::{json, yaml};

/// The folder of the made files, from the root of the repository.
pub const FOLDER: &str = "nats";
/// The path, under an HTTP server's address and inside [`FOLDER`], of the schemas.
pub const SCHEMAS: &str = "schemas";

/// All schemas as texts, by event type and version.
static TEXTS: LazyLock<BTreeMap<(&'static str, i32), String>> = LazyLock::new(|| {
    events()
        .into_iter()
        .map(|event| ((event.event_type, event.version), json(&event.schema())))
        .collect()
});

/// The path of an event's schema: `schemas/meter.archived/1.json`.
pub fn schema_path(event_type: &str, version: i32) -> String {
    format!("{SCHEMAS}/{event_type}/{version}.json")
}

/// The schema of an event as JSON text; none when there is no such event.
pub fn schema_text(event_type: &str, version: i32) -> Option<&'static str> {
    let found = TEXTS.iter().find(|((name, number), _)| *name == event_type && *number == version);
    found.map(|(_, text)| text.as_str())
}

/// The types of all events, in order.
pub fn event_types() -> Vec<&'static str> {
    let mut types: Vec<&str> = TEXTS.keys().map(|(event_type, _)| *event_type).collect();
    types.dedup();
    types
}

/// Whether a filter such as `meter.*`, `account.registered` or `*` lets any event through.
pub fn matches_any(pattern: &str) -> bool {
    TEXTS.keys().any(|(name, _)| {
        pattern.strip_suffix('*').map_or(*name == pattern, |prefix| name.starts_with(prefix))
    })
}

/// The index of all schemas, with their paths.
pub fn index() -> Value {
    let schemas = TEXTS.keys().map(|(event_type, version)| {
        serde_json::json!({
            "type": event_type,
            "version": version,
            "path": format!("/{}", schema_path(event_type, *version)),
        })
    });
    serde_json::json!({
        "schemas": schemas.collect::<Vec<_>>(),
        "asyncapi": ["/asyncapi.json", "/asyncapi.yaml"],
    })
}

/// All files that are committed under [`FOLDER`], by their paths in it.
pub fn files() -> BTreeMap<String, String> {
    let schemas = TEXTS
        .iter()
        .map(|((event_type, version), text)| (schema_path(event_type, *version), text.clone()));
    schemas.chain([("asyncapi.yaml".to_owned(), yaml(&asyncapi()))]).collect()
}
