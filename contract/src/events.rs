//! The events: for each its name, its version, its shape and examples.

mod account;
mod accounting_period;
mod billing;
mod credit_ledger;
mod house;
mod meter;
mod payment;
mod product;
mod provider_statement;
mod tenant;

use serde_json::{Value, json};

use crate::shapes::{Field, object};

/// The dialect of all schemas.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// What is promised about one version of one event.
#[derive(Clone, Debug)]
pub struct EventContract {
    /// Its type, such as `meter.archived`.
    pub event_type: &'static str,
    /// The version of its payload, from 1.
    pub version: i32,
    /// What has happened, as a sentence.
    pub title: &'static str,
    fields: Vec<Field>,
    /// Payloads as they stand in the log, as JSON texts; the first has every field.
    pub examples: &'static [&'static str],
}

impl EventContract {
    /// The JSON Schema of the event's `data`.
    pub fn schema(&self) -> Value {
        let mut schema = object(self.fields.clone());
        schema["$schema"] = json!(DIALECT);
        schema["$id"] = json!(format!("urn:kontor:event:{}:{}", self.event_type, self.version));
        schema["title"] = json!(self.event_type);
        schema["description"] = json!(self.title);
        let examples = self.examples.iter();
        schema["examples"] = examples.map(|text| parsed(text)).collect::<Vec<_>>().into();
        schema
    }

    /// The names of all fields, in order.
    pub fn field_names(&self) -> Vec<&'static str> {
        self.fields.iter().map(|field| field.name).collect()
    }
}

/// All events of Kontor, by type.
pub fn events() -> Vec<EventContract> {
    let mut all: Vec<EventContract> = [
        account::events(),
        billing::events(),
        accounting_period::events(),
        credit_ledger::events(),
        house::events(),
        meter::events(),
        payment::events(),
        product::events(),
        provider_statement::events(),
        tenant::events(),
    ]
    .into_iter()
    .flatten()
    .collect();
    all.sort_by_key(|event| (event.event_type, event.version));
    all
}

/// An example as JSON; a test reads all of them.
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// The first version of an event.
fn first(
    event_type: &'static str,
    title: &'static str,
    fields: Vec<Field>,
    examples: &'static [&'static str],
) -> EventContract {
    EventContract { event_type, version: 1, title, fields, examples }
}
