//! The demo's price list: there after the start, and the staff's own afterwards.

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{
    program::{Up, command, run, text},
    start::Api,
};

/// The products of the demo tenant that deals with credits.
async fn products(api: &Api, query: &str) -> Vec<Value> {
    let listed = api.get(&format!("/v1/products?tenant=demo_credits{query}")).await;
    listed["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_demo_has_a_price_list_that_the_staff_changes() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    let api = Api::of_platform(&up, folder.path());
    let on_sale = products(&api, "&active=true").await;
    let (by_card, on_sale): (Vec<Value>, Vec<Value>) =
        on_sale.into_iter().partition(|product| product["kind"] == "real_world");
    let gives: Vec<Value> = on_sale.iter().map(|product| product["gives"].clone()).collect();
    let packages = [10, 25, 50, 100].map(|credits| json!({"credits": credits}));
    let passes = ["day", "week", "month"].map(|period| json!({"pass": period}));
    assert_eq!(gives, [&packages[..], &passes[..]].concat());
    for product in &on_sale {
        let prices = product["prices"].as_array().unwrap();
        let currencies: Vec<&Value> = prices.iter().map(|price| &price["currency"]).collect();
        assert_eq!(currencies, ["RUB", "USD", "XTR"]);
    }
    // One is sold through Stripe, one through YooKassa.
    let by_card: Vec<&Value> = by_card.iter().map(|product| &product["gives"]).collect();
    assert_eq!(by_card, [&json!({"credits": 30}), &json!({"credits": 20})]);
    let tenant = api.get("/v1/tenants/demo_credits").await;
    assert_eq!(tenant["credit_rules"]["enabled"], true);
    assert_eq!(tenant["credit_rules"]["test_switch"], true);

    let path = |product: &Value, action: &str| {
        let id = product["id"].as_str().unwrap();
        format!("/v1/products/{id}{action}?tenant=demo_credits")
    };
    api.patch(&path(&on_sale[0], ""), &json!({"ordinal": 77})).await;
    api.post(&path(&on_sale[1], "/deactivate"), &json!({})).await;
    up.stop().await;

    // Another start leaves what the staff decided.
    let up = Up::start(&folder).await;
    assert_eq!(up.addresses["demo"], "existing");
    assert!(run(command(folder.path(), &["seed"])).await.status.success());
    let api = Api::of_platform(&up, folder.path());
    let all = products(&api, "").await;
    assert_eq!(all.len(), 9);
    assert_eq!(all[0]["ordinal"], 77);
    assert_eq!(all[1]["active"], false);
    let verified = run(command(folder.path(), &["verify"])).await;
    assert!(verified.status.success(), "{}", text(&verified.stdout));
    up.stop().await;
}
