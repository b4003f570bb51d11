//! Notifications that are not what they say: nothing changes, and all of it is recorded.

use kontor_domain::payment::Standing;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::around::until;
use crate::world::{World, settings};

fn order(metadata: Value) -> Value {
    json!({
        "amount": { "value": "229.00", "currency": "RUB" }, "capture": true,
        "confirmation": { "type": "redirect", "return_url": "https://example.ru" },
        "metadata": metadata,
    })
}

#[tokio::test]
async fn a_notification_from_elsewhere_is_forbidden_and_recorded() {
    let world = World::new(settings()).await;
    let page = world.page().await;
    world.weather("drop_update", "*", 10).await;
    world.pay(&page.charge, &[("card", "0")]).await;
    let object = json!({ "id": page.charge, "status": "succeeded" });
    let body = json!({ "event": "payment.succeeded", "object": object }).to_string();
    for address in ["203.0.113.7", "0.0.0.0", "::1", "10.0.0.1"] {
        assert_eq!(world.notify_from(address, &body).await.as_u16(), 403, "{address}");
    }
    assert_eq!(world.denied().await, vec!["address_not_allowed"; 4]);
    assert_eq!(world.payment(page.payment_id).await.standing, Standing::Intent);
    assert_eq!(world.count("inbox").await, 0);
    // The same from the right address is true, because it was asked for.
    assert_eq!(world.notify_from("::ffff:127.0.0.1", &body).await.as_u16(), 200);
    world.until_standing(page.payment_id, Standing::Succeeded).await;
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused() {
    let world = World::new(settings()).await;
    let huge = format!("{{\"event\": \"{}\"}}", "x".repeat(300 * 1024));
    for (body, status) in [
        ("", 400),
        ("платёж прошёл", 400),
        ("[]", 400),
        (r#"{"event": "payment.succeeded"}"#, 400),
        (r#"{"event": "payment.succeeded", "object": {"id": ""}}"#, 400),
        (r#"{"event": "payment.succeeded", "object": {"id": "../refunds"}}"#, 400),
        (r#"{"event": "Оплата", "object": {"id": "1"}}"#, 400),
        (huge.as_str(), 413),
    ] {
        let found = world.notify_from("127.0.0.1", body).await.as_u16();
        assert_eq!(found, status, "{body:.60}");
    }
    assert_eq!(world.count("inbox").await, 0);
}

#[tokio::test]
async fn what_yookassa_does_not_confirm_changes_nothing_and_is_recorded() {
    let world = World::new(settings()).await;
    let page = world.page().await;
    let foreign = world.in_cabinet(true, "payments", order(json!({}))).await;
    let stray = world.in_cabinet(false, "payments", order(json!({ "order": "7" }))).await;
    let stolen = order(json!({ "payment_id": Uuid::now_v7() }));
    let stolen = world.in_cabinet(false, "payments", stolen).await;
    world.weather("drop_update", "*", 10).await;
    world.pay(&stolen, &[("card", "0")]).await;
    for (event, id, reason) in [
        // It is still waiting for its customer.
        ("payment.succeeded", page.charge.as_str(), "status_differs"),
        ("payment.canceled", page.charge.as_str(), "status_differs"),
        ("payment.succeeded", "no-such-payment", "object_unknown"),
        ("refund.succeeded", "no-such-refund", "object_unknown"),
        ("payment.succeeded", foreign.as_str(), "object_unknown"),
        ("payment.waiting_for_capture", stray.as_str(), "object_not_of_kontor"),
        // A payment that this account never sold.
        ("payment.succeeded", stolen.as_str(), "payment_not_here"),
    ] {
        let before = world.denied().await.len();
        assert_eq!(world.notify(event, id).await.as_u16(), 200);
        let denied = until("the notification is worked on", || async {
            Some(world.denied().await).filter(|denied| denied.len() > before)
        })
        .await;
        assert_eq!(denied.last().map(String::as_str), Some(reason), "{event} {id}");
    }
    // What is of no interest is taken and forgotten.
    assert_eq!(world.notify("payout.succeeded", "1").await.as_u16(), 200);
    world.settled().await;
    assert_eq!(world.payment(page.payment_id).await.standing, Standing::Intent);
    assert_eq!((world.grants().await, world.denied().await.len()), (0, 7));
}

#[tokio::test]
async fn money_that_was_reserved_for_something_else_is_not_taken() {
    let world = World::new(settings()).await;
    let page = world.page().await;
    let mut reserved = Vec::new();
    // A payment that nobody here has begun, and one that has a page of its own.
    for payment_id in [Uuid::now_v7(), page.payment_id] {
        let mut body = order(json!({ "payment_id": payment_id }));
        body["capture"] = json!(false);
        let charge = world.in_cabinet(false, "payments", body).await;
        world.weather("drop_update", "payment.waiting_for_capture", 1).await;
        world.pay(&charge, &[("card", "0")]).await;
        reserved.push(charge);
    }
    for (place, charge) in reserved.iter().enumerate() {
        assert_eq!(world.notify("payment.waiting_for_capture", charge).await.as_u16(), 200);
        until("the notification is turned away", || async {
            (world.denied().await.len() == place + 1).then_some(())
        })
        .await;
    }
    assert_eq!(world.denied().await, vec!["payment_not_here"; 2]);
    let state = world.state().await;
    let all = state["payments"].as_array().unwrap();
    for charge in &reserved {
        let found = all.iter().find(|it| it["id"] == charge.as_str()).unwrap();
        assert_eq!(found["status"], "waiting_for_capture");
    }
}
