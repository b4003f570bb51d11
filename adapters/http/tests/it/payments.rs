use axum::http::StatusCode;
use kontor_commands::{Envelope, Outcome, Sent, clock};
use kontor_domain::Actor;
use kontor_http::keys::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    operations::{ORIGIN, form, page, session},
    support::{World, key},
};

/// What the chat and providers do to a payment of `moscow`; the position of its last event.
async fn kontor(world: &World, id: Uuid, command: Value) -> Option<i64> {
    let tenant = "moscow".parse().unwrap();
    let actor = Actor::System { name: "telegram_stars".to_owned() };
    let address = (tenant, "payment", id);
    let envelope = Envelope::new(Uuid::now_v7(), address, command, actor, clock::now());
    let sent = world.sender.send(envelope, std::time::Duration::from_secs(60)).await.unwrap();
    let Sent::Done { outcome: Outcome::Accepted(accepted), .. } = sent else { panic!("{sent:?}") };
    accepted.last_position
}

async fn begun(world: &World, account: &str) -> Uuid {
    let id = Uuid::now_v7();
    let begin = json!({
        "type": "begin", "account_id": account, "price": {"amount_minor": 250, "currency": "XTR"},
        "product": {"product_id": Uuid::nil(), "version": 1, "gives": {"credits": 25}},
        "provider": "telegram_stars", "channel": "telegram/shop",
        "expires_at": clock::now() + chrono::Duration::days(1),
    });
    kontor(world, id, begin).await;
    id
}

async fn paid(world: &World, id: Uuid) {
    let amount = json!({"amount_minor": 250, "currency": "XTR"});
    let paid = json!({"type": "record_success", "provider_ref": "stx-1", "amount": amount});
    kontor(world, id, paid).await;
}

#[tokio::test]
async fn a_payment_is_shown_and_a_refund_is_asked_for_once() {
    let world = World::new().await;
    world.ledger().await;
    let account = world.account().await;
    let id = begun(&world, &account).await;
    let refunds = format!("/v1/payments/{id}/refunds");
    let wish = json!({"reason": "customer_asked"});
    let early = world.post(&world.operator, &refunds, wish.clone()).await;
    assert_eq!((early.status.as_u16(), early.code()), (422, "not_paid".to_owned()));
    paid(&world, id).await;
    let key = [("idempotency-key", "refund-1")];
    let target = ("POST", refunds.as_str());
    let asked = world.send(&world.operator, target, &key, Some(wish.clone())).await;
    assert_eq!(asked.status, 201, "{asked}");
    assert_eq!(asked.header("location"), format!("/v1/payments/{id}"));
    let again = world.send(&world.operator, target, &key, Some(wish.clone())).await;
    assert_eq!(again.status, 201, "{again}");
    let other = world.post(&world.operator, &refunds, wish).await;
    assert_eq!((other.status.as_u16(), other.code()), (422, "refund_under_way".to_owned()));

    let shown = world.read(&world.reader, &format!("/v1/payments/{id}"), &asked).await.json();
    assert_eq!(
        (&shown["standing"], &shown["provider_ref"]),
        (&json!("succeeded"), &json!("stx-1"))
    );
    assert_eq!(shown["product"]["gives"], json!({"credits": 25}));
    assert_eq!(shown["refunds"].as_array().unwrap().len(), 1);
    assert_eq!(shown["refunds"][0]["standing"], "requested");
    let listed = world.read(&world.reader, "/v1/payments?limit=1", &asked).await.json();
    assert_eq!(listed["items"][0]["id"], json!(id));
    let address = format!("/v1/payments?account_id={}", Uuid::nil());
    assert_eq!(world.read(&world.reader, &address, &asked).await.json()["items"], json!([]));
}

#[tokio::test]
async fn another_tenants_payment_is_not_found_and_wrong_wishes_are_named() {
    let world = World::new().await;
    world.ledger().await;
    let account = world.account().await;
    let id = begun(&world, &account).await;
    paid(&world, id).await;
    let (payment, refunds) = (format!("/v1/payments/{id}"), format!("/v1/payments/{id}/refunds"));
    let wish = json!({"reason": "customer_asked"});
    let hidden = world.get(&world.stranger, &payment).await;
    assert_eq!((hidden.status.as_u16(), hidden.code()), (404, "payment_unknown".to_owned()));
    let hidden = world.post(&world.stranger, &refunds, wish.clone()).await;
    assert_eq!((hidden.status.as_u16(), hidden.code()), (404, "payment_unknown".to_owned()));
    let refused = world.post(&world.reader, &refunds, wish).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "role_insufficient".to_owned()));
    for wrong in [json!({}), json!({"reason": "потому что"}), json!({"reason": "fraud", "all": 1})]
    {
        let answer = world.post(&world.operator, &refunds, wrong.clone()).await;
        assert!([400, 422].contains(&answer.status.as_u16()), "{wrong}: {answer}");
    }
    let answer = world.get(&world.reader, "/v1/payments?account_id=anna").await;
    assert_eq!(answer.status, 400, "{answer}");
}

