use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::World;

fn pack() -> Value {
    json!({
        "name": {"ru": "25 сообщений", "en": "25 messages"}, "gives": {"credits": 25},
        "kind": "digital", "ordinal": 20,
        "prices": [
            {"amount_minor": 250, "currency": "XTR"}, {"amount_minor": 49_900, "currency": "RUB"},
        ],
    })
}

/// Switches credits of `moscow` on.
async fn credits_on(world: &World) {
    let rules = json!({"credit_rules": {"enabled": true}});
    let changed = world.patch(&world.operator, "/v1/tenants/moscow", rules).await;
    assert_eq!(changed.status, 200, "{changed}");
}

#[tokio::test]
async fn a_product_is_made_priced_sold_and_retired() {
    let world = World::new().await;
    credits_on(&world).await;
    let made = world.post(&world.operator, "/v1/products", pack()).await;
    assert_eq!(made.status, 201, "{made}");
    let address = format!("/v1/products/{}", made.id());
    assert_eq!(made.header("location"), address);
    let shown = world.read(&world.reader, &address, &made).await;
    assert_snapshot!(shown, @r#"
    200 OK
    etag: "1"
    {
      "active": false,
      "created_at": "[instant]",
      "gives": {
        "credits": 25
      },
      "id": "[uuid]",
      "kind": "digital",
      "name": {
        "en": "25 messages",
        "ru": "25 сообщений"
      },
      "ordinal": 20,
      "prices": [
        {
          "amount_minor": 49900,
          "currency": "RUB"
        },
        {
          "amount_minor": 250,
          "currency": "XTR"
        }
      ],
      "version": 1
    }
    "#);
    for (action, active, version) in [("activate", true, 2), ("deactivate", false, 3)] {
        let path = format!("{address}/{action}");
        let target = ("POST", path.as_str());
        let done = world.send(&world.operator, target, &[], None).await;
        assert_eq!(done.status, 200, "{done}");
        let shown = world.read(&world.reader, &address, &done).await.json();
        assert_eq!((&shown["active"], &shown["version"]), (&json!(active), &json!(version)));
        let again = world.send(&world.operator, target, &[], None).await;
        assert_eq!((again.status.as_u16(), &again.json()["version"]), (200, &json!(version)));
    }
    let week =
        json!({"gives": {"pass": "week"}, "prices": [{"amount_minor": 1, "currency": "XTR"}]});
    let changed = world.patch(&world.operator, &address, week).await;
    let shown = world.read(&world.reader, &address, &changed).await.json();
    assert_eq!((&shown["gives"], &shown["ordinal"]), (&json!({"pass": "week"}), &json!(20)));
    assert_eq!(shown["prices"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn lists_are_paged_and_narrowed() {
    let world = World::new().await;
    credits_on(&world).await;
    let first = world.post(&world.operator, "/v1/products", pack()).await.id();
    for _ in 0..2 {
        world.post(&world.operator, "/v1/products", pack()).await;
    }
    let path = format!("/v1/products/{first}/activate");
    let last = world.send(&world.operator, ("POST", &path), &[], None).await;
    let page = world.read(&world.reader, "/v1/products?limit=2", &last).await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = world.get(&world.reader, &format!("/v1/products?cursor={cursor}")).await.json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    for (query, count) in [("active=true", 1), ("active=false", 2)] {
        let page = world.get(&world.reader, &format!("/v1/products?{query}")).await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{query}");
    }
    let wrong = world.get(&world.reader, "/v1/products?active=да").await;
    assert_eq!(wrong.code(), "parameter_invalid");
    let other = world.get(&world.stranger, "/v1/products").await.json();
    assert_eq!(other["items"], json!([]));
}

#[tokio::test]
async fn the_same_request_again_makes_one_product() {
    let world = World::new().await;
    let key = [("idempotency-key", "pack-25")];
    let mut ids = Vec::new();
    for _ in 0..2 {
        let made = world.send(&world.operator, ("POST", "/v1/products"), &key, Some(pack())).await;
        assert_eq!(made.status, 201, "{made}");
        ids.push(made.id());
    }
    assert_eq!(ids[0], ids[1]);
    let mut other = pack();
    other["ordinal"] = json!(1);
    let reused =
        world.send(&world.operator, ("POST", "/v1/products"), &key, Some(other.clone())).await;
    assert_eq!(reused.code(), "idempotency_key_reused");
    other["id"] = json!(ids[0]);
    let taken = world.post(&world.operator, "/v1/products", other).await;
    assert_eq!((taken.status.as_u16(), taken.code()), (422, "product_exists".to_owned()));
    let stale = [("if-match", "\"7\"")];
    let target = format!("/v1/products/{}", ids[0]);
    let body = Some(json!({"ordinal": 3}));
    let stale = world.send(&world.operator, ("PATCH", &target), &stale, body).await;
    assert_eq!((stale.status.as_u16(), stale.code()), (412, "version_conflict".to_owned()));
}

#[tokio::test]
async fn a_price_quantity_or_currency_out_of_range_is_refused_by_its_field() {
    let world = World::new().await;
    let price =
        |amount: Value, currency: &str| json!([{"amount_minor": amount, "currency": currency}]);
    for (field, value, named) in [
        ("prices", price(json!(0), "XTR"), "prices.0.amount_minor"),
        ("prices", price(json!(-5), "RUB"), "prices.0.amount_minor"),
        ("prices", price(json!(i64::MAX), "RUB"), "prices.0.amount_minor"),
        ("gives", json!({"credits": 0}), "gives.credits"),
        ("gives", json!({"credits": 1_000_001}), "gives.credits"),
        ("ordinal", json!(10_000), "ordinal"),
        ("name", json!({"ru": "", "en": "x"}), "name.ru"),
        ("name", json!({"ru": "Ё".repeat(65), "en": "x"}), "name.ru"),
    ] {
        let mut body = pack();
        body[field] = value;
        let refused = world.post(&world.operator, "/v1/products", body).await;
        assert_eq!(refused.status, 422, "{named}: {refused}");
        assert_eq!(refused.json()["details"]["field"], named);
    }
    for (field, value, pointer) in [
        ("prices", price(json!(5), "DOGE"), "/prices/0/currency"),
        ("prices", price(json!(5), "руб"), "/prices/0/currency"),
        ("prices", price(json!(5.5), "RUB"), "/prices/0/amount_minor"),
        ("prices", price(json!("5"), "RUB"), "/prices/0/amount_minor"),
        ("gives", json!({"credits": "many"}), "/gives"),
        ("gives", json!({"pass": "year"}), "/gives"),
        ("kind", json!("ethereal"), "/kind"),
        ("name", json!("25"), "/name"),
    ] {
        let mut body = pack();
        body[field] = value;
        let unreadable = world.post(&world.operator, "/v1/products", body).await;
        assert_eq!(unreadable.code(), "body_invalid", "{pointer}: {unreadable}");
        let named = unreadable.json()["errors"][0]["pointer"].as_str().unwrap().to_owned();
        assert!(named.starts_with(pointer), "{pointer}: {named}");
    }
    let made = world.post(&world.operator, "/v1/products", pack()).await;
    let address = format!("/v1/products/{}", made.id());
    let nothing = world.patch(&world.operator, &address, json!({})).await;
    assert_eq!(nothing.code(), "body_invalid");
}

#[tokio::test]
async fn only_what_can_be_paid_for_and_delivered_is_put_on_sale() {
    let world = World::new().await;
    let mut in_roubles = pack();
    in_roubles["prices"] = json!([{"amount_minor": 49_900, "currency": "RUB"}]);
    let made = world.post(&world.operator, "/v1/products", in_roubles).await;
    let address = format!("/v1/products/{}", made.id());
    let activate = format!("{address}/activate");
    let target = ("POST", activate.as_str());
    assert_snapshot!(world.send(&world.operator, target, &[], None).await, @r#"
    422 Unprocessable Entity
    {
      "code": "stars_price_missing",
      "detail": "a digital product is sold for Telegram Stars in the chat; give it a price in `XTR` while it is on sale",
      "request_id": "[uuid]",
      "status": 422,
      "title": "Stars price missing",
      "type": "/problems/stars_price_missing"
    }
    "#);
    let real = json!({"kind": "real_world"});
    assert_eq!(world.patch(&world.operator, &address, real).await.status, 200);
    let off = world.send(&world.operator, target, &[], None).await;
    assert_eq!((off.status.as_u16(), off.code()), (422, "credits_off".to_owned()));
    let stars = json!({"prices": [{"amount_minor": 1, "currency": "XTR"}]});
    let refused = world.patch(&world.operator, &address, stars).await;
    assert_eq!(refused.code(), "stars_for_real_world");
    credits_on(&world).await;
    assert_eq!(world.send(&world.operator, target, &[], None).await.status, 200);
    let free = world.patch(&world.operator, &address, json!({"prices": []})).await;
    assert_eq!(free.code(), "money_price_missing");
}

#[tokio::test]
async fn another_tenants_product_is_not_found_and_readers_change_nothing() {
    let world = World::new().await;
    let made = world.post(&world.operator, "/v1/products", pack()).await;
    let address = format!("/v1/products/{}", made.id());
    let absent = "/v1/products/0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d".to_owned();
    world.read(&world.reader, &address, &made).await;
    for (key, address) in [(&world.stranger, &address), (&world.operator, &absent)] {
        let hidden = world.get(key, address).await;
        assert_eq!((hidden.status.as_u16(), hidden.code()), (404, "product_unknown".to_owned()));
        let hidden = world.patch(key, address, json!({"ordinal": 1})).await;
        assert_eq!((hidden.status.as_u16(), hidden.code()), (404, "product_unknown".to_owned()));
        for action in ["activate", "deactivate"] {
            let path = format!("{address}/{action}");
            let hidden = world.send(key, ("POST", &path), &[], None).await;
            assert_eq!(
                (hidden.status.as_u16(), hidden.code()),
                (404, "product_unknown".to_owned())
            );
        }
    }
    let refused = world.post(&world.reader, "/v1/products", pack()).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "role_insufficient".to_owned()));
    let refused = world.patch(&world.reader, &address, json!({"ordinal": 1})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "role_insufficient".to_owned()));
    assert_eq!(world.get(&world.operator, "/v1/products/25").await.code(), "path_malformed");
}
