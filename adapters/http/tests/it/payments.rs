use kontor_commands::{Envelope, Outcome, Sent, clock};
use kontor_domain::Actor;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::World;

/// What the chat and Telegram do to a payment of `moscow`.
async fn kontor(world: &World, id: Uuid, command: Value) {
    let tenant = "moscow".parse().unwrap();
    let actor = Actor::System { name: "telegram_stars".to_owned() };
    let address = (tenant, "payment", id);
    let envelope = Envelope::new(Uuid::now_v7(), address, command, actor, clock::now());
    let sent = world.sender.send(envelope, std::time::Duration::from_secs(60)).await.unwrap();
    assert!(matches!(&sent, Sent::Done { outcome: Outcome::Accepted(_), .. }), "{sent:?}");
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
