//! The OpenAPI document: complete, and its examples are true.

use std::{collections::BTreeSet, fmt::Write};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::World;

fn document() -> Value {
    serde_json::to_value(kontor_http::document()).unwrap()
}

/// Each route with the answers that it gives when all is well; each names all others, too.
fn routes(wanted: impl Fn(&str) -> bool) -> String {
    let document = document();
    let mut routes = String::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        if !wanted(path) {
            continue;
        }
        for (method, operation) in item.as_object().unwrap() {
            let answers: Vec<&String> =
                operation["responses"].as_object().unwrap().keys().collect();
            let ok: Vec<&&String> = answers.iter().filter(|it| it.starts_with('2')).collect();
            writeln!(routes, "{method} {path} {ok:?}").unwrap();
            assert_eq!(answers.len() - ok.len(), 12, "{path} names every failure");
            assert!(operation["summary"].is_string(), "{path}");
        }
    }
    routes
}

#[test]
fn every_route_is_described() {
    assert_snapshot!(routes(|path| path < "/v1/n"), @r#"
    get /v1/accounts ["200"]
    post /v1/accounts ["201", "202"]
    get /v1/accounts/{id} ["200"]
    patch /v1/accounts/{id} ["200", "202"]
    get /v1/accounts/{id}/billing ["200"]
    post /v1/accounts/{id}/billing/auto-recharge/disable ["200", "202"]
    get /v1/books/accounts ["200"]
    get /v1/books/accounts/{account}/statement ["200"]
    get /v1/books/trial-balance ["200"]
    get /v1/commands/{id} ["200"]
    post /v1/ledgers ["201", "202"]
    get /v1/ledgers/{id} ["200"]
    post /v1/ledgers/{id}/disputes ["201", "202"]
    post /v1/ledgers/{id}/disputes/{dispute_id}/close ["200", "202"]
    get /v1/ledgers/{id}/entries ["200"]
    post /v1/ledgers/{id}/grants ["201", "202"]
    get /v1/ledgers/{id}/history ["200"]
    post /v1/ledgers/{id}/holds ["201", "202"]
    post /v1/ledgers/{id}/holds/{hold_id}/capture ["200", "202"]
    post /v1/ledgers/{id}/holds/{hold_id}/release ["200", "202"]
    post /v1/ledgers/{id}/passes ["201", "202"]
    post /v1/ledgers/{id}/passes/{pass_id}/refund ["200", "202"]
    post /v1/ledgers/{id}/refunds ["201", "202"]
    post /v1/ledgers/{id}/refunds/{refund_id}/return ["200", "202"]
    post /v1/ledgers/{id}/reversals ["201", "202"]
    post /v1/ledgers/{id}/revocations ["201", "202"]
    post /v1/ledgers/{id}/spends ["201", "202"]
    get /v1/ledgers/{id}/statement ["200"]
    post /v1/ledgers/{id}/tutorial-bonus ["201", "202"]
    post /v1/ledgers/{id}/write-offs ["201", "202"]
    get /v1/meters ["200"]
    post /v1/meters ["201", "202"]
    get /v1/meters/{id} ["200"]
    post /v1/meters/{id}/archive ["200", "202"]
    get /v1/meters/{id}/readings ["200"]
    post /v1/meters/{id}/readings ["201", "202"]
    post /v1/meters/{id}/readings/{reading_id}/corrections ["200", "202"]
    post /v1/meters/{id}/verification ["200", "202"]
    "#);
}

#[test]
fn every_other_route_is_described() {
    assert_snapshot!(routes(|path| path >= "/v1/n"), @r#"
    get /v1/operations/actions ["200"]
    get /v1/operations/dead-letters ["200"]
    get /v1/operations/dead-letters/{id} ["200"]
    post /v1/operations/dead-letters/{id}/retry ["200"]
    post /v1/operations/dead-letters/{id}/skip ["200"]
    get /v1/operations/find ["200"]
    get /v1/operations/overview ["200"]
    get /v1/operations/streams/{id} ["200"]
    get /v1/operations/webhooks ["200"]
    post /v1/operations/webhooks/{name}/pause ["200"]
    post /v1/operations/webhooks/{name}/resume ["200"]
    get /v1/payments ["200"]
    get /v1/payments/{id} ["200"]
    post /v1/payments/{id}/refunds ["201", "202"]
    get /v1/periods ["200"]
    get /v1/periods/{month} ["200"]
    post /v1/periods/{month}/close ["200", "202"]
    get /v1/periods/{month}/draft ["200"]
    get /v1/periods/{month}/late-entries ["200"]
    post /v1/periods/{month}/reopen ["200", "202"]
    post /v1/periods/{month}/reopen/approve ["200", "202"]
    post /v1/periods/{month}/reopen/decline ["200", "202"]
    get /v1/periods/{month}/report ["200"]
    get /v1/products ["200"]
    post /v1/products ["201", "202"]
    get /v1/products/{id} ["200"]
    patch /v1/products/{id} ["200", "202"]
    post /v1/products/{id}/activate ["200", "202"]
    post /v1/products/{id}/deactivate ["200", "202"]
    get /v1/reconciliation ["200"]
    get /v1/reconciliation/days ["200"]
    get /v1/reconciliation/differences ["200"]
    get /v1/reconciliation/differences/{id} ["200"]
    post /v1/reconciliation/differences/{id}/adjust ["200", "202"]
    post /v1/reconciliation/differences/{id}/assign ["200", "202"]
    post /v1/reconciliation/differences/{id}/explain ["200", "202"]
    post /v1/reconciliation/differences/{id}/reopen ["200", "202"]
    post /v1/reconciliation/differences/{id}/write-off ["200", "202"]
    post /v1/reconciliation/differences/{id}/write-off/confirm ["200", "202"]
    get /v1/reconciliation/payouts ["200"]
    get /v1/reconciliation/statements ["200"]
    post /v1/reconciliation/statements/{source} ["200"]
    get /v1/subjects/{id}/erasure ["200", "202"]
    post /v1/subjects/{id}/erasure ["200", "202"]
    get /v1/subjects/{id}/export ["200"]
    get /v1/tenants ["200"]
    post /v1/tenants ["201", "202"]
    get /v1/tenants/{tenant} ["200"]
    patch /v1/tenants/{tenant} ["200", "202"]
    "#);
}

#[test]
fn every_reference_leads_somewhere() {
    fn collect(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    found.insert(reference.clone());
                }
                fields.values().for_each(|value| collect(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| collect(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    assert!(references.len() > 10, "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn examples_run_as_they_stand() {
    let world = World::new().await;
    let document = document();
    let account = world.account().await;
    let meter = world.meter().await;
    let ledger = world.ledger().await;
    let product = world.product().await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let Some(reference) = schema.as_str() else { continue };
            let schema = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
            let mut example = schema["example"].clone();
            assert!(example.is_object(), "{reference} has an example");
            if ["/v1/meters", "/v1/ledgers"].contains(&path.as_str()) {
                example["account_id"] = json!(account);
            }
            let id = match path.split('/').nth(2).unwrap_or_default() {
                "accounts" => &account,
                "ledgers" => &ledger,
                "products" => &product,
                _ => &meter,
            };
            let address = path
                .replace("{id}", id)
                .replace("{reading_id}", &account)
                .replace("{hold_id}", &account)
                .replace("{pass_id}", &account)
                .replace("{dispute_id}", &account)
                .replace("{month}", "2026-01")
                .replace("{tenant}", "moscow");
            if path.contains("payments") {
                // Only what was paid can be paid back: `payments.rs` runs it.
                continue;
            }
            if path.contains("reconciliation") {
                // A difference comes of a file: `reconciliation.rs` runs it.
                continue;
            }
            if path.contains("subjects") {
                // It needs a platform's key and somebody to lose: `subjects.rs` runs it.
                continue;
            }
            let key = if path == "/v1/tenants" { &world.admin } else { &world.operator };
            let target = (method.to_uppercase(), address);
            let target = (target.0.as_str(), target.1.as_str());
            let answer = world.send(key, target, &[], Some(example)).await;
            // The business may refuse an example; the reader may not.
            assert!([200, 201, 422].contains(&answer.status.as_u16()), "{path}: {answer}");
        }
    }
}

#[tokio::test]
async fn the_contract_with_integrators_is_served_at_stable_addresses() {
    let world = World::new().await;
    let index = world.get("", "/schemas").await.json();
    let schemas = index["schemas"].as_array().unwrap();
    assert!(schemas.len() > 10, "{index}");
    for schema in schemas {
        let path = schema["path"].as_str().unwrap();
        let expected =
            format!("/schemas/{}/{}.json", schema["type"].as_str().unwrap(), schema["version"]);
        assert_eq!(path, expected);
        let served = world.get("", path).await;
        assert_eq!(served.status, 200, "{path}");
        assert_eq!(served.json()["title"], schema["type"]);
    }
    for path in [
        "/schemas/meter.archived/2.json",
        "/schemas/meter.archived/1",
        "/schemas/meter.archived/one.json",
        "/schemas/meter.exploded/1.json",
        "/schemas/meter.archived/..%2F1.json",
        "/schemas/%D1%81%D1%87%D1%91%D1%82/1.json",
    ] {
        assert_eq!(world.get("", path).await.status, 404, "{path}");
    }
    assert_eq!(world.get("", "/asyncapi.json").await.json()["asyncapi"], "3.0.0");
    let yaml = world.get("", "/asyncapi.yaml").await;
    assert_eq!(yaml.text, include_str!("../../../../nats/asyncapi.yaml"));
}

#[tokio::test]
async fn the_document_and_its_page_are_served_without_a_key() {
    let world = World::new().await;
    let served = world.get("", "/openapi.json").await;
    assert_eq!(served.json(), document());
    let page = world.get("", "/docs/").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("swagger-ui"), "{}", page.text);
    assert!(!page.text.contains("http://") && !page.text.contains("https://"), "{}", page.text);
    assert_eq!(world.get("", "/docs/swagger-ui-bundle.js").await.status, 200);
    assert_eq!(world.get("", "/docs/nothing.js").await.status, 404);
}
