use futures::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{PATIENCE, World};

/// The first event after `since`.
pub(crate) async fn first_event(world: &World, since: i64) -> Value {
    let url = format!("{}/sandbox/events?since={since}", world.base);
    let reading = async {
        let mut stream = world.client.get(url).send().await.unwrap().bytes_stream();
        let mut text = String::new();
        while let Some(chunk) = stream.next().await {
            text.push_str(&String::from_utf8_lossy(&chunk.unwrap()));
            let data = text.lines().find_map(|line| line.strip_prefix("data: "));
            if let Some(data) = data.filter(|_| text.contains("\n\n")) {
                return serde_json::from_str(data).unwrap();
            }
        }
        Value::Null
    };
    tokio::time::timeout(PATIENCE, reading).await.unwrap()
}

#[tokio::test]
async fn the_page_is_served_with_a_policy_that_allows_nothing_foreign() {
    let world = World::start().await;
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/assets/chat.css", "text/css; charset=utf-8"),
        ("/assets/chat.js", "text/javascript; charset=utf-8"),
    ] {
        let url = format!("{}{path}", world.base);
        let response = world.client.get(url).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert_eq!(response.headers()["content-type"], kind);
        let policy = response.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"));
        assert!(response.text().await.unwrap().len() > 100, "{path} is built");
    }
}

#[tokio::test]
async fn events_are_live_and_what_was_missed_is_replayed() {
    let world = World::start().await;
    let state = world.ask(Method::GET, "state", Value::Null).await.body;
    let since = state["last_event_id"].as_i64().unwrap();
    let (event, ()) = tokio::join!(first_event(&world, since), world.start_chat(1001));
    assert_eq!(event["type"], "message");
    assert_eq!((&event["bot"], &event["person_id"]), (&json!("demo"), &json!(1001)));
    assert_eq!(event["message"]["text"], "/start");
    assert_eq!(event["chat"]["started"], true);
    assert_eq!(first_event(&world, since).await, event, "a late listener hears the same");
    assert_eq!(first_event(&world, 5).await["type"], "reset", "too far behind");
}

#[tokio::test]
async fn hostile_texts_travel_as_texts() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let hostile =
        "</script><img src=x onerror=alert(1)> \u{202e}\n\ndata: {\"type\":\"reset\"}\u{2028}";
    let state = world.ask(Method::GET, "state", Value::Null).await.body;
    let since = state["last_event_id"].as_i64().unwrap();
    let sent = world.send(1001, hostile).await;
    assert_eq!(sent["text"], hostile.trim());
    let event = first_event(&world, since).await;
    assert_eq!(event["type"], "message", "no text can forge an event");
    assert_eq!(event["message"]["text"], hostile.trim());
}

#[tokio::test]
async fn another_site_cannot_act_through_a_visitor() {
    let world = World::start().await;
    let url = format!("{}/sandbox/chats/demo/1001/block", world.base);
    let foreign = world.client.post(&url).header("origin", "https://evil.test");
    assert_eq!(foreign.send().await.unwrap().status(), 403);
    let own = world.client.post(&url).header("origin", &world.base);
    assert_eq!(own.send().await.unwrap().status(), 200);
    let text = format!("{}/sandbox/chats/demo/1001/text", world.base);
    let plain = world.client.post(text).body("{\"text\":\"x\"}");
    assert_eq!(plain.send().await.unwrap().status(), 415, "a form of another site sends no JSON");
}

#[tokio::test]
async fn earlier_messages_are_read_page_by_page() {
    let world = World::start().await;
    for number in 0..7 {
        world.act(1001, "text", json!({"text": number.to_string()})).await;
    }
    let page = |query: &str| {
        let path = format!("chats/demo/1001?limit=3{query}");
        let world = &world;
        async move { world.ask(Method::GET, &path, Value::Null).await.body }
    };
    let ids = |page: &Value| -> Vec<i64> {
        let messages = page["messages"].as_array().unwrap();
        messages.iter().map(|message| message["message_id"].as_i64().unwrap()).collect()
    };
    let newest = page("").await;
    assert_eq!((ids(&newest), &newest["more"]), (vec![5, 6, 7], &json!(true)));
    let first = page("&before=3").await;
    assert_eq!((ids(&first), &first["more"]), (vec![1, 2], &json!(false)));
}

#[tokio::test]
async fn an_open_stream_does_not_hold_up_the_end() {
    let world = World::start().await;
    let url = format!("{}/sandbox/events", world.base);
    let stream = world.client.get(url).send().await.unwrap();
    world.stop().await;
    drop(stream);
}
