use kontor_commands::{Envelope, Outcome, Sent, clock};
use kontor_domain::{Actor, billing::billing_id};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::World;

/// What the chat and the provider do to a customer's billing of `moscow`; how far the log is then.
async fn kontor(world: &World, actor: Actor, account: Uuid, command: Value) {
    let address = ("moscow".parse().unwrap(), "billing", billing_id(account));
    let envelope = Envelope::new(Uuid::now_v7(), address, command, actor, clock::now());
    let sent = world.sender.send(envelope, std::time::Duration::from_secs(60)).await.unwrap();
    assert!(matches!(&sent, Sent::Done { outcome: Outcome::Accepted(_), .. }), "{sent:?}");
}

/// A customer who keeps a card and has agreed.
async fn agreed(world: &World) -> Uuid {
    world.ledger().await;
    let account: Uuid = world.account().await.parse().unwrap();
    let save = json!({
        "type": "save_method", "account_id": account, "method_id": Uuid::from_u128(1),
        "provider": "stripe", "channel": "stripe/shop",
        "card": {"brand": "visa", "last4": "4242", "expiry_month": 12, "expiry_year": 2034},
    });
    kontor(world, Actor::System { name: "stripe".to_owned() }, account, save).await;
    let enable = json!({
        "type": "enable_recharge", "account_id": account, "credits_left": 20,
        "terms": {
            "threshold_credits": 5, "price": {"amount_minor": 499, "currency": "USD"},
            "product": {"product_id": Uuid::nil(), "version": 1, "gives": {"credits": 25}},
            "monthly_cap": {"amount_minor": 1497, "currency": "USD"},
            "provider": "stripe", "channel": "stripe/shop", "words": "Да", "language": "ru",
        },
    });
    kontor(world, Actor::Customer { account_id: account }, account, enable).await;
    account
}

#[tokio::test]
async fn the_staff_sees_what_was_agreed_to_and_can_end_it() {
    let world = World::new().await;
    let account = agreed(&world).await;
    let billing = format!("/v1/accounts/{account}/billing");
    let disable = format!("{billing}/auto-recharge/disable");
    let refused = world.post(&world.reader, &disable, json!({})).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "role_insufficient".to_owned()));
    let hidden = world.post(&world.stranger, &disable, json!({})).await;
    assert_eq!((hidden.status.as_u16(), hidden.code()), (404, "billing_unknown".to_owned()));
    let ended = world.post(&world.operator, &disable, json!({})).await;
    assert_eq!(ended.status, 200, "{ended}");
    let shown = world.read(&world.reader, &billing, &ended).await.json();
    assert_eq!((&shown["auto_recharge"], &shown["ended"]), (&json!(null), &json!("staff")));
    assert_eq!(
        (&shown["card"]["last4"], &shown["card"]["brand"]),
        (&json!("4242"), &json!("visa"))
    );
    let hidden = world.get(&world.stranger, &billing).await;
    assert_eq!((hidden.status.as_u16(), hidden.code()), (404, "billing_unknown".to_owned()));
    // Only the customer agrees: there is no route for it.
    let enable = format!("{billing}/auto-recharge/enable");
    assert_eq!(world.post(&world.operator, &enable, json!({})).await.status, 404);
}

#[tokio::test]
async fn what_holds_is_shown_with_its_words() {
    let world = World::new().await;
    let account = agreed(&world).await;
    let billing = format!("/v1/accounts/{account}/billing");
    // A change tells how far the log is, so that the read model is waited for.
    let account_path = format!("/v1/accounts/{account}");
    let renamed = json!({"display_name": "Анна Петрова"});
    let renamed = world.patch(&world.operator, &account_path, renamed).await;
    let shown = world.read(&world.reader, &billing, &renamed).await.json();
    let agreement = &shown["auto_recharge"];
    assert_eq!((&agreement["words"], &agreement["threshold_credits"]), (&json!("Да"), &json!(5)));
    let nobody = format!("/v1/accounts/{}/billing", Uuid::now_v7());
    assert_eq!(world.get(&world.reader, &nobody).await.status, 404);
}
