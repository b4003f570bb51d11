use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::World;

#[tokio::test]
async fn a_waiting_poll_is_woken_by_the_next_message() {
    let world = World::start().await;
    let begun = Instant::now();
    let poll = world.call("getUpdates", json!({"timeout": 50}));
    let write = async {
        // Whether the poll waits already or not, it has to see the message.
        tokio::task::yield_now().await;
        world.start_chat(1001).await;
    };
    let (answer, ()) = tokio::join!(poll, write);
    let updates = answer.ok();
    assert_eq!(updates[0]["message"]["text"], "/start");
    assert_eq!(updates[0]["message"]["from"]["language_code"], "ru");
    assert_eq!(updates[0]["message"]["entities"][0]["type"], "bot_command");
    assert!(begun.elapsed() < Duration::from_secs(45), "it did not wait for its time to end");
}

#[tokio::test]
async fn updates_stay_until_an_offset_confirms_them() {
    let world = World::start().await;
    for text in ["one", "two", "three"] {
        world.act(1001, "text", json!({"text": text})).await;
    }
    let texts = |updates: Vec<Value>| -> Vec<String> {
        let text = |update: &Value| update["message"]["text"].as_str().unwrap().to_owned();
        updates.iter().map(text).collect()
    };
    assert_eq!(texts(world.updates().await), ["one", "two", "three"]);
    assert_eq!(texts(world.updates().await), ["one", "two", "three"], "nothing was confirmed");
    let next = world.call("getUpdates", json!({"offset": 2, "limit": 1})).await.ok();
    assert_eq!(next[0]["message"]["text"], "two");
    let last = world.call("getUpdates", json!({"offset": -1})).await.ok();
    assert_eq!(last.as_array().unwrap().len(), 1, "a negative offset forgets all but the last");
    assert_eq!(last[0]["update_id"], 3);
    assert!(world.call("getUpdates", json!({"offset": 4})).await.ok() == json!([]));
}

#[tokio::test]
async fn the_older_of_two_pollers_gives_way() {
    let world = World::start().await;
    let older = world.call("getUpdates", json!({"timeout": 50}));
    let newer = async {
        // Short polls until the older one is seen to have given way: each of them is newer.
        loop {
            world.call("getUpdates", json!({})).await.ok();
            tokio::task::yield_now().await;
        }
    };
    let older = tokio::select! {
        answer = older => answer,
        () = newer => return,
    };
    let (code, why) = older.refused();
    assert_eq!(code, 409);
    assert!(why.starts_with("Conflict: terminated by other getUpdates request"), "{why}");
}

#[tokio::test]
async fn polling_is_refused_while_a_webhook_is_set() {
    let world = World::start().await;
    let hook = json!({"url": "http://127.0.0.1:9/hook"});
    world.call("setWebhook", hook).await.ok();
    let (code, why) = world.call("getUpdates", json!({})).await.refused();
    assert_eq!(code, 409);
    assert!(why.starts_with("Conflict: can't use getUpdates method while webhook is active"));
    world.call("deleteWebhook", json!({"drop_pending_updates": true})).await.ok();
    assert_eq!(world.updates().await, Vec::<Value>::new());
}

#[tokio::test]
async fn only_the_kinds_that_were_asked_for_are_kept() {
    let world = World::start().await;
    world.call("getUpdates", json!({"allowed_updates": ["callback_query"]})).await.ok();
    world.act(1001, "text", json!({"text": "unheard"})).await;
    assert_eq!(world.updates().await, Vec::<Value>::new());
    world.call("getUpdates", json!({"allowed_updates": []})).await.ok();
    world.act(1001, "text", json!({"text": "heard"})).await;
    let updates = world.updates().await;
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0]["update_id"], 1, "what nobody asked for takes no number");
}
