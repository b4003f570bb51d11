use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream};
use kontor_commands::{CommandSender, Envelope, EventStore, Outcome, SendError, Sent};
use kontor_engines::testing;
use kontor_nats::{NatsSender, WorkerSettings, Workers};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{PATIENCE, World, accepted, done, quick, router, start, stores::Stuck, wait_until};

#[tokio::test]
async fn a_worker_that_dies_after_its_commit_leaves_one_effect_and_its_outcome() {
    let world = World::new().await;
    let committed = Arc::new(Notify::new());
    let store = Stuck { log: world.log.clone(), committed: Arc::clone(&committed) };
    let workers =
        Workers::new(world.nats.clone(), world.pool.clone(), router(Arc::new(store)), quick("one"));
    let dying = start(workers);

    let sender = world.sender().await;
    let envelope = world.register(Uuid::now_v7());
    let (id, command_id) = (envelope.id, envelope.command_id);
    let waiting = tokio::spawn(async move { done(&sender, envelope).await });
    tokio::time::timeout(PATIENCE, committed.notified()).await.unwrap();
    // As a crash: nothing is acknowledged, no lease is given back.
    dying.task.abort();

    let workers = world.workers("two");
    let (outcome, replayed) = waiting.await.unwrap();
    assert!(replayed, "the second worker answers from the receipt");
    let receipt = world.log.receipt(&world.tenant, command_id).await.unwrap().unwrap();
    assert_eq!(outcome, receipt.outcome);
    assert_eq!(world.log.load(&world.tenant, id, 0).await.unwrap().stored, 1);
    workers.stop().await;
    world.wait_until_empty().await;
}

#[tokio::test]
async fn a_stopped_worker_hands_its_shards_over_at_once() {
    let world = World::new().await;
    // Nobody would wait for these leases to expire.
    let patient =
        |owner: &str| WorkerSettings { lease_ttl: Duration::from_secs(600), ..quick(owner) };
    let run = |owner: &str| {
        let (nats, pool) = (world.nats.clone(), world.pool.clone());
        start(Workers::new(nats, pool, world.router(), patient(owner)))
    };
    let (first, sender) = (run("one"), world.sender().await);
    let ids: Vec<Uuid> = (0..20).map(|_| Uuid::now_v7()).collect();
    for id in &ids {
        assert_eq!(accepted(&sender, world.register(*id)).await, 1);
    }
    first.stop().await;
    let second = run("two");
    for id in &ids {
        assert_eq!(accepted(&sender, world.rename(*id, "Second")).await, 2);
    }
    second.stop().await;
}

#[tokio::test]
async fn two_sets_of_workers_on_the_same_shards_do_everything_once() {
    let world = World::new().await;
    // Leases in another database: both sets believe that they own every shard.
    let other = testing::database().await;
    let other = kontor_postgres::connect(&other.url, 4).await.unwrap();
    kontor_postgres::migrate(&other).await.unwrap();
    let first = world.workers("one");
    let second = start(Workers::new(world.nats.clone(), other, world.router(), quick("two")));
    let sender = world.sender().await;
    let ids: Vec<Uuid> = (0..20).map(|_| Uuid::now_v7()).collect();
    for id in &ids {
        assert_eq!(accepted(&sender, world.register(*id)).await, 1);
    }
    let renames =
        ids.iter().flat_map(|id| (0..10).map(|n| world.rename(*id, &format!("Name {n}"))));
    let sends = renames.map(|envelope| {
        let sender = sender.clone();
        async move { done(&sender, envelope).await.0 }
    });
    let outcomes: Vec<Outcome> = stream::iter(sends).buffer_unordered(64).collect().await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Accepted(_))));
    for id in ids {
        let mut names = world.names(id).await;
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 10, "every command took effect once");
    }
    first.stop().await;
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_survive_restarts_of_the_broker_with_one_effect_each() {
    const ACCOUNTS: usize = 8;
    const COMMANDS: usize = 40;
    let mut world = World::new().await;
    let workers = world.workers("one");
    let sender = world.sender().await;
    let ids: Vec<Uuid> = (0..ACCOUNTS).map(|_| Uuid::now_v7()).collect();
    for id in &ids {
        assert_eq!(accepted(&sender, world.register(*id)).await, 1);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for id in &ids {
        let envelopes: Vec<Envelope> =
            (0..COMMANDS).map(|n| world.rename(*id, &format!("Name {n}"))).collect();
        let sender = sender.clone();
        tasks.spawn(async move {
            let mut versions = Vec::new();
            for envelope in envelopes {
                versions.push(persistent(&sender, envelope).await);
            }
            versions
        });
    }
    for enough in [60, 150] {
        let head = world.head.clone();
        wait_until("progress", || async { *head.borrow() > enough }).await;
        world.server = tokio::task::spawn_blocking({
            let mut server = world.server;
            move || {
                server.restart();
                server
            }
        })
        .await
        .unwrap();
    }
    while let Some(versions) = tasks.join_next().await {
        let expected: Vec<i64> = (2..).take(COMMANDS).collect();
        assert_eq!(versions.unwrap(), expected, "each command took effect once, in order");
    }
    for id in ids {
        assert_eq!(world.names(id).await.len(), COMMANDS);
    }
    workers.stop().await;
}

/// Sends the same command until its outcome is known, as every adapter does.
async fn persistent(sender: &NatsSender, envelope: Envelope) -> i64 {
    let give_up = tokio::time::Instant::now() + PATIENCE * 2;
    loop {
        assert!(tokio::time::Instant::now() < give_up, "no outcome in time");
        match sender.send(envelope.clone(), Duration::from_secs(1)).await {
            Ok(Sent::Done { outcome: Outcome::Accepted(accepted), .. }) => return accepted.version,
            Ok(Sent::Done { outcome: Outcome::Refused { refusal }, .. }) => panic!("{refusal:?}"),
            Ok(Sent::Unknown) => {}
            Err(SendError::Unavailable(_) | SendError::Unconfirmed | SendError::Overloaded) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(err @ (SendError::CommandIdReused | SendError::Malformed(_))) => panic!("{err}"),
        }
    }
}
