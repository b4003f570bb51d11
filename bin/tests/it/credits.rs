//! Credits through the whole program: HTTP, NATS, the log, timers and read models.

use chrono::Duration;
use kontor_commands::clock;
use serde_json::{Value, json};
use tempfile::tempdir;
use uuid::Uuid;

use crate::{
    program::{Up, eventually},
    start::Api,
};

/// Far enough that the grant is booked before, near enough to wait for.
const EXPIRES_WITHIN: Duration = Duration::seconds(4);

#[tokio::test]
async fn credits_are_bought_spent_and_run_out_by_themselves() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    let api = Api::of(&up, folder.path());
    let account = api.post("/v1/accounts", &json!({"display_name": "Мария Ли"})).await;
    let mine = json!({"account_id": account["id"]});
    let refused = api.refused("/v1/ledgers", &mine).await;
    assert_eq!(refused["code"], "credits_off", "the demo tenant deals with no credits");

    let rules = json!({"credit_rules": {"enabled": true}});
    api.patch("/v1/tenants/demo_utility", &rules).await;
    let account = api.post("/v1/accounts", &json!({"display_name": "Анна Ёлкина"})).await;
    // The policy opens it by itself: whoever comes later has nothing to open any more.
    let opened = api.post("/v1/ledgers", &json!({"account_id": account["id"]})).await;
    let ledger = format!("/v1/ledgers/{}", opened["id"].as_str().unwrap());
    let payment = json!({
        "payment_id": Uuid::now_v7(), "provider": "manual",
        "price": {"amount_minor": 49_900, "currency": "RUB"},
    });
    let bought = json!({"source": "purchase", "credits": 25, "payment": payment});
    api.post(&format!("{ledger}/grants"), &bought).await;
    let spent = api.post(&format!("{ledger}/spends"), &json!({"messages": 4})).await;
    let after = |answer: &Value| format!("{ledger}?min_position={}", answer["position"]);
    assert_eq!(api.get(&after(&spent)).await["available"], 24);

    let expires_at = clock::now() + EXPIRES_WITHIN;
    let gift = json!({"source": "gift", "credits": 7, "expires_at": expires_at});
    let gift = api.post(&format!("{ledger}/grants"), &gift).await;
    assert_eq!(api.get(&after(&gift)).await["available"], 31);
    // Nobody asks for it: the timer of the policy does.
    eventually(async || {
        let shown = api.get(&ledger).await;
        (shown["available"] == 24).then_some(())
    })
    .await;
    let history = api.get(&format!("{ledger}/history?limit=1")).await;
    assert_eq!(history["items"][0]["kind"], "grant_expired");
    assert_eq!(history["items"][0]["credits"], -7);
}
