//! Stripe as an account sees it: keys, answers of keys, lists, and what each card leads to.

use kontor_sandbox::{SandboxSettings, SandboxShop};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{Answer, World, settings};

const KEY: &str = "sk_test_of_the_shop";

async fn open() -> World {
    let shop = |name: &str, key: &str| SandboxShop {
        name: name.to_owned(),
        secret_key: key.to_owned(),
        webhook_secret: "whsec_0123456789abcdef".to_owned(),
        // Nobody listens there.
        webhook_url: "http://127.0.0.1:9/".to_owned(),
    };
    let shops = vec![shop("shop", KEY), shop("other", "sk_test_of_the_other")];
    World::with(SandboxSettings { shops, ..settings(None) }).await
}

impl World {
    async fn stripe(
        &self,
        key: &str,
        path: &str,
        form: &[(&str, &str)],
        idempotency: &str,
    ) -> Answer {
        let url = format!("{}/stripe/v1/{path}", self.base);
        let call = self.client.post(url).bearer_auth(key).header("Idempotency-Key", idempotency);
        Answer::of(call.form(form).send().await.unwrap()).await
    }

    async fn look(&self, key: &str, path: &str) -> Answer {
        let url = format!("{}/stripe/v1/{path}", self.base);
        Answer::of(self.client.get(url).bearer_auth(key).send().await.unwrap()).await
    }
}

fn page(amount: &str) -> Vec<(&'static str, &str)> {
    vec![
        ("mode", "payment"),
        ("success_url", "https://example.org/"),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", "usd"),
        ("line_items[0][price_data][unit_amount]", amount),
        ("line_items[0][price_data][product_data][name]", "Беседа <1>"),
        ("metadata[payment_id]", "p-1"),
        ("payment_intent_data[metadata][payment_id]", "p-1"),
    ]
}

#[tokio::test]
async fn a_key_has_one_answer_and_another_form_is_an_error() {
    let world = open().await;
    let first = world.stripe(KEY, "checkout/sessions", &page("499"), "k1").await;
    assert_eq!(first.status, 200, "{}", first.body);
    assert_eq!(first.body["metadata"]["payment_id"], "p-1");
    let again = world.stripe(KEY, "checkout/sessions", &page("499"), "k1").await;
    assert_eq!(first.body["id"], again.body["id"]);
    let other = world.stripe(KEY, "checkout/sessions", &page("500"), "k1").await;
    assert_eq!((other.status, &other.body["error"]["type"]), (400, &json!("idempotency_error")));
    let refused = world.stripe(KEY, "checkout/sessions", &page("0"), "k2").await;
    assert_eq!(refused.status, 400);
    let better = world.stripe(KEY, "checkout/sessions", &page("1"), "k2").await;
    assert_eq!(better.status, 200, "a refusal of what was asked is not kept");

    let rule =
        json!({"kind": "server_error_after_effect", "method": "stripe.checkout*", "count": 1});
    world.ask(Method::POST, "faults", rule).await;
    for _ in 0..2 {
        let broken = world.stripe(KEY, "checkout/sessions", &page("499"), "k3").await;
        assert_eq!(broken.status, 500, "a failure of its own is kept");
    }
    let pages = world.ask(Method::GET, "stripe/shop", Value::Null).await.body;
    assert_eq!(pages["pages"].as_array().unwrap().len(), 3, "and it had its effect");
}

#[tokio::test]
async fn each_account_sees_its_own_and_lists_have_pages() {
    let world = open().await;
    assert_eq!(world.look("sk_test_of_nobody", "events").await.status, 401);
    let made = world.stripe(KEY, "checkout/sessions", &page("499"), "k1").await.body;
    let path = format!("checkout/sessions/{}", made["id"].as_str().unwrap());
    assert_eq!(world.look(KEY, &path).await.status, 200);
    let foreign = world.look("sk_test_of_the_other", &path).await;
    assert_eq!(foreign.body["error"]["code"], "resource_missing");
    let url =
        made["url"].as_str().unwrap().replace("http://127.0.0.1/", &format!("{}/", world.base));
    let staying =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for number in ["4000000000000002", "4000 0000 0000 9995", "4242424242424242"] {
        staying.post(&url).form(&[("number", number)]).send().await.unwrap();
    }
    let page = world.client.get(&url).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'"));
    assert!(page.text().await.unwrap().contains("Беседа &lt;1&gt;"));
    let events = world.look(KEY, "events?limit=2&delivery_success=false").await.body;
    assert_eq!((events["data"].as_array().unwrap().len(), &events["has_more"]), (2, &json!(true)));
    assert_eq!(events["data"][0]["type"], "checkout.session.completed");
    let last = events["data"][1]["id"].as_str().unwrap();
    let rest = world.look(KEY, &format!("events?limit=10&starting_after={last}")).await.body;
    let kinds: Vec<&str> =
        rest["data"].as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["payment_intent.payment_failed"; 2]);
    let intent = made["payment_intent"].as_str().unwrap();
    let form = [("payment_intent", intent), ("amount", "500")];
    let more = world.stripe(KEY, "refunds", &form, "r1").await;
    assert_eq!(more.status, 400, "not more than was paid");
    let whole = world.stripe(KEY, "refunds", &form[..1], "r2").await;
    assert_eq!(whole.body["amount"], 499);
    let twice = world.stripe(KEY, "refunds", &form[..1], "r3").await;
    assert_eq!(twice.body["error"]["code"], "charge_already_refunded");
}
