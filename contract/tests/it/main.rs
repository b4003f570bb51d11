//! The contract says what the program really writes, and the committed files say what the contract
//! says.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fields;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use kontor_contract::{FOLDER, SCHEMAS, breaking_file_changes, events, files};
use kontor_domain::{
    EventBody, account::AccountEvent, accounting_period::AccountingPeriodEvent,
    billing::BillingEvent, credit_ledger::CreditLedgerEvent, meter::MeterEvent,
    payment::PaymentEvent, product::ProductEvent, provider_statement::ProviderStatementEvent,
    reconciliation::ReconciliationEvent, tenant::TenantEvent,
};
use serde_json::Value;

fn root() -> PathBuf {
    Path::new("..").canonicalize().unwrap()
}

/// Reads a payload as the program does, and writes it again.
fn rewritten(event_type: &str, version: i32, payload: &str) -> Value {
    fn of<E: EventBody>(event_type: &str, version: i32, payload: &str) -> String {
        let event = E::from_wire(event_type, version, payload).unwrap();
        assert_eq!((event.wire_type(), event.schema_version()), (event_type, version));
        event.to_payload().unwrap()
    }
    let text = match event_type.split_once('.').unwrap().0 {
        "accounting_period" => of::<AccountingPeriodEvent>(event_type, version, payload),
        "account" => of::<AccountEvent>(event_type, version, payload),
        "billing" => of::<BillingEvent>(event_type, version, payload),
        "credit_ledger" => of::<CreditLedgerEvent>(event_type, version, payload),
        "payment" => of::<PaymentEvent>(event_type, version, payload),
        "meter" => of::<MeterEvent>(event_type, version, payload),
        "product" => of::<ProductEvent>(event_type, version, payload),
        "provider_statement" => of::<ProviderStatementEvent>(event_type, version, payload),
        "reconciliation" => of::<ReconciliationEvent>(event_type, version, payload),
        "tenant" => of::<TenantEvent>(event_type, version, payload),
        other => panic!("no aggregate is called {other}"),
    };
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_example_is_what_the_program_writes() {
    for event in events() {
        for example in event.examples {
            let written = rewritten(event.event_type, event.version, example);
            assert_eq!(written, serde_json::from_str::<Value>(example).unwrap());
        }
    }
}

#[test]
fn every_field_that_the_program_writes_is_described_and_shown() {
    let described: BTreeMap<&str, Vec<&str>> =
        events().into_iter().map(|event| (event.event_type, event.field_names())).collect();
    let written = fields::of_all_events();
    for (event_type, fields) in &written {
        let described = described.get(event_type).unwrap_or_else(|| panic!("no {event_type}"));
        let described: BTreeSet<&str> = described.iter().copied().collect();
        assert_eq!(described, fields.iter().copied().collect(), "{event_type}");
    }
    let unknown: Vec<_> = described.keys().filter(|name| !written.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "the program writes no {unknown:?}");
    for event in events() {
        let first: Value = serde_json::from_str(event.examples[0]).unwrap();
        let shown: BTreeSet<&str> = first.as_object().unwrap().keys().map(String::as_str).collect();
        let fields: BTreeSet<&str> = event.field_names().into_iter().collect();
        assert_eq!(shown, fields, "{}: the first example shows every field", event.event_type);
    }
}

/// The schemas below a folder, by their paths under `nats/`.
fn committed() -> BTreeMap<String, String> {
    let folder = root().join(FOLDER);
    let mut found = BTreeMap::new();
    for event in fs::read_dir(folder.join(SCHEMAS)).unwrap() {
        for version in fs::read_dir(event.unwrap().path()).unwrap() {
            let path = version.unwrap().path();
            let name = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
            found.insert(name, fs::read_to_string(path).unwrap());
        }
    }
    found
}

#[test]
fn the_committed_files_are_those_that_are_made() {
    let mut there = committed();
    let document = fs::read_to_string(root().join(FOLDER).join("asyncapi.yaml")).unwrap();
    there.insert("asyncapi.yaml".to_owned(), document);
    let made = files();
    let differ: Vec<&String> = there
        .keys()
        .chain(made.keys())
        .filter(|path| there.get(*path) != made.get(*path))
        .collect();
    assert!(differ.is_empty(), "run `make contract`; these differ: {differ:#?}");
}

#[test]
fn no_schema_changes_in_a_way_that_breaks_somebody() {
    let broken = breaking_file_changes(&committed(), &files());
    assert!(broken.is_empty(), "describe a new version of the event instead: {broken:#?}");
    // The files could have been written by hand: what was committed last counts too.
    let broken = breaking_file_changes(&committed_last(), &files());
    assert!(broken.is_empty(), "describe a new version of the event instead: {broken:#?}");
}

/// The schemas of the commit before the last one; empty where there is no history.
fn committed_last() -> BTreeMap<String, String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(root()).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()
    };
    let folder = format!("{FOLDER}/{SCHEMAS}/");
    let list = git(&["ls-tree", "-r", "--name-only", "HEAD~1", "--", &folder]).unwrap_or_default();
    let text = |path: &str| {
        Some((path.strip_prefix("nats/")?.to_owned(), git(&["show", &format!("HEAD~1:{path}")])?))
    };
    list.lines().filter_map(text).collect()
}

#[test]
fn filters_and_paths_name_events_that_exist() {
    for (pattern, matches) in [
        ("*", true),
        ("meter.*", true),
        ("meter.archived", true),
        ("meters.*", false),
        ("meter.exploded", false),
    ] {
        assert_eq!(kontor_contract::matches_any(pattern), matches, "{pattern}");
    }
    assert!(kontor_contract::schema_text("meter.archived", 1).unwrap().contains("\"reason\""));
    assert!(kontor_contract::schema_text("meter.archived", 2).is_none());
    let index = kontor_contract::index();
    assert_eq!(index["schemas"].as_array().unwrap().len(), events().len());
}
