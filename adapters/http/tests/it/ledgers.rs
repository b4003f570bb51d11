use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::World;

fn purchase(credits: i64) -> Value {
    json!({
        "source": "purchase", "credits": credits,
        "payment": {
            "payment_id": "0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d", "provider": "manual",
            "price": {"amount_minor": 49_900, "currency": "RUB"},
        },
    })
}

#[tokio::test]
async fn a_customer_is_welcomed_buys_and_spends() {
    let world = World::new().await;
    let ledger = format!("/v1/ledgers/{}", world.ledger().await);
    let bought = world.post(&world.operator, &format!("{ledger}/grants"), purchase(25)).await;
    assert_eq!(bought.status, 201, "{bought}");
    let spends = format!("{ledger}/spends");
    let spent = world.post(&world.operator, &spends, json!({"messages": 4})).await;
    assert_eq!(spent.status, 201, "{spent}");
    let shown = world.read(&world.reader, &ledger, &spent).await;
    assert_eq!(shown.header("etag"), "\"4\"");
    let shown = shown.json();
    assert_eq!((&shown["available"], &shown["spent"]), (&json!(24), &json!(4)));
    assert_eq!(shown["head"].as_str().unwrap().len(), 64);

    let refused = world.post(&world.operator, &spends, json!({"messages": 25})).await;
    assert_snapshot!(refused, @r#"
    422 Unprocessable Entity
    {
      "code": "not_enough_credits",
      "detail": "this takes 25 credits and there are 24; buy at least 1 more",
      "details": {
        "available": 24,
        "held": 0,
        "missing": 1,
        "needed": 25
      },
      "request_id": "[uuid]",
      "status": 422,
      "title": "Not enough credits",
      "type": "/problems/not_enough_credits"
    }
    "#);
}

#[tokio::test]
async fn the_same_request_again_spends_nothing_more() {
    let world = World::new().await;
    let ledger = format!("/v1/ledgers/{}", world.ledger().await);
    let spends = format!("{ledger}/spends");
    let target = ("POST", spends.as_str());
    let key = [("idempotency-key", "заказ-7")];
    let malformed = world.send(&world.operator, target, &key, Some(json!({"messages": 1}))).await;
    assert_eq!(malformed.code(), "parameter_invalid");
    let key = [("idempotency-key", "order-7")];
    for _ in 0..3 {
        let spent = world.send(&world.operator, target, &key, Some(json!({"messages": 1}))).await;
        assert_eq!(spent.status, 201, "{spent}");
        let shown = world.read(&world.reader, &ledger, &spent).await.json();
        assert_eq!((&shown["available"], &shown["version"]), (&json!(2), &json!(3)));
    }
}

#[tokio::test]
async fn history_and_journal_are_paged() {
    let world = World::new().await;
    let ledger = format!("/v1/ledgers/{}", world.ledger().await);
    let bought = world.post(&world.operator, &format!("{ledger}/grants"), purchase(10)).await;
    let first = world.read(&world.reader, &format!("{ledger}/history?limit=2"), &bought).await;
    let cursor = first.json()["next_cursor"].as_str().unwrap().to_owned();
    let kinds = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap();
        items.iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(kinds(&first.json()), ["granted", "granted"]);
    let rest = world.get(&world.reader, &format!("{ledger}/history?cursor={cursor}")).await;
    assert_eq!(kinds(&rest.json()), ["opened"]);
    assert_eq!(rest.json()["next_cursor"], Value::Null);

    let entries = world.get(&world.reader, &format!("{ledger}/entries")).await.json();
    let entries = entries["items"].as_array().unwrap();
    assert_eq!(entries.len(), 6, "{entries:?}");
    for unit in ["CR", "RUB"] {
        let of_unit = entries.iter().filter(|entry| entry["unit"] == unit);
        let sum: i64 = of_unit.map(|entry| entry["amount"].as_i64().unwrap()).sum();
        assert_eq!(sum, 0, "{unit}");
    }
    let wrong = world.get(&world.reader, &format!("{ledger}/entries?cursor={cursor}")).await;
    assert_eq!(wrong.code(), "parameter_invalid");
}

#[tokio::test]
async fn another_tenants_ledger_is_not_found_and_readers_book_nothing() {
    let world = World::new().await;
    let ledger = format!("/v1/ledgers/{}", world.ledger().await);
    for part in ["", "/history", "/entries"] {
        let hidden = world.get(&world.stranger, &format!("{ledger}{part}?min_position=1")).await;
        assert_eq!((hidden.status.as_u16(), hidden.code()), (404, "ledger_unknown".to_owned()));
    }
    let gift = json!({"source": "gift", "credits": 5});
    let hidden = world.post(&world.stranger, &format!("{ledger}/grants"), gift.clone()).await;
    assert_eq!((hidden.status.as_u16(), hidden.code()), (404, "ledger_unknown".to_owned()));
    let refused = world.post(&world.reader, &format!("{ledger}/grants"), gift).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "role_insufficient".to_owned()));
    let account = json!({"account_id": world.account().await});
    let elsewhere = world.post(&world.stranger, "/v1/ledgers", account).await;
    assert_eq!((elsewhere.status.as_u16(), elsewhere.code()), (400, "body_invalid".to_owned()));
}

