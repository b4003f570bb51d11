//! Deliveries by webhook.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use kontor_telegram::{Bots, Mode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::world::{BOT, TOKEN, World, run, until};

const SECRET: &str = "s3cret_token";

fn bots(world: &World) -> Bots {
    let mode = Mode::Webhook {
        public_url: "https://bots.example.test/base/".parse().unwrap(),
        secret_token: SECRET.into(),
    };
    let settings = vec![
        world.bot(BOT, TOKEN, mode),
        world.bot("polls", "1000003:SANDBOX-third", Mode::Polling),
    ];
    let sender = Arc::new(world.sender.clone());
    Bots::new(world.pool.clone(), sender, settings, World::settings()).unwrap()
}

async fn post(router: &Router, path: &str, secret: Option<&str>, body: Vec<u8>) -> StatusCode {
    let mut request = Request::post(path).header("content-type", "application/json");
    if let Some(secret) = secret {
        request = request.header("X-Telegram-Bot-Api-Secret-Token", secret);
    }
    let request = request.body(Body::from(body)).unwrap();
    router.clone().oneshot(request).await.unwrap().status()
}

async fn deliver(router: &Router, update: &Value) -> StatusCode {
    post(router, "/tg/demo", Some(SECRET), update.to_string().into_bytes()).await
}

#[tokio::test]
async fn only_deliveries_with_the_secret_are_taken() {
    let world = World::new().await;
    let router = bots(&world).webhook_router();
    let update = world.person(1001, "Анна", "ru").message(json!({"text": "/start"}));
    let body = update.to_string().into_bytes();
    for secret in [None, Some(""), Some("s3cret_tokem"), Some("s3cret_token_"), Some("s3cret")] {
        let status = post(&router, "/tg/demo", secret, body.clone()).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(
        post(&router, "/tg/nobody", Some(SECRET), body.clone()).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(post(&router, "/tg/polls", Some(SECRET), body.clone()).await, StatusCode::NOT_FOUND);
    for wrong in ["", "not json", "[]", "{}", r#"{"update_id":"7"}"#, r#"{"update_id":-1}"#] {
        let status = post(&router, "/tg/demo", Some(SECRET), wrong.into()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let huge = vec![b' '; 2 * 1024 * 1024];
    let status = post(&router, "/tg/demo", Some(SECRET), huge).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(world.pending().await, 0);
    assert_eq!(post(&router, "/tg/demo", Some(SECRET), body).await, StatusCode::OK);
    assert_eq!(world.pending().await, 1);
}

#[tokio::test]
async fn a_delivery_that_comes_again_is_handled_once() {
    let world = World::new().await;
    let bots = bots(&world);
    let router = bots.webhook_router();
    let working = run(bots);
    let anna = world.person(1001, "Анна", "ru");
    let start = anna.message(json!({"text": "/start"}));
    for _ in 0..3 {
        assert_eq!(deliver(&router, &start).await, StatusCode::OK);
    }
    let language = anna.message(json!({"text": "/language"}));
    assert_eq!(deliver(&router, &language).await, StatusCode::OK);
    until("the later reply", || async {
        (anna.count("На каком языке") == 1).then_some(())
    })
    .await;
    assert_eq!(deliver(&router, &start).await, StatusCode::OK);
    world.settled().await;
    assert_eq!(anna.count("Здравствуйте"), 1);
    assert_eq!(anna.count("нужно ваше согласие"), 1);

    let set = world.telegram.calls("setWebhook").remove(0).parameters;
    assert_eq!(set["url"], "https://bots.example.test/base/tg/demo");
    assert_eq!(set["secret_token"], SECRET);
    assert!(set["allowed_updates"].as_array().unwrap().contains(&json!("my_chat_member")));
    working.stop().await;
    assert_eq!(world.telegram.calls("deleteWebhook").len(), 0, "never on shutdown");
}
