//! YooKassa as a shop sees it: payments with their page, refunds, receipts, notifications.

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use kontor_sandbox::{Sandbox, YooKassaShop};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::Mutex,
    time::{Instant, sleep},
};

use crate::support::{Answer, PATIENCE, World, settings};

const SHOP: (&str, &str) = ("54401", "test_secret");
const OTHER: (&str, &str) = ("54402", "test_other");

/// What a shop was told, and how often it says that it did not understand.
#[derive(Default)]
struct Told {
    bodies: Vec<Value>,
    refusals_left: u32,
}

struct Shop {
    world: World,
    told: Arc<Mutex<Told>>,
}

async fn hear(State(told): State<Arc<Mutex<Told>>>, Json(body): Json<Value>) -> StatusCode {
    let mut told = told.lock().await;
    if told.refusals_left > 0 {
        told.refusals_left -= 1;
        return StatusCode::ACCEPTED;
    }
    told.bodies.push(body);
    StatusCode::OK
}

impl Shop {
    async fn open() -> Self {
        Self::with(Sandbox::new(settings(None)).unwrap()).await
    }

    async fn with(sandbox: Sandbox) -> Self {
        let told = Arc::new(Mutex::new(Told::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hear", listener.local_addr().unwrap());
        let router = Router::new().route("/hear", post(hear)).with_state(Arc::clone(&told));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let shops = [SHOP, OTHER].map(|(shop_id, secret_key)| YooKassaShop {
            shop_id: shop_id.to_owned(),
            secret_key: secret_key.to_owned(),
            notification_url: url.clone(),
        });
        Self { world: World::of(sandbox.with_yookassa_shops(shops.to_vec())).await, told }
    }

    async fn call_as(
        &self,
        (shop, secret): (&str, &str),
        method: Method,
        (path, key): (&str, &str),
        body: Value,
    ) -> Answer {
        let url = format!("{}/yookassa/v3/{path}", self.world.base);
        let mut request = self.world.client.request(method, url).basic_auth(shop, Some(secret));
        if !body.is_null() {
            request = request.header("Idempotence-Key", key).json(&body);
        }
        Answer::of(request.send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.call_as(SHOP, Method::GET, (path, ""), Value::Null).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body
    }

    async fn create(&self, path: &str, key: &str, body: Value) -> Answer {
        self.call_as(SHOP, Method::POST, (path, key), body).await
    }

    /// A payment that waits for its customer; its id.
    async fn payment(&self, key: &str) -> String {
        let made = self.create("payments", key, order()).await;
        assert_eq!((made.status, &made.body["status"]), (200, &json!("pending")), "{}", made.body);
        made.body["id"].as_str().unwrap().to_owned()
    }

    async fn page(&self, id: &str, form: &[(&str, &str)]) -> Response {
        let url = format!("{}/yookassa/checkout/{id}", self.world.base);
        let request = match form {
            [] => self.world.client.get(url),
            form => self.world.client.post(url).form(form),
        };
        request.send().await.unwrap()
    }

    /// The person gives the card of that number in the list.
    async fn pay(&self, id: &str, card: &str) -> String {
        let shown = self.page(id, &[("act", "pay"), ("card", card)]).await;
        assert_eq!(shown.status().as_u16(), 200);
        shown.text().await.unwrap()
    }

    async fn weather(&self, rule: Value) {
        let answer = self.world.ask(Method::POST, "yookassa/faults", rule).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
    }

    /// The events that the shop was told, once there are so many.
    async fn told(&self, count: usize) -> Vec<(String, String)> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let bodies = self.told.lock().await.bodies.clone();
            if bodies.len() >= count {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                return bodies
                    .iter()
                    .map(|it| (text(&it["event"]), text(&it["object"]["id"])))
                    .collect();
            }
            assert!(Instant::now() < deadline, "only {bodies:?}");
            sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

fn order() -> Value {
    json!({
        "amount": { "value": "229.00", "currency": "RUB" }, "capture": true,
        "confirmation": { "type": "redirect", "return_url": "https://t.me/demo" },
        "description": "25 <кредитов> & \"скидка\"", "metadata": { "payment_id": "1" },
    })
}

#[tokio::test]
async fn a_payment_is_made_once_paid_on_its_page_and_told() {
    let shop = Shop::open().await;
    let id = shop.payment("k1").await;
    assert_eq!(shop.payment("k1").await, id, "the same key finds the same payment");
    let other = shop.create("payments", "k1", json!({ "amount": 1 })).await;
    assert_eq!((other.status, &other.body["parameter"]), (400, &json!("Idempotence-Key")));
    let page = shop.page(&id, &[]).await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    let text = page.text().await.unwrap();
    assert!(text.contains("229,00\u{a0}₽") && text.contains("25 &lt;кредитов&gt; &amp;"), "{text}");
    assert!(shop.pay(&id, "0").await.contains("Оплачено"));
    assert!(shop.pay(&id, "2").await.contains("Оплачено"), "an end stays");
    let paid = shop.get(&format!("payments/{id}")).await;
    assert_eq!((&paid["status"], &paid["paid"]), (&json!("succeeded"), &json!(true)));
    assert_eq!(paid["income_amount"], json!({ "value": "220.99", "currency": "RUB" }));
    assert_eq!(shop.told(1).await, vec![("payment.succeeded".to_owned(), id)]);
    shop.world.stop().await;
}

#[tokio::test]
async fn cards_are_declined_ask_for_a_code_and_answer_late() {
    let shop = Shop::open().await;
    let reason = async |id: &str| {
        let payment = shop.get(&format!("payments/{id}")).await;
        (payment["status"].clone(), payment["cancellation_details"]["reason"].clone())
    };
    let poor = shop.payment("poor").await;
    assert!(shop.pay(&poor, "2").await.contains("не хватает денег"));
    assert_eq!(reason(&poor).await, (json!("canceled"), json!("insufficient_funds")));
    let coded = shop.payment("coded").await;
    assert!(shop.pay(&coded, "1").await.contains("Код из сообщения"));
    assert_eq!(reason(&coded).await.0, json!("pending"));
    shop.page(&coded, &[("act", "confirm")]).await;
    assert_eq!(reason(&coded).await.0, json!("succeeded"));
    let denied = shop.payment("denied").await;
    shop.pay(&denied, "1").await;
    shop.page(&denied, &[("act", "deny")]).await;
    assert_eq!(reason(&denied).await.1, json!("3d_secure_failed"));
    let late = shop.payment("late").await;
    assert!(shop.pay(&late, "4").await.contains("Банк проверяет"));
    let gone = shop.payment("gone").await;
    let path = format!("yookassa/payments/{gone}/expire");
    assert_eq!(shop.world.ask(Method::POST, &path, Value::Null).await.status, 204);
    assert_eq!(reason(&gone).await.1, json!("expired_on_confirmation"));
    let told = shop.told(5).await;
    assert!(told.contains(&("payment.canceled".to_owned(), late)), "{told:?}");
    shop.world.stop().await;
}

#[tokio::test]
async fn what_is_wrong_is_refused_by_its_name_and_others_see_nothing() {
    let shop = Shop::open().await;
    let id = shop.payment("k1").await;
    let foreign = (format!("payments/{id}"), "");
    let answer = shop.call_as(OTHER, Method::GET, (&foreign.0, ""), Value::Null).await;
    assert_eq!((answer.status, &answer.body["code"]), (404, &json!("not_found")));
    let stranger = shop.call_as((SHOP.0, "no"), Method::GET, (&foreign.0, ""), Value::Null).await;
    assert_eq!((stranger.status, &stranger.body["code"]), (401, &json!("invalid_credentials")));
    for (field, value, parameter) in [
        ("amount", json!({ "value": "1,00", "currency": "RUB" }), "amount.value"),
        ("amount", json!({ "value": "0.00", "currency": "RUB" }), "amount.value"),
        ("confirmation", json!({ "type": "redirect" }), "confirmation.return_url"),
        ("description", json!("Й".repeat(129)), "description"),
        ("metadata", json!({ "number": 1 }), "metadata"),
        ("receipt", json!({ "customer": {}, "items": [] }), "receipt.customer"),
    ] {
        let mut body = order();
        body[field] = value;
        let refused = shop.create("payments", "wrong", body).await;
        assert_eq!((refused.status, &refused.body["parameter"]), (400, &json!(parameter)));
    }
    let refund = json!({ "payment_id": id, "amount": { "value": "1.00", "currency": "RUB" } });
    let refused = shop.create("refunds", "r0", refund.clone()).await;
    assert_eq!(refused.status, 400, "nothing was paid: {}", refused.body);
    shop.pay(&id, "0").await;
    assert_eq!(shop.create("refunds", "r1", refund.clone()).await.status, 200);
    let mut rest = refund.clone();
    rest["amount"]["value"] = "228.01".into();
    let refused = shop.create("refunds", "r2", rest).await;
    assert_eq!(refused.body["parameter"], "amount.value", "more than is left");
    shop.world.stop().await;
}

#[tokio::test]
async fn receipts_are_registered_after_the_money_moved_and_refunds_may_take_their_time() {
    let shop = Shop::open().await;
    let mut body = order();
    body["receipt"] = json!({
        "customer": { "phone": "79161234567" },
        "items": [{ "description": "25 кредитов", "quantity": "1", "vat_code": 1,
            "amount": { "value": "229.00", "currency": "RUB" } }],
    });
    let made = shop.create("payments", "k1", body).await;
    assert_eq!(made.body["receipt_registration"], "pending", "{}", made.body);
    let id = made.body["id"].as_str().unwrap().to_owned();
    shop.pay(&id, "0").await;
    let until = async |path: String, field: &'static str, wanted: &'static str| {
        let deadline = Instant::now() + PATIENCE;
        while shop.get(&path).await[field] != wanted {
            assert!(Instant::now() < deadline, "{path} is not {wanted}");
            sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    until(format!("payments/{id}"), "receipt_registration", "succeeded").await;
    let mood = json!({ "mood": "canceled_later" });
    assert_eq!(shop.world.ask(Method::PUT, "yookassa/refunds", mood).await.status, 204);
    let refund = json!({ "payment_id": id, "amount": { "value": "229.00", "currency": "RUB" } });
    let asked = shop.create("refunds", "r1", refund).await;
    assert_eq!(asked.body["status"], "pending");
    let refund_id = asked.body["id"].as_str().unwrap();
    until(format!("refunds/{refund_id}"), "status", "canceled").await;
    let payment = shop.get(&format!("payments/{id}")).await;
    assert_eq!(payment["refunded_amount"]["value"], "0.00");
    assert_eq!(shop.told(1).await.len(), 1, "of a canceled refund nobody is told");
    shop.world.stop().await;
}

#[tokio::test]
async fn notifications_come_twice_late_never_and_again_until_200() {
    let shop = Shop::open().await;
    shop.told.lock().await.refusals_left = 2;
    shop.weather(json!({ "kind": "duplicate_update", "method": "payment.succeeded", "count": 1 }))
        .await;
    let first = shop.payment("k1").await;
    shop.pay(&first, "0").await;
    let both = shop.told(2).await;
    assert_eq!(both[0], both[1]);
    for kind in ["drop_update", "reorder_updates"] {
        shop.weather(json!({ "kind": kind, "method": "payment.*", "count": 1 })).await;
    }
    let (lost, late, usual) =
        (shop.payment("k2").await, shop.payment("k3").await, shop.payment("k4").await);
    for id in [&lost, &late, &usual] {
        shop.pay(id, "0").await;
    }
    let told: Vec<String> = shop.told(4).await.into_iter().skip(2).map(|(_, id)| id).collect();
    assert_eq!(told, vec![usual, late]);
    shop.world.stop().await;
}

#[tokio::test]
async fn a_call_fails_after_its_effect_and_lists_are_cut_into_pages() {
    let shop = Shop::open().await;
    let rule =
        json!({ "kind": "server_error_after_effect", "method": "create_payment", "count": 1 });
    shop.weather(rule).await;
    assert_eq!(shop.create("payments", "k0", order()).await.status, 500);
    let listed = shop.get("payments?limit=100").await;
    let first = listed["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(shop.payment("k0").await, first, "the effect was there");
    for number in 1..5 {
        shop.payment(&format!("k{number}")).await;
    }
    let (mut cursor, mut ids) = (String::new(), Vec::new());
    loop {
        let page = shop
            .get(&format!("payments?limit=2&created_at.gte=2026-01-01T00:00:00Z{cursor}"))
            .await;
        ids.extend(page["items"].as_array().unwrap().iter().map(|it| it["id"].to_string()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
        // What is made meanwhile moves nothing.
        shop.payment(&format!("new{next}")).await;
    }
    let mut once = ids.clone();
    once.dedup();
    assert_eq!((ids.len(), &once), (5, &ids));
    let nothing = shop.get("payments?created_at.gte=2999-01-01T00:00:00Z").await;
    assert_eq!(nothing["items"], json!([]));
    shop.world.stop().await;
}

#[tokio::test]
async fn shops_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = Some(folder.path().join("sandbox.json"));
    let shop = Shop::with(Sandbox::new(settings(file.clone())).unwrap()).await;
    let id = shop.payment("k1").await;
    shop.world.stop().await;
    let shop = Shop::with(Sandbox::new(settings(file)).unwrap()).await;
    assert_eq!(shop.payment("k1").await, id);
    assert!(shop.pay(&id, "0").await.contains("Оплачено"));
    shop.world.stop().await;
}