#[tokio::test]
async fn what_was_spent_held_or_bought_comes_back() {
    let world = World::new().await;
    let ledger = format!("/v1/ledgers/{}", world.ledger().await);
    let grant_id = uuid::Uuid::now_v7();
    let mut bought = purchase(10);
    bought["grant_id"] = json!(grant_id);
    let (spend, hold) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    for (path, body, available) in [
        ("/grants".to_owned(), bought, 13),
        ("/spends".to_owned(), json!({"spend_id": spend, "messages": 5}), 8),
        ("/reversals".to_owned(), json!({"spend_id": spend, "reason": "not_delivered"}), 13),
        ("/holds".to_owned(), json!({"hold_id": hold, "messages": 2}), 11),
        (format!("/holds/{hold}/capture"), json!({"credits": 1}), 12),
        ("/refunds".to_owned(), json!({"grant_id": grant_id, "reason": "customer_asked"}), 2),
        ("/passes".to_owned(), json!({"period": "day"}), 2),
        ("/spends".to_owned(), json!({"messages": 9}), 2),
    ] {
        let answer = world.post(&world.operator, &format!("{ledger}{path}"), body).await;
        assert!(answer.status.is_success(), "{path}: {answer}");
        let shown = world.read(&world.reader, &ledger, &answer).await.json();
        assert_eq!(shown["available"], available, "{path}");
    }
    let target = ("POST", format!("{ledger}/tutorial-bonus"));
    let target = (target.0, target.1.as_str());
    let rewarded = world.send(&world.operator, target, &[], None).await;
    assert_eq!(rewarded.status, 201, "{rewarded}");
    let twice = world.send(&world.operator, target, &[], None).await;
    assert_eq!(twice.status, 200, "{twice}");
}

#[tokio::test]
async fn rules_for_credits_are_the_tenants_and_out_of_range_they_are_refused() {
    let world = World::new().await;
    let account = json!({"account_id": world.account().await});
    let off = world.post(&world.operator, "/v1/ledgers", account).await;
    assert_eq!((off.status.as_u16(), off.code()), (422, "credits_off".to_owned()));
    let rules = json!({"credit_rules": {
        "enabled": true, "message_cost": 2, "welcome_credits": 9, "debt": "owe",
    }});
    let changed = world.patch(&world.operator, "/v1/tenants/moscow", rules).await;
    assert_eq!(changed.status, 200, "{changed}");
    let shown = world.read(&world.reader, "/v1/tenants/moscow", &changed).await.json();
    assert_eq!(shown["credit_rules"]["message_cost"], 2);
    assert_eq!(shown["credit_rules"]["tutorial_credits"], 2);
    let ledger = format!("/v1/ledgers/{}", world.open_ledger().await);
    let spends = format!("{ledger}/spends");
    let spent = world.post(&world.operator, &spends, json!({"messages": 4})).await;
    assert_eq!(world.read(&world.reader, &ledger, &spent).await.json()["available"], 1);

    let rules = json!({"credit_rules": {"message_cost": -1}});
    let refused = world.patch(&world.operator, "/v1/tenants/moscow", rules).await;
    let expected = (422, "credit_rule_out_of_range".to_owned());
    assert_eq!((refused.status.as_u16(), refused.code()), expected);
    let rules = json!({"credit_rules": {"cost": 1}});
    let unreadable = world.patch(&world.operator, "/v1/tenants/moscow", rules).await;
    assert_eq!(unreadable.code(), "body_invalid");
}
