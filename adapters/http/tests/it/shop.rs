//! The page for products: who gets in, what a form makes, and what is said of a mistake.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{
    operations::{ORIGIN, form, page, session},
    support::{Answer, World},
};

const FORM: &str = "name_en=25+messages&name_ru=25+%D1%81%D0%BE%D0%BE%D0%B1%D1%89%D0%B5%D0%BD%D0%B8%D0%B9&gives=credits\
    &credits=25&kind=digital&price_XTR=250&price_RUB=1+499%2C50&price_USD=&price_EUR=&ordinal=20";

/// The value of a hidden field.
fn hidden(page: &Answer, name: &str) -> String {
    let mark = format!("name=\"{name}\" value=\"");
    let rest = page.text.split(&mark).nth(1).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

async fn credits_on(world: &World) {
    let rules = json!({"credit_rules": {"enabled": true}});
    let changed = world.patch(&world.operator, "/v1/tenants/moscow", rules).await;
    world.read(&world.reader, "/v1/tenants/moscow", &changed).await;
}

async fn products(world: &World) -> Vec<Value> {
    let listed = world.get(&world.reader, "/v1/products").await.json();
    listed["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_form_that_is_sent_twice_makes_one_product_which_is_changed_and_put_on_sale() {
    let world = World::new().await;
    credits_on(&world).await;
    let cookie = session(&world, &world.operator).await;
    let sender = (cookie.as_str(), ORIGIN);
    let blank = page(&world, &cookie, "/admin/products/new").await;
    assert_eq!(blank.status, StatusCode::OK, "{}", blank.text);
    let body = format!("{FORM}&once={}", hidden(&blank, "once"));
    for _ in 0..2 {
        let made = form(&world, "/admin/products", sender, body.clone()).await;
        assert_eq!(made.header("location"), "/admin/products?tenant=moscow&done=created");
    }
    let made = products(&world).await;
    assert_eq!(made.len(), 1);
    let other = body.replace("ordinal=20", "ordinal=21");
    let other = form(&world, "/admin/products", sender, other).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(other.text.contains("This form was sent before"), "{}", other.text);
    assert_eq!(products(&world).await.len(), 1);
    let rouble = json!({"amount_minor": 149_950, "currency": "RUB"});
    assert_eq!(made[0]["prices"], json!([rouble, {"amount_minor": 250, "currency": "XTR"}]));
    assert_eq!((&made[0]["gives"], &made[0]["active"]), (&json!({"credits": 25}), &json!(false)));

    let address = format!("/admin/products/{}", made[0]["id"].as_str().unwrap());
    let list = page(&world, &cookie, "/admin/products?done=created").await;
    for word in ["25 messages", "25 сообщений", "250 Stars", "1499.50 RUB", "Put on sale"]
    {
        assert!(list.text.contains(word), "{word}: {}", list.text);
    }
    let on = form(&world, &format!("{address}/activate"), sender, "version=1".to_owned()).await;
    assert_eq!(on.header("location"), "/admin/products?tenant=moscow&done=activate");
    let stale =
        form(&world, &format!("{address}/deactivate"), sender, "version=1".to_owned()).await;
    assert_eq!(stale.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(stale.text.contains("Somebody changed this product"), "{}", stale.text);

    let open = page(&world, &cookie, &address).await;
    assert_eq!(hidden(&open, "price_XTR\" inputmode=\"decimal"), "250");
    let changed = FORM.replace("credits=25", "credits=30");
    let body =
        format!("{changed}&once={}&version={}", hidden(&open, "once"), hidden(&open, "version"));
    let saved = form(&world, &address, sender, body.clone()).await;
    assert_eq!(saved.header("location"), "/admin/products?tenant=moscow&done=changed");
    let after = products(&world).await;
    assert_eq!((&after[0]["gives"], &after[0]["active"]), (&json!({"credits": 30}), &json!(true)));
    // Who saw an older version does not write over what came after it.
    let body = format!("{FORM}&version=2");
    let late = form(&world, &address, sender, body).await;
    assert_eq!(late.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(late.text.contains("Somebody changed this product meanwhile"), "{}", late.text);
}

#[tokio::test]
async fn mistakes_are_said_beside_their_fields_and_nothing_typed_is_lost() {
    let world = World::new().await;
    let cookie = session(&world, &world.operator).await;
    let sender = (cookie.as_str(), ORIGIN);
    for (right, wrong, error) in [
        ("name_en=25+messages", "name_en=", "name_en-error"),
        ("credits=25", "credits=0", "credits-error"),
        ("credits=25", "credits=%D0%BC%D0%BD%D0%BE%D0%B3%D0%BE", "credits-error"),
        ("price_XTR=250", "price_XTR=2.5", "price_XTR-error"),
        ("price_XTR=250", "price_XTR=0", "price_XTR-error"),
        ("price_RUB=1+499%2C50", "price_RUB=99999999999999", "price_RUB-error"),
        ("kind=digital", "kind=real_world", "price_XTR-error"),
        ("ordinal=20", "ordinal=10000", "ordinal-error"),
        ("gives=credits", "gives=year", "gives-error"),
    ] {
        let body = FORM.replace(right, wrong);
        let answer = form(&world, "/admin/products", sender, body).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        assert!(answer.text.contains(&format!("id=\"{error}\"")), "{wrong}: {}", answer.text);
        assert!(answer.text.contains("25 сообщений"), "{wrong}");
    }
    let script = FORM.replace("25+messages", "%3Cscript%3E");
    let script = script.replace("ordinal=20", "ordinal=x");
    let answer = form(&world, "/admin/products", sender, script).await;
    assert!(!answer.text.contains("<script>") && answer.text.contains("&#60;script&#62;"));
    assert!(products(&world).await.is_empty());
}

#[tokio::test]
async fn nothing_goes_on_sale_that_could_not_be_delivered() {
    let world = World::new().await;
    let id = world.product().await;
    let cookie = session(&world, &world.operator).await;
    let list = page(&world, &cookie, "/admin/products").await;
    assert!(list.text.contains("deals with no credits"), "{}", list.text);
    let path = format!("/admin/products/{id}/activate");
    // The list shows the product as soon as the read model has it.
    let mut refused = form(&world, &path, (&cookie, ORIGIN), "version=1".to_owned()).await;
    for _ in 0..200 {
        if refused.status != StatusCode::NOT_FOUND {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        refused = form(&world, &path, (&cookie, ORIGIN), "version=1".to_owned()).await;
    }
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.text);
    assert!(refused.text.contains("role=\"alert\">This tenant deals with no credits"));
}

#[tokio::test]
async fn the_page_is_the_staffs_and_shows_its_own_tenant() {
    let world = World::new().await;
    let id = world.product().await;
    for address in ["/admin/products", "/admin/products/new", &format!("/admin/products/{id}")] {
        let away = page(&world, "", address).await;
        assert_eq!(away.header("location"), format!("/login?next={address}"));
    }
    let stranger = session(&world, &world.stranger).await;
    for address in [
        "/admin/products?tenant=moscow".to_owned(),
        "/admin/products/new?tenant=moscow".to_owned(),
        format!("/admin/products/{id}"),
        format!("/admin/products/{id}?tenant=moscow"),
    ] {
        assert_eq!(
            page(&world, &stranger, &address).await.status,
            StatusCode::NOT_FOUND,
            "{address}"
        );
    }
    let sender = (stranger.as_str(), ORIGIN);
    for address in [format!("/admin/products/{id}"), format!("/admin/products/{id}/activate")] {
        let body = format!("{FORM}&version=1");
        assert_eq!(form(&world, &address, sender, body).await.status, StatusCode::NOT_FOUND);
    }
    let elsewhere = form(&world, "/admin/products?tenant=moscow", sender, FORM.to_owned()).await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
    let foreign = (stranger.as_str(), "https://evil.example");
    let foreign = form(&world, "/admin/products", foreign, FORM.to_owned()).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);

    let platform = session(&world, &world.admin).await;
    let list = page(&world, &platform, "/admin/products?tenant=salon").await;
    assert!(list.text.contains("<option value=\"salon\" selected>"), "{}", list.text);
    assert!(list.text.contains("There are no products yet"), "{}", list.text);
    for (wrong, status) in [("nowhere", 404), ("%D0%96", 400)] {
        let answer = page(&world, &platform, &format!("/admin/products?tenant={wrong}")).await;
        assert_eq!(answer.status.as_u16(), status, "{wrong}");
    }
    let unseen = form(&world, "/admin/products?tenant=salon", (&platform, ORIGIN), FORM.to_owned());
    assert_eq!(unseen.await.status, StatusCode::SEE_OTHER);
}
