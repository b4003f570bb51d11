use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

use crate::support::{PATIENCE, World};

/// A bot's web server that answers with the statuses it is given, then with 200.
struct Receiver {
    url: String,
    arrivals: mpsc::Receiver<(Option<String>, Value)>,
}

#[derive(Clone)]
struct Script {
    answers: Arc<Mutex<Vec<(StatusCode, &'static str)>>>,
    arrivals: mpsc::Sender<(Option<String>, Value)>,
}

async fn receive(
    State(script): State<Script>,
    headers: HeaderMap,
    axum::Json(update): axum::Json<Value>,
) -> (StatusCode, &'static str) {
    let secret = headers
        .get("x-telegram-bot-api-secret-token")
        .map(|value| value.to_str().unwrap().to_owned());
    script.arrivals.send((secret, update)).await.unwrap();
    script.answers.lock().await.pop().unwrap_or((StatusCode::OK, ""))
}

impl Receiver {
    async fn start(mut answers: Vec<(StatusCode, &'static str)>) -> Self {
        answers.reverse();
        let (sender, arrivals) = mpsc::channel(100);
        let script = Script { answers: Arc::new(Mutex::new(answers)), arrivals: sender };
        let router = Router::new().route("/hook", post(receive)).with_state(script);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, arrivals }
    }

    async fn next(&mut self) -> (Option<String>, Value) {
        tokio::time::timeout(PATIENCE, self.arrivals.recv()).await.unwrap().unwrap()
    }

    async fn next_text(&mut self) -> String {
        self.next().await.1["message"]["text"].as_str().unwrap().to_owned()
    }
}

async fn write(world: &World, texts: &[&str]) {
    for text in texts {
        world.act(1001, "text", json!({"text": text})).await;
    }
}

/// Asks for the webhook's state until it is as wanted.
async fn info_when(world: &World, is_wanted: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let info = world.call("getWebhookInfo", json!({})).await.ok();
            if is_wanted(&info) {
                return info;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap()
}

#[tokio::test]
async fn updates_go_to_the_webhook_with_its_secret() {
    let world = World::start().await;
    let mut receiver = Receiver::start(Vec::new()).await;
    write(&world, &["before"]).await;
    let hook = json!({"url": receiver.url, "secret_token": "s3cret_-A"});
    world.call("setWebhook", hook).await.ok();
    write(&world, &["after"]).await;
    let (secret, update) = receiver.next().await;
    assert_eq!(secret.as_deref(), Some("s3cret_-A"));
    assert_eq!(update["message"]["text"], "before", "what waited comes first");
    assert_eq!(receiver.next_text().await, "after");
    let info = info_when(&world, |info| info["pending_update_count"] == 0).await;
    assert_eq!(info["url"], receiver.url);
}

#[tokio::test]
async fn a_failed_delivery_is_repeated_and_keeps_the_order() {
    let world = World::start().await;
    let failing = (StatusCode::INTERNAL_SERVER_ERROR, "");
    let mut receiver = Receiver::start(vec![failing, failing]).await;
    world.call("setWebhook", json!({"url": receiver.url})).await.ok();
    write(&world, &["one", "two"]).await;
    assert_eq!(receiver.next_text().await, "one");
    let info = info_when(&world, |info| info.get("last_error_message").is_some()).await;
    assert_eq!(
        info["last_error_message"],
        "Wrong response from the webhook: 500 Internal Server Error"
    );
    assert!(info["last_error_date"].is_i64());
    for expected in ["one", "one", "two"] {
        assert_eq!(receiver.next_text().await, expected);
    }
}

#[tokio::test]
async fn a_webhook_that_is_changed_meanwhile_gets_what_the_old_one_refused() {
    let world = World::start().await;
    let mut receiver = Receiver::start(Vec::new()).await;
    // Nobody listens there.
    world.call("setWebhook", json!({"url": "http://127.0.0.1:9/hook"})).await.ok();
    write(&world, &["kept"]).await;
    info_when(&world, |info| info["last_error_message"] == "Connection failed").await;
    world.call("setWebhook", json!({"url": receiver.url})).await.ok();
    assert_eq!(receiver.next_text().await, "kept");
}

#[tokio::test]
async fn a_webhook_may_answer_with_a_method_call() {
    let world = World::start().await;
    let call = r#"{"method":"sendMessage","chat_id":1001,"text":"from the answer"}"#;
    let mut receiver = Receiver::start(vec![(StatusCode::OK, call)]).await;
    world.call("setWebhook", json!({"url": receiver.url})).await.ok();
    write(&world, &["hello"]).await;
    receiver.next().await;
    let asking = async {
        loop {
            let chat = world.chat(1001).await;
            if chat["messages"][1]["text"] == "from the answer" {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap();
}

#[tokio::test]
async fn addresses_and_secrets_of_webhooks_are_checked() {
    let world = World::start().await;
    for wrong in [
        json!({"url": "ftp://example.test/"}),
        json!({"url": "not an address"}),
        json!({"url": "https://example.test/", "secret_token": "with space"}),
        json!({"url": "https://example.test/", "secret_token": "x".repeat(257)}),
    ] {
        assert_eq!(world.call("setWebhook", wrong.clone()).await.refused().0, 400, "{wrong}");
    }
}
