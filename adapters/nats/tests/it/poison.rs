use std::{
    sync::{Arc, atomic::AtomicI32},
    time::Duration,
};

use async_nats::HeaderMap;
use kontor_commands::{CommandSender, SendError, Sent};
use kontor_nats::{WorkerSettings, Workers};
use kontor_postgres::command_dead_letters::{self, CommandDeadLetter, CommandLetterState};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{PATIENCE, World, accepted, client, quick, router, start, stores::Flaky, wait_until};

async fn parked(pool: &PgPool) -> Vec<CommandDeadLetter> {
    command_dead_letters::list(pool, CommandLetterState::Parked, 0, 100).await.unwrap()
}

#[tokio::test]
async fn unreadable_messages_are_set_aside_and_the_others_flow() {
    let world = World::new().await;
    let jetstream = async_nats::jetstream::new(client(&world.server).await);
    let id = Uuid::now_v7();
    let subject = format!("cmd.demo.account.{id}");
    let garbage = vec![0xff; 100];
    let elsewhere = serde_json::to_vec(&world.register(Uuid::now_v7())).unwrap();
    for body in [garbage.clone(), elsewhere, b"{}".to_vec()] {
        jetstream.publish(subject.clone(), body.into()).await.unwrap().await.unwrap();
    }
    let (workers, sender) = (world.workers("one"), world.sender().await);
    // Behind the poison, in the same lane.
    assert_eq!(accepted(&sender, world.register(id)).await, 1);
    world.wait_until_empty().await;
    let letters = parked(&world.pool).await;
    assert_eq!(letters.len(), 3);
    assert_eq!(letters[0].message, garbage);
    assert_eq!((letters[0].tenant.as_str(), letters[0].aggregate.as_str()), ("demo", "account"));
    assert_eq!(letters[0].attempts, 1);
    assert!(letters[1].reason.contains("another aggregate"), "{}", letters[1].reason);
    assert!(letters[1].command_id.is_some());
    workers.stop().await;
}

#[tokio::test]
async fn a_command_that_nobody_understands_is_answered_and_set_aside() {
    let world = World::new().await;
    let (workers, sender) = (world.workers("one"), world.sender().await);
    let unknown = world.envelope("spaceship", Uuid::now_v7(), json!({ "type": "launch" }));
    let malformed = world.envelope("account", Uuid::now_v7(), json!({ "type": "launch" }));
    for envelope in [unknown, malformed] {
        let sent = sender.send(envelope, PATIENCE).await;
        assert!(matches!(&sent, Err(SendError::Malformed(_))), "{sent:?}");
    }
    world.wait_until_empty().await;
    let letters = parked(&world.pool).await;
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].aggregate, "spaceship");
    workers.stop().await;
}

#[tokio::test]
async fn a_command_that_always_fails_is_set_aside_after_its_deliveries() {
    let world = World::new().await;
    let id = Uuid::now_v7();
    let failures_left = AtomicI32::new(i32::MAX);
    let store = Flaky { log: world.log.clone(), stream_id: id, failures_left };
    let settings = WorkerSettings {
        store_patience: Duration::ZERO,
        nak_pause: Duration::from_millis(10),
        deliveries_max: 4,
        ..quick("one")
    };
    let (nats, pool) = (world.nats.clone(), world.pool.clone());
    let workers = start(Workers::new(nats, pool, router(Arc::new(store)), settings));
    let sender = world.sender().await;
    let envelope = world.register(id);
    // Nobody knows whether a failing store kept it, so the sender is not told that it failed.
    let sent = sender.send(envelope.clone(), Duration::from_secs(1)).await;
    assert_eq!(sent, Ok(Sent::Unknown));
    world.wait_until_empty().await;
    let letters = parked(&world.pool).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].attempts, 4);
    assert_eq!(letters[0].command_id, Some(envelope.command_id));
    assert!(letters[0].reason.contains("the disk is gone"), "{}", letters[0].reason);
    assert_eq!(letters[0].message, serde_json::to_vec(&envelope).unwrap());
    workers.stop().await;
}

#[tokio::test]
async fn a_command_cannot_make_a_worker_publish_into_a_stream() {
    let world = World::new().await;
    let jetstream = async_nats::jetstream::new(client(&world.server).await);
    let workers = world.workers("one");
    let envelope = world.register(Uuid::now_v7());
    let subject = format!("cmd.demo.account.{}", envelope.id);
    let mut headers = HeaderMap::new();
    headers.insert("Kontor-Reply-To", "evt.demo.account.registered");
    let body = serde_json::to_vec(&envelope).unwrap();
    let sent = jetstream.publish_with_headers(subject, headers, body.into()).await;
    sent.unwrap().await.unwrap();
    world.wait_until_empty().await;
    wait_until("the effect", || async { *world.head.borrow() == 2 }).await;
    workers.stop().await;
    let events = jetstream.get_stream("EVENTS").await.unwrap();
    assert_eq!(events.cached_info().state.messages, 0);
}
