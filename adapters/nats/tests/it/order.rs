use std::{
    sync::{Arc, atomic::AtomicI32},
    time::Duration,
};

use async_nats::jetstream::{AckKind, consumer::PullConsumer};
use futures::{TryStreamExt, future::join_all};
use kontor_commands::{CommandSender, Outcome, Sent};
use kontor_nats::{WorkerSettings, Workers};
use serde_json::json;
use uuid::Uuid;

use crate::{World, accepted, client, done, quick, router, start, stores::Flaky};

#[tokio::test]
async fn a_hundred_readings_of_one_meter_keep_their_order() {
    let world = World::new().await;
    let sender = world.sender().await;
    let id = Uuid::now_v7();
    let register = json!({
        "type": "register", "account_id": Uuid::now_v7(), "kind": "electricity", "zones": 1,
        "digits": 6, "serial_number": "1",
    });
    let envelope = world.envelope("meter", id, register);
    sender.send(envelope, Duration::ZERO).await.unwrap();
    let mut commands = Vec::new();
    for n in 1..=100_i64 {
        let reading = json!({
            "type": "submit_reading", "reading_id": Uuid::now_v7(), "source": "operator",
            "confirmed": true, "values_milli": { "t1": n * 1000 },
        });
        let envelope = world.envelope("meter", id, reading);
        // Handed over one after the other, and not waited for.
        assert_eq!(sender.send(envelope.clone(), Duration::ZERO).await, Ok(Sent::Unknown));
        commands.push(envelope);
    }
    let workers = world.workers("one");
    // A reading below the one before it would be refused.
    for (version, envelope) in (2..).zip(commands) {
        let (outcome, _) = done(&sender, envelope).await;
        let Outcome::Accepted(accepted) = outcome else { panic!("{outcome:?}") };
        assert_eq!(accepted.version, version);
    }
    workers.stop().await;
}

#[tokio::test]
async fn a_store_that_fails_for_a_while_changes_neither_order_nor_number() {
    let world = World::new().await;
    let (id, other) = (Uuid::now_v7(), Uuid::now_v7());
    let first = world.workers("one");
    let sender = world.sender().await;
    for id in [id, other] {
        assert_eq!(accepted(&sender, world.register(id)).await, 1);
    }
    first.stop().await;

    let failures_left = AtomicI32::new(4);
    let store = Flaky { log: world.log.clone(), stream_id: id, failures_left };
    // Every failure sends the command back to the stream, so that those behind it could pass.
    let settings = WorkerSettings {
        store_patience: Duration::ZERO,
        nak_pause: Duration::from_millis(50),
        ..quick("two")
    };
    let (nats, pool) = (world.nats.clone(), world.pool.clone());
    let workers = start(Workers::new(nats, pool, router(Arc::new(store)), settings));
    let names: Vec<String> = (0..20).map(|n| format!("Name {n}")).collect();
    let mut sends = Vec::new();
    for name in &names {
        let envelope = world.rename(id, name);
        sender.send(envelope.clone(), Duration::ZERO).await.unwrap();
        sends.push(done(&sender, envelope));
    }
    assert_eq!(accepted(&sender, world.rename(other, "Not held up")).await, 2);
    join_all(sends).await;
    assert_eq!(world.names(id).await, names);
    workers.stop().await;
    world.wait_until_empty().await;
}

/// A process takes three commands of one account, reports progress of the first, and is heard of no
/// more: so the broker gives the first out again after the others.
#[tokio::test]
async fn what_a_dead_owner_left_keeps_its_order_though_it_comes_in_another() {
    let world = World::new().await;
    let sender = world.sender().await;
    let id = Uuid::now_v7();
    let commands = [world.register(id), world.rename(id, "First"), world.rename(id, "Second")];
    for envelope in &commands {
        let sent = sender.send(envelope.clone(), Duration::ZERO).await;
        assert_eq!(sent, Ok(Sent::Unknown));
    }
    let jetstream = async_nats::jetstream::new(client(&world.server).await);
    let stream = jetstream.get_stream("COMMANDS").await.unwrap();
    let consumers: Vec<String> = stream.consumer_names().try_collect().await.unwrap();
    let mut taken = Vec::new();
    for name in consumers {
        let consumer: PullConsumer = stream.get_consumer(&name).await.unwrap();
        let batch = consumer.fetch().max_messages(commands.len()).messages().await.unwrap();
        taken.extend(batch.try_collect::<Vec<_>>().await.unwrap());
    }
    assert_eq!(taken.len(), commands.len());
    tokio::time::sleep(Duration::from_secs(1)).await;
    taken[0].ack_with(AckKind::Progress).await.unwrap();

    let workers = world.workers("next");
    for (version, envelope) in (1..).zip(commands) {
        assert_eq!(accepted(&sender, envelope).await, version);
    }
    assert_eq!(world.names(id).await, ["First", "Second"]);
    workers.stop().await;
}