/// 25 credits for 9.99 USD by card, paid.
async fn paid_by_card(world: &World) -> Uuid {
    let (id, account) = (Uuid::now_v7(), world.account().await);
    let amount = json!({"amount_minor": 999, "currency": "USD"});
    let begin = json!({
        "type": "begin", "account_id": account, "price": amount,
        "product": {"product_id": Uuid::nil(), "version": 1, "gives": {"credits": 25}},
        "provider": "stripe", "channel": "stripe/shop",
        "expires_at": clock::now() + chrono::Duration::days(1),
    });
    kontor(world, id, begin).await;
    let paid = json!({"type": "record_success", "provider_ref": "pi_1", "amount": amount});
    let position = kontor(world, id, paid).await.unwrap();
    let shown = format!("/v1/payments/{id}?min_position={position}");
    assert_eq!(world.get(&world.reader, &shown).await.status, 200);
    id
}

#[tokio::test]
async fn a_part_is_asked_back_by_amount_or_by_credits() {
    let world = World::new().await;
    world.ledger().await;
    let id = paid_by_card(&world).await;
    let refunds = format!("/v1/payments/{id}/refunds");
    let usd = |minor: i64| json!({"amount_minor": minor, "currency": "USD"});
    for (wrong, code) in [
        (json!({"reason": "goodwill", "amount": usd(1), "credits": 1}), "amount_and_credits"),
        (json!({"reason": "goodwill", "amount": usd(1000)}), "out_of_range"),
        (json!({"reason": "goodwill", "credits": 26}), "out_of_range"),
    ] {
        let refused = world.post(&world.operator, &refunds, wrong).await;
        assert_eq!((refused.status.as_u16(), refused.code()), (422, code.to_owned()));
    }
    let wish = json!({"reason": "goodwill", "credits": 10});
    assert_eq!(world.post(&world.operator, &refunds, wish).await.status, 201);
    let wish = json!({"reason": "goodwill", "amount": usd(99)});
    let asked = world.post(&world.operator, &refunds, wish).await;
    let shown = world.read(&world.reader, &format!("/v1/payments/{id}"), &asked).await.json();
    assert_eq!(
        (&shown["refunds"][0]["amount"], &shown["refunds"][0]["part"]),
        (&usd(400), &json!({"credits": 10, "is_last": false}))
    );
    assert_eq!(shown["refunds"][1]["part"], json!({"is_last": false}));

    // Stars go back as a whole.
    let account = world.account().await;
    let stars = begun(&world, &account).await;
    paid(&world, stars).await;
    let wish = json!({"reason": "goodwill", "credits": 10});
    let refused = world.post(&world.operator, &format!("/v1/payments/{stars}/refunds"), wish).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (422, "part_impossible".to_owned()));
}

#[tokio::test]
async fn operators_pay_back_on_the_page_and_accountants_look() {
    let world = World::new().await;
    world.ledger().await;
    let id = paid_by_card(&world).await;
    let address = format!("/admin/payments/{id}");
    let desk = session(&world, &world.operator).await;
    let listed = page(&world, &desk, "/admin/payments").await;
    assert!(listed.text.contains("25 credits") && listed.text.contains("9.99 USD"), "{listed}");
    let shown = page(&world, &desk, &address).await.text;
    assert!(shown.contains("9.99 USD can still go back"), "{shown}");

    // Each page has a number of its own, which goes with its form.
    let send = |once: u128, body: &str| {
        let body = format!("once={}&reason=goodwill&{body}", Uuid::from_u128(once));
        let (address, desk, world) = (format!("{address}/refunds"), &desk, &world);
        async move { form(world, &address, (desk, ORIGIN), body).await }
    };
    let refused = send(1, "amount=4,999").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("at most 2 decimals") && refused.text.contains("4,999"));
    let refused = send(2, "amount=40").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("`amount` must be from 1 to 999"), "{refused}");
    // Twice, as by a button that is pressed again.
    for _ in 0..2 {
        let asked = send(3, "credits=10").await;
        assert_eq!(asked.status, StatusCode::SEE_OTHER, "{asked}");
        assert_eq!(asked.header("location"), format!("{address}?done=refund"));
    }
    let shown = page(&world, &desk, &format!("{address}?done=refund")).await.text;
    assert!(shown.contains("the price of 10 credits") && shown.contains("asked for"), "{shown}");
    assert!(shown.contains("5.99 USD can still go back"), "{shown}");

    let accountant = key(&world.pool, Some("moscow"), Role::Accountant).await;
    let books = session(&world, &accountant).await;
    let shown = page(&world, &books, &address).await;
    assert!(shown.text.contains("the price of 10 credits") && !shown.text.contains("Pay back"));
    let body = "reason=goodwill".to_owned();
    let refused = form(&world, &format!("{address}/refunds"), (&books, ORIGIN), body).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(world.denied().await, ["role_insufficient"]);
    let stranger = session(&world, &world.stranger).await;
    assert_eq!(page(&world, &stranger, &address).await.status, StatusCode::NOT_FOUND);
}
