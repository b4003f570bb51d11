//! The corpus: for each type and version of event that was ever released a file in `tests/corpus`,
//! with payloads as the log may hold them and the events that they must be read as.
//!
//! A file is written when its version is released and never edited afterwards, except that
//! `current` follows when the event gets an upcaster.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use chrono::DateTime;
use kontor_domain::{
    Actor, EventBody, EventDecodeError, Metadata, Recorded, Upcasters, account::AccountEvent,
    accounting_period::AccountingPeriodEvent, billing::BillingEvent,
    credit_ledger::CreditLedgerEvent, meter::MeterEvent, payment::PaymentEvent,
    product::ProductEvent, provider_statement::ProviderStatementEvent,
    reconciliation::ReconciliationEvent, tenant::TenantEvent,
};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    event_type: String,
    schema_version: i32,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// The payload in the log.
    stored: Value,
    /// The events that readers see of it, in order.
    current: Vec<Current>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Current {
    event_type: String,
    schema_version: i32,
    payload: Value,
}

fn folder() -> PathBuf {
    Path::new("tests/corpus").to_owned()
}

/// The corpus by the names of its files.
fn corpus() -> BTreeMap<String, Entry> {
    let files = fs::read_dir(folder()).unwrap();
    files
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let entry = serde_json::from_str(&fs::read_to_string(&path).unwrap());
            (name.clone(), entry.unwrap_or_else(|err| panic!("{name}: {err}")))
        })
        .collect()
}

fn recorded(entry: &Entry, payload: &Value) -> Recorded {
    Recorded {
        position: 1,
        tenant: "demo".parse().unwrap(),
        stream_type: entry.event_type.split('.').next().unwrap().to_owned(),
        stream_id: Uuid::nil(),
        version: 1,
        event_id: Uuid::nil(),
        event_type: entry.event_type.clone(),
        schema_version: entry.schema_version,
        payload: payload.to_string(),
        metadata: Metadata {
            actor: Actor::System { name: "corpus".to_owned() },
            command_id: Uuid::nil(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            trace: None,
        },
        occurred_at: DateTime::UNIX_EPOCH,
        recorded_at: DateTime::UNIX_EPOCH,
    }
}

/// Reads an event as its aggregate does and writes it again, so that no field is lost or reread.
fn through_its_type(event: &Recorded) -> Result<String, EventDecodeError> {
    fn again<E: EventBody>(event: &Recorded) -> Result<String, EventDecodeError> {
        event.body::<E>().map(|body| body.to_payload().unwrap())
    }
    match event.event_type.split('.').next() {
        Some("tenant") => again::<TenantEvent>(event),
        Some("accounting_period") => again::<AccountingPeriodEvent>(event),
        Some("account") => again::<AccountEvent>(event),
        Some("billing") => again::<BillingEvent>(event),
        Some("credit_ledger") => again::<CreditLedgerEvent>(event),
        Some("payment") => again::<PaymentEvent>(event),
        Some("meter") => again::<MeterEvent>(event),
        Some("product") => again::<ProductEvent>(event),
        Some("provider_statement") => again::<ProviderStatementEvent>(event),
        Some("reconciliation") => again::<ReconciliationEvent>(event),
        other => panic!("a new aggregate {other:?} needs its line here"),
    }
}

#[test]
fn everything_that_was_ever_recorded_is_read_as_it_was_meant() {
    for (name, entry) in corpus() {
        assert!(!entry.cases.is_empty(), "{name} has no case");
        for case in entry.cases.iter().enumerate() {
            let (number, Case { stored, current }) = case;
            let read = Upcasters::current().upcast(recorded(&entry, stored));
            let read = read.unwrap_or_else(|failure| panic!("{name} {number}: {}", failure.0));
            let found: Vec<Current> = read
                .iter()
                .map(|event| {
                    let payload = through_its_type(event);
                    let payload = payload.unwrap_or_else(|err| panic!("{name} {number}: {err}"));
                    Current {
                        event_type: event.event_type.clone(),
                        schema_version: event.schema_version,
                        payload: serde_json::from_str(&payload).unwrap(),
                    }
                })
                .collect();
            assert_eq!(&found, current, "{name}, case {number}");
        }
    }
}

#[test]
fn every_released_type_and_version_has_its_file_and_no_other_is_there() {
    let files: Vec<String> = corpus()
        .into_iter()
        .map(|(name, entry)| {
            assert_eq!(name, format!("{}.v{}.json", entry.event_type, entry.schema_version));
            name
        })
        .collect();
    let mut released: Vec<String> = Upcasters::current()
        .released_schemas()
        .iter()
        .map(|schema| format!("{}.v{}.json", schema.event_type, schema.version))
        .collect();
    released.sort();
    assert_eq!(files, released, "tests/corpus holds one file for each released form");
}

#[test]
fn the_events_of_every_aggregate_are_known() {
    let schemas = Upcasters::current().released_schemas();
    let mut aggregates = 0;
    for file in fs::read_dir("src").unwrap() {
        let Ok(state) = fs::read_to_string(file.unwrap().path().join("state.rs")) else { continue };
        let Some(name) = state.split("const TYPE: &'static str = \"").nth(1) else { continue };
        let prefix = format!("{}.", name.split('"').next().unwrap());
        let known = schemas.iter().any(|schema| schema.event_type.starts_with(&prefix));
        assert!(known, "`known_schemas` does not name the events of {prefix}");
        aggregates += 1;
    }
    assert!(aggregates >= 3, "{aggregates} aggregates were found");
}
