//! Inbound deliveries.

use std::time::Duration;

use kontor_postgres::{
    Inbox, InboxSettings,
    inbox::{InboxCounts, InboxError, Postponed, Stored, finish},
};
use serde_json::{Value, json};

use crate::support::{World, until, world};

const SOURCE: &str = "telegram:demo";

fn inbox(world: &World, settings: InboxSettings) -> Inbox {
    Inbox::new(world.pool.clone(), settings)
}

/// Pauses too short to wait for.
fn hasty() -> InboxSettings {
    InboxSettings {
        attempts_max: 3,
        pause_first: Duration::ZERO,
        pause_max: Duration::ZERO,
        ..InboxSettings::default()
    }
}

async fn store(inbox: &Inbox, external_id: &str, key: &str) {
    let stored = inbox.store(SOURCE, external_id, key, &json!({"id": external_id})).await.unwrap();
    assert_eq!(stored, Stored::New);
}

async fn due(inbox: &Inbox) -> Vec<String> {
    let rows = inbox.next_batch(SOURCE, 100).await.unwrap();
    rows.into_iter().map(|row| row.external_id).collect()
}

async fn done(world: &World, external_id: &str) {
    let mut tx = world.pool.begin().await.unwrap();
    assert!(finish(&mut tx, SOURCE, external_id).await.unwrap());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_second_delivery_is_a_duplicate_whatever_became_of_the_first() {
    let world = world().await;
    let inbox = inbox(&world, hasty());
    store(&inbox, "1", "chat").await;
    let again = json!({"id": "changed"});
    assert_eq!(inbox.store(SOURCE, "1", "chat", &again).await.unwrap(), Stored::Duplicate);
    assert_eq!(inbox.next_batch(SOURCE, 10).await.unwrap()[0].payload, json!({"id": "1"}));
    done(&world, "1").await;
    assert_eq!(inbox.store(SOURCE, "1", "chat", &again).await.unwrap(), Stored::Duplicate);
    assert_eq!(due(&inbox).await, Vec::<String>::new());
    // Another source has ids of its own.
    assert_eq!(inbox.store("telegram:other", "1", "chat", &again).await.unwrap(), Stored::New);
}

#[tokio::test]
async fn of_each_key_the_oldest_row_is_worked_on_first() {
    let world = world().await;
    let inbox = inbox(&world, hasty());
    for (external_id, key) in [("9", "a"), ("8", "a"), ("7", "b"), ("1", "c"), ("6", "b")] {
        store(&inbox, external_id, key).await;
    }
    assert_eq!(due(&inbox).await, ["9", "7", "1"]);
    assert_eq!(inbox.next_batch(SOURCE, 2).await.unwrap().len(), 2);
    let busy = ["a".to_owned(), "c".to_owned()];
    let rest = inbox.next_batch_except(SOURCE, 100, &busy).await.unwrap();
    assert_eq!(rest.iter().map(|row| row.external_id.as_str()).collect::<Vec<_>>(), ["7"]);
    done(&world, "9").await;
    assert_eq!(due(&inbox).await, ["8", "7", "1"]);
}

#[tokio::test]
async fn a_row_is_finished_with_its_effects_or_not_at_all() {
    let world = world().await;
    let inbox = inbox(&world, hasty());
    store(&inbox, "1", "chat").await;
    let mut tx = world.pool.begin().await.unwrap();
    assert!(inbox.finish(&mut tx, SOURCE, "1").await.unwrap());
    tx.rollback().await.unwrap();
    assert_eq!(due(&inbox).await, ["1"]);
    done(&world, "1").await;
    let mut tx = world.pool.begin().await.unwrap();
    assert!(!inbox.finish(&mut tx, SOURCE, "1").await.unwrap(), "finished twice");
    assert!(!inbox.finish(&mut tx, SOURCE, "unknown").await.unwrap());
}

#[tokio::test]
async fn a_postponed_row_holds_up_its_key_until_it_is_due() {
    let world = world().await;
    let hour = Duration::from_secs(3_600);
    let inbox = inbox(&world, InboxSettings { pause_first: hour, pause_max: hour, ..hasty() });
    store(&inbox, "1", "a").await;
    store(&inbox, "2", "a").await;
    store(&inbox, "3", "b").await;
    let before = kontor_commands::clock::now();
    let Postponed::Until(at) = inbox.postpone(SOURCE, "1", "busy").await.unwrap() else {
        panic!("not postponed");
    };
    let pause = at - before;
    assert!(pause > chrono::Duration::minutes(29), "{pause}");
    assert!(pause < chrono::Duration::minutes(61), "{pause}");
    assert_eq!(due(&inbox).await, ["3"], "the second row of the key must wait");
    assert_eq!(inbox.postpone(SOURCE, "none", "busy").await.unwrap(), Postponed::NotPending);
}

#[tokio::test]
async fn after_the_last_attempt_a_row_is_dead_and_its_key_goes_on() {
    let world = world().await;
    let inbox = inbox(&world, hasty());
    store(&inbox, "1", "a").await;
    store(&inbox, "2", "a").await;
    for _ in 0..2 {
        assert!(matches!(inbox.postpone(SOURCE, "1", "x").await.unwrap(), Postponed::Until(_)));
    }
    assert_eq!(inbox.postpone(SOURCE, "1", "x\0y").await.unwrap(), Postponed::Dead);
    assert_eq!(inbox.postpone(SOURCE, "1", "x").await.unwrap(), Postponed::NotPending);
    assert_eq!(due(&inbox).await, ["2"]);
    let counts = inbox.counts(SOURCE).await.unwrap();
    assert_eq!((counts.pending, counts.dead), (1, 1));
    assert!(counts.oldest_pending_seconds.is_some_and(|age| age < 60), "{counts:?}");

    assert_eq!(inbox.retry_dead(SOURCE, Some("2")).await.unwrap(), 0, "it is not dead");
    assert_eq!(inbox.retry_dead(SOURCE, Some("1")).await.unwrap(), 1);
    assert_eq!(inbox.retry_dead(SOURCE, None).await.unwrap(), 0);
    assert_eq!(due(&inbox).await, ["2"], "it comes behind what waits");
    done(&world, "2").await;
    until("the retried row is due", || async { due(&inbox).await == ["1"] }).await;
    done(&world, "1").await;
    assert_eq!(inbox.counts(SOURCE).await.unwrap(), InboxCounts::default());
}

#[tokio::test]
async fn the_backlog_of_a_source_is_bounded() {
    let world = world().await;
    let inbox = inbox(&world, InboxSettings { backlog_max: 3, ..hasty() });
    for external_id in ["1", "2", "3"] {
        store(&inbox, external_id, external_id).await;
    }
    let error = inbox.store(SOURCE, "4", "4", &Value::Null).await.unwrap_err();
    assert!(matches!(error, InboxError::Full { limit: 3, .. }), "{error}");
    let again = inbox.store(SOURCE, "3", "3", &Value::Null).await.unwrap();
    assert_eq!(again, Stored::Duplicate, "what is known is acknowledged also when it is full");
    assert_eq!(inbox.store("other", "4", "4", &Value::Null).await.unwrap(), Stored::New);
    done(&world, "1").await;
    store(&inbox, "4", "4").await;
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_and_a_zero_character_is_replaced() {
    let world = world().await;
    let inbox = inbox(&world, hasty());
    let long = "x".repeat(Inbox::NAME_SIZE_MAX + 1);
    for (source, external_id, key) in
        [("", "1", "k"), ("s", "", "k"), ("s", "1", ""), ("s", "1\0", "k"), ("s", "1", &long)]
    {
        let error = inbox.store(source, external_id, key, &Value::Null).await.unwrap_err();
        assert!(matches!(error, InboxError::InvalidName { .. }), "{error}");
    }
    let large = Value::String("x".repeat(Inbox::PAYLOAD_SIZE_MAX));
    let error = inbox.store(SOURCE, "1", "k", &large).await.unwrap_err();
    assert!(matches!(error, InboxError::TooLarge { .. }), "{error}");

    let payload = json!({"te\0xt": ["a\0b", {"c": "\\u0000 '\"😀"}], "n": 1});
    inbox.store(SOURCE, "1", "k'; drop table inbox; --", &payload).await.unwrap();
    let row = inbox.next_batch(SOURCE, 1).await.unwrap().remove(0);
    let clean = json!({"te\u{fffd}xt": ["a\u{fffd}b", {"c": "\\u0000 '\"😀"}], "n": 1});
    assert_eq!((row.payload, row.key.as_str()), (clean, "k'; drop table inbox; --"));
}
