//! The sender without a broker.

use std::{sync::Arc, time::Duration};

use kontor_commands::{
    CommandSender, LocalSender, Outcome, SendError, Sent,
    memory::{Faults, MemoryStore},
};
use serde_json::json;
use uuid::Uuid;

use crate::support::{add, router, tenant, to_tally};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_sent_command_is_done_and_a_repeated_one_replayed() {
    let sender = LocalSender::new(router(&Arc::new(MemoryStore::new())));
    let envelope = add(Uuid::now_v7(), 5);
    for expected in [false, true] {
        let Sent::Done { outcome: Outcome::Accepted(accepted), replayed } =
            sender.send(envelope.clone(), PATIENCE).await.unwrap()
        else {
            panic!("not accepted")
        };
        assert_eq!((accepted.version, replayed), (1, expected));
    }
}

#[tokio::test]
async fn errors_reach_the_sender_in_its_own_terms() {
    let sender = LocalSender::new(router(&Arc::new(MemoryStore::new())));
    let id = Uuid::now_v7();
    let envelope = add(id, 5);
    sender.send(envelope.clone(), PATIENCE).await.unwrap();
    let mut other = add(id, 6);
    other.command_id = envelope.command_id;
    assert_eq!(sender.send(other, PATIENCE).await, Err(SendError::CommandIdReused));
    let malformed = sender.send(to_tally(id, json!({"type": "add"})), PATIENCE).await;
    assert_eq!(malformed, Err(SendError::Malformed("missing field `amount`".to_owned())));
    let mut unknown = add(id, 1);
    unknown.aggregate = "teapot".to_owned();
    let unknown = sender.send(unknown, PATIENCE).await;
    assert!(matches!(unknown, Err(SendError::Malformed(_))), "{unknown:?}");
    let defect = sender.send(to_tally(id, json!({"type": "panic_in_decide"})), PATIENCE).await;
    assert!(matches!(defect, Err(SendError::Malformed(_))), "{defect:?}");
}

#[tokio::test]
async fn a_sender_that_does_not_wait_leaves_the_command_to_be_done() {
    let faults = Faults { yields_max: 200, seed: 3, ..Faults::default() };
    let store = Arc::new(MemoryStore::with_faults(faults));
    let sender = LocalSender::new(router(&store));
    let envelope = add(Uuid::now_v7(), 5);
    assert_eq!(sender.send(envelope.clone(), Duration::ZERO).await, Ok(Sent::Unknown));
    drop(sender.send(add(Uuid::now_v7(), 5), PATIENCE));
    let mut polls = 0;
    while store.receipts(&tenant()).is_empty() {
        polls += 1;
        assert!(polls < 10_000, "the command was never carried out");
        tokio::task::yield_now().await;
    }
    let sent = sender.send(envelope, PATIENCE).await;
    assert!(matches!(sent, Ok(Sent::Done { replayed: true, .. })), "{sent:?}");
    // The dropped future had never been started, so its command was never taken.
    assert_eq!(store.events().len(), 1);
}

#[tokio::test]
async fn a_store_that_fails_now_and_then_is_asked_again() {
    let faults = Faults {
        seed: 7,
        load_fails_per_mille: 300,
        append_fails_before_per_mille: 200,
        append_fails_after_per_mille: 200,
        ..Faults::default()
    };
    let store = Arc::new(MemoryStore::with_faults(faults));
    let sender = LocalSender::new(router(&store));
    let id = Uuid::now_v7();
    let mut done = 0;
    for _ in 0..8 {
        match sender.send(add(id, 1), PATIENCE).await.unwrap() {
            Sent::Done { .. } => done += 1,
            Sent::Unknown => {}
        }
    }
    assert!(done >= 6, "{done} of 8");
    assert!(store.events().len() >= done);
}

#[tokio::test]
async fn a_store_that_fails_for_good_leaves_the_outcome_unknown() {
    let faults = Faults { append_fails_after_per_mille: 1000, ..Faults::default() };
    let store = Arc::new(MemoryStore::with_faults(faults));
    let sender = LocalSender::new(router(&store));
    assert_eq!(sender.send(add(Uuid::now_v7(), 1), PATIENCE).await, Ok(Sent::Unknown));
    assert_eq!(store.events().len(), 1);
}
