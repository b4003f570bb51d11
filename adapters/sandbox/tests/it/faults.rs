use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::World;

async fn add(world: &World, rule: Value) {
    let answer = world.ask(Method::POST, "faults", rule).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
}

async fn messages(world: &World) -> usize {
    world.chat(1001).await["messages"].as_array().unwrap().len()
}

fn hello() -> Value {
    json!({"chat_id": 1001, "text": "hello"})
}

#[tokio::test]
async fn too_many_requests_says_when_to_come_back() {
    let world = World::start().await;
    world.start_chat(1001).await;
    let rule =
        json!({"kind": "too_many_requests", "retry_after": 7, "method": "send*", "count": 1});
    add(&world, rule).await;
    let answer = world.call("sendMessage", hello()).await;
    assert_eq!(answer.body["parameters"]["retry_after"], 7);
    assert_eq!(answer.refused(), (429, "Too Many Requests: retry after 7".to_owned()));
    assert_eq!(messages(&world).await, 1, "nothing was sent");
    assert_eq!(world.call("sendMessage", hello()).await.status, 200, "once is once");
}

#[tokio::test]
async fn an_error_can_come_before_or_after_the_effect() {
    let world = World::start().await;
    world.start_chat(1001).await;
    add(&world, json!({"kind": "server_error", "count": 1})).await;
    assert_eq!(world.call("sendMessage", hello()).await.refused().0, 500);
    assert_eq!(messages(&world).await, 1);
    add(&world, json!({"kind": "server_error_after_effect", "count": 1})).await;
    assert_eq!(world.call("sendMessage", hello()).await.refused().0, 500);
    assert_eq!(messages(&world).await, 2, "the message is there all the same");
    let calls = world.ask(Method::GET, "calls?method=sendMessage", Value::Null).await.body;
    assert_eq!(calls["calls"][1]["fault"], "server_error_after_effect");
}

#[tokio::test]
async fn a_rule_can_be_for_one_chat_and_one_method_only() {
    let world = World::start().await;
    for person in [1001, 1002] {
        world.start_chat(person).await;
    }
    let rule =
        json!({"kind": "forbidden", "method": "SENDMESSAGE", "chat_id": 1001, "bot": "demo"});
    add(&world, rule).await;
    assert_eq!(world.call("getMe", json!({})).await.status, 200);
    world.send(1002, "other chat").await;
    for _ in 0..3 {
        let refused = world.call("sendMessage", hello()).await.refused();
        assert_eq!(refused, (403, "Forbidden: bot was blocked by the user".to_owned()));
    }
    let rules = world.ask(Method::GET, "faults", Value::Null).await.body;
    assert_eq!(rules["faults"][0]["struck"], 3);
    let path = format!("faults/{}", rules["faults"][0]["id"]);
    assert_eq!(world.ask(Method::DELETE, &path, Value::Null).await.status, 204);
    assert_eq!(world.call("sendMessage", hello()).await.status, 200);
    assert_eq!(world.ask(Method::DELETE, &path, Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_delayed_call_takes_its_time_and_a_timed_out_one_is_not_answered() {
    let world = World::start().await;
    world.start_chat(1001).await;
    add(&world, json!({"kind": "delay", "delay_ms": 300, "count": 1})).await;
    let begun = Instant::now();
    world.send(1001, "slow").await;
    assert!(begun.elapsed() >= Duration::from_millis(300));

    add(&world, json!({"kind": "timeout_after_effect", "count": 1})).await;
    // Long enough for the message to be sent on a busy machine: the call itself never returns.
    let patience = Duration::from_secs(3);
    let unanswered = tokio::time::timeout(patience, world.call("sendMessage", hello())).await;
    assert!(unanswered.is_err());
    assert_eq!(messages(&world).await, 3, "the message was sent, only nobody said so");
    world.stop().await;
}

#[tokio::test]
async fn updates_can_come_twice_swapped_or_never() {
    let world = World::start().await;
    let write = |text: &'static str| world.act(1001, "text", json!({"text": text}));
    let texts = |updates: &Value| -> Vec<String> {
        let text = |update: &Value| update["message"]["text"].as_str().unwrap().to_owned();
        updates.as_array().unwrap().iter().map(text).collect()
    };
    add(&world, json!({"kind": "drop_update", "count": 1})).await;
    write("lost").await;
    add(&world, json!({"kind": "reorder_updates", "count": 1})).await;
    write("late").await;
    write("early").await;
    let updates = world.call("getUpdates", json!({})).await.ok();
    assert_eq!(texts(&updates), ["early", "late"]);
    assert_eq!((&updates[0]["update_id"], &updates[1]["update_id"]), (&json!(3), &json!(2)));
    assert_eq!(world.call("getUpdates", json!({"offset": 4})).await.ok(), json!([]));

    add(&world, json!({"kind": "duplicate_update", "count": 1})).await;
    write("twice").await;
    let first = world.call("getUpdates", json!({"offset": 4})).await.ok();
    let again = world.call("getUpdates", json!({"offset": 5})).await.ok();
    assert_eq!(texts(&again), ["twice"]);
    assert_eq!(first, again, "the same update, although it was confirmed");
    assert_eq!(world.call("getUpdates", json!({"offset": 5})).await.ok(), json!([]));
}

#[tokio::test]
async fn a_late_update_comes_by_itself_when_nothing_overtakes_it() {
    let world = World::start().await;
    add(&world, json!({"kind": "reorder_updates", "count": 1})).await;
    world.act(1001, "text", json!({"text": "alone"})).await;
    assert_eq!(world.updates().await, Vec::<Value>::new());
    let updates = world.call("getUpdates", json!({"timeout": 20})).await.ok();
    assert_eq!(updates[0]["message"]["text"], "alone");
}

#[tokio::test]
async fn rules_that_make_no_sense_are_refused() {
    let world = World::start().await;
    for rule in [
        json!({"kind": "rain"}),
        json!({"kind": "delay"}),
        json!({"kind": "delay", "delay_ms": 999_999_999}),
        json!({"kind": "server_error", "count": 0}),
    ] {
        assert_eq!(world.ask(Method::POST, "faults", rule.clone()).await.status, 422, "{rule}");
    }
}
