//! Notifications that are turned away: recorded, and nothing changed.

use hmac::{Hmac, KeyInit, Mac};
use kontor_commands::clock;
use kontor_domain::payment::Standing;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::world::{World, secret, until};

impl World {
    /// Posts a notification to an account's door, signed with a secret at a distance from now.
    async fn notify(&self, account: &str, (secret, seconds): (&str, i64), body: &str) -> u16 {
        let at = clock::now().timestamp() + seconds;
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{at}.{body}").as_bytes());
        let signature = format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()));
        let url = format!("{}/webhooks/stripe/{account}", self.door);
        let call = self.client.post(url).header("Stripe-Signature", signature);
        call.body(body.to_owned()).send().await.unwrap().status().as_u16()
    }

    async fn until_denied(&self, reason: &str) {
        until(&format!("{reason} is recorded"), || async {
            self.denied().await.contains_key(reason).then_some(())
        })
        .await;
    }
}

fn event(id: &str, kind: &str, object: Value) -> String {
    json!({"id": id, "object": "event", "type": kind, "created": 1, "data": {"object": object}})
        .to_string()
}

#[tokio::test]
async fn wrong_stale_and_future_signatures_are_refused_and_recorded() {
    let world = World::open().await;
    let payment_id = world.begin().await;
    let page = world.page(payment_id).await.provider_ref.unwrap();
    let body =
        event("evt_1", "checkout.session.completed", json!({"id": page, "payment_status": "paid"}));
    let right = secret("shop");
    for (signed, account, reason, status) in [
        (("whsec_of_nobody_at_all", 0), "shop", "signature_wrong", 400),
        ((right.as_str(), -301), "shop", "signature_stale", 400),
        ((right.as_str(), 310), "shop", "signature_future", 400),
        ((right.as_str(), 0), "other", "signature_wrong", 400),
        ((right.as_str(), 0), "nobody", "account_unknown", 404),
    ] {
        assert_eq!(world.notify(account, signed, &body).await, status, "{reason}");
        assert!(world.denied().await.contains_key(reason), "{reason}");
    }
    let url = format!("{}/webhooks/stripe/shop", world.door);
    let unsigned = world.client.post(&url).body(body.clone()).send().await.unwrap();
    assert_eq!(unsigned.status(), 400);
    for nonsense in ["", "не JSON", "[]", "{}", r#"{"id":"evt_1","type":"x"}"#] {
        assert_eq!(world.notify("shop", (&right, 0), nonsense).await, 400, "{nonsense}");
    }
    let huge = world.client.post(&url).body("x".repeat(300 * 1024)).send().await.unwrap();
    assert_eq!(huge.status(), 413);
    let stored: i64 =
        sqlx::query_scalar("select count(*) from inbox").fetch_one(&world.pool).await.unwrap();
    assert_eq!(stored, 0, "nothing that is refused is stored");
    let denied = world.denied().await;
    assert_eq!((denied["signature_missing"], denied["notification_unreadable"]), (1, 5));
    assert_eq!(world.events(payment_id).await, ["payment.begun"]);
}

#[tokio::test]
async fn what_stripe_does_not_confirm_changes_nothing() {
    let world = World::open().await;
    let payment_id = world.begin().await;
    let row = world.page(payment_id).await;
    let page = row.provider_ref.unwrap();
    let intent = world.objects("intents").await[0]["id"].as_str().unwrap().to_owned();
    let (shop, other, twin) = (secret("shop"), secret("other"), secret("twin"));
    let paid = json!({"id": page, "payment_status": "paid", "status": "complete"});
    let lie = event("evt_lie", "checkout.session.completed", paid);
    assert_eq!(world.notify("shop", (&shop, 0), &lie).await, 200, "it is signed");
    world.until_denied("status_differs").await;
    let succeeded = json!({"id": intent, "status": "succeeded"});
    let lie = event("evt_lie_2", "payment_intent.succeeded", succeeded);
    world.notify("shop", (&shop, 0), &lie).await;
    let unknown = event("evt_unknown", "payment_intent.succeeded", json!({"id": "pi_unknown"}));
    world.notify("shop", (&shop, 0), &unknown).await;
    world.until_denied("object_unknown").await;
    let path = event("evt_path", "payment_intent.succeeded", json!({"id": "../v1/refunds?x="}));
    assert_eq!(world.notify("shop", (&shop, 0), &path).await, 400);
    assert_eq!(world.events(payment_id).await, ["payment.begun"], "nothing changed");

    // The same charge, paid by now, through the doors of another tenant.
    let card = crate::world::PAID;
    world.pay(payment_id, card).await;
    world.until_standing(payment_id, Standing::Succeeded).await;
    let events = world.events(payment_id).await;
    let foreign = event("evt_foreign", "payment_intent.succeeded", json!({"id": intent}));
    assert_eq!(world.notify("other", (&other, 0), &foreign).await, 200);
    assert_eq!(world.notify("twin", (&twin, 0), &foreign).await, 200);
    world.until_denied("payment_not_here").await;
    until("both are recorded", || async {
        (world.denied().await["object_unknown"] == 2).then_some(())
    })
    .await;
    // Types that nobody asked for are taken and have no effect.
    let idle = event("evt_idle", "customer.created", json!({"id": "cus_1"}));
    assert_eq!(world.notify("shop", (&shop, 0), &idle).await, 200);
    world.settled().await;
    assert_eq!(world.events(payment_id).await, events);
    assert_eq!(world.denied().await["status_differs"], 2);
}
