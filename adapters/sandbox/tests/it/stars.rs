//! Telegram Stars: an invoice, the question before the payment, the payment, the way back.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{OTHER_TOKEN, World, settings};

fn invoice() -> Value {
    json!({
        "chat_id": 1001, "title": "25 кредитов", "description": "На ваш счёт",
        "payload": "payment-1", "provider_token": "", "currency": "XTR",
        "prices": [{"label": "25 кредитов", "amount": 250}],
    })
}

/// Sends an invoice and presses its button; the query that the bot gets.
async fn pressed(world: &World) -> Value {
    let message = world.call("sendInvoice", invoice()).await.ok();
    assert_eq!(message["invoice"]["total_amount"], 250);
    assert_eq!(message["reply_markup"]["inline_keyboard"][0][0]["pay"], true);
    let press = json!({"message_id": message["message_id"], "row": 0, "column": 0});
    let id = world.act(1001, "press", press).await["callback_id"].clone();
    let updates = world.updates().await;
    let query = updates.last().unwrap()["pre_checkout_query"].clone();
    assert_eq!(query["id"], id);
    query
}

async fn pay(world: &World) -> Value {
    let query = pressed(world).await;
    let answer = json!({"pre_checkout_query_id": query["id"], "ok": true});
    world.call("answerPreCheckoutQuery", answer).await.ok();
    world.updates().await.last().unwrap()["message"]["successful_payment"].clone()
}

fn refund(charge: &Value) -> Value {
    json!({"user_id": 1001, "telegram_payment_charge_id": charge})
}

#[tokio::test]
async fn a_payment_is_asked_about_made_and_paid_back_once() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let query = pressed(&world).await;
    assert_eq!(query["invoice_payload"], "payment-1");
    assert_eq!((&query["currency"], &query["total_amount"]), (&json!("XTR"), &json!(250)));
    assert_eq!(query["from"]["id"], 1001);
    let answer = json!({"pre_checkout_query_id": query["id"], "ok": true});
    let other = world.call_as(OTHER_TOKEN, "answerPreCheckoutQuery", answer.clone()).await;
    assert_eq!(other.refused().0, 400, "another bot's question");
    let payment = pay(&world).await;
    assert_eq!(
        (&payment["total_amount"], &payment["invoice_payload"]),
        (&json!(250), &json!("payment-1"))
    );
    let charge = payment["telegram_payment_charge_id"].clone();

    let listed = world.call("getStarTransactions", json!({})).await.ok();
    assert_eq!(listed["transactions"][0]["id"], charge);
    assert_eq!(listed["transactions"][0]["source"]["user"]["id"], 1001);
    assert!(world.call("refundStarPayment", refund(&charge)).await.ok().as_bool().unwrap());
    let update = world.updates().await.last().unwrap().clone();
    assert_eq!(update["message"]["refunded_payment"]["telegram_payment_charge_id"], charge);
    let again = world.call("refundStarPayment", refund(&charge)).await.refused();
    assert_eq!(again, (400, "Bad Request: CHARGE_ALREADY_REFUNDED".to_owned()));
    let unknown = world.call("refundStarPayment", refund(&json!("nothing"))).await.refused();
    assert_eq!(unknown.1, "Bad Request: CHARGE_NOT_FOUND");
    let page = json!({"offset": 1, "limit": 1});
    let listed = world.call("getStarTransactions", page).await.ok();
    assert_eq!(listed["transactions"].as_array().unwrap().len(), 1);
    assert_eq!(listed["transactions"][0]["id"], charge);
    assert_eq!(listed["transactions"][0]["receiver"]["user"]["id"], 1001);
}

#[tokio::test]
async fn a_question_is_answered_once_and_a_no_moves_nothing() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let query = pressed(&world).await;
    let silent = json!({"pre_checkout_query_id": query["id"], "ok": false});
    assert_eq!(world.call("answerPreCheckoutQuery", silent).await.refused().0, 400);
    let no =
        json!({"pre_checkout_query_id": query["id"], "ok": false, "error_message": "Уже оплачено"});
    world.call("answerPreCheckoutQuery", no.clone()).await.ok();
    let again = world.call("answerPreCheckoutQuery", no).await.refused();
    assert!(again.1.contains("query is too old"), "{again:?}");
    let listed = world.call("getStarTransactions", json!({})).await.ok();
    assert_eq!(listed["transactions"], json!([]));
}

#[tokio::test]
async fn an_invoice_that_telegram_would_refuse_is_refused() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let long = "я".repeat(65);
    for (field, wrong) in [
        ("title", json!("")),
        ("title", json!("x".repeat(33))),
        ("description", json!("x".repeat(256))),
        ("payload", json!(long)),
        ("currency", json!("USD")),
        ("provider_token", json!("12:TEST")),
        ("prices", json!([])),
        ("prices", json!([{"label": "a", "amount": 1}, {"label": "b", "amount": 1}])),
        ("prices", json!([{"label": "a", "amount": 0}])),
    ] {
        let mut invoice = invoice();
        invoice[field] = wrong;
        assert_eq!(world.call("sendInvoice", invoice).await.refused().0, 400, "{field}");
    }
}

#[tokio::test]
async fn charges_survive_a_restart_and_a_refund_may_break_after_its_effect() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sandbox.json");
    let world = World::with(settings(Some(file.clone()))).await;
    world.start_chat(1001).await;
    let charge = pay(&world).await["telegram_payment_charge_id"].clone();
    world.stop().await;
    let world = World::with(settings(Some(file))).await;
    let rule =
        json!({"kind": "server_error_after_effect", "method": "refundStarPayment", "count": 1});
    assert_eq!(world.ask(Method::POST, "faults", rule).await.status, 201);
    assert_eq!(world.call("refundStarPayment", refund(&charge)).await.refused().0, 500);
    let again = world.call("refundStarPayment", refund(&charge)).await.refused();
    assert_eq!(again.1, "Bad Request: CHARGE_ALREADY_REFUNDED");
}
