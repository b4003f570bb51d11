//! The promise that everything rests on: nothing lost, nothing twice, nothing out of order.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use kontor_commands::{AppendOutcome, EventStore, Expected};
use kontor_domain::Recorded;
use kontor_postgres::{EventLog, EventReader};
use sqlx::{Connection, PgConnection, PgPool};
use uuid::Uuid;

use crate::support::{World, append, occurred_at, world};

const WRITERS: usize = 64;
const ROUNDS: usize = 25;
const STREAMS: u128 = 24;

/// What the writers did.
#[derive(Default)]
struct Tally {
    committed: AtomicUsize,
    conflicts: AtomicUsize,
    rolled_back: AtomicUsize,
}

/// One raw call of the append function in a transaction that may be rolled back.
async fn write_raw(pool: &PgPool, stream: Uuid, expected: Option<i64>, tally: &Tally) {
    let mut connection = pool.acquire().await.unwrap();
    let mut tx = connection.begin().await.unwrap();
    let events = rand::random_range(1..4_usize);
    let verdict: String = sqlx::query_scalar(
        "select verdict from append_events(array['demo'], array[$1], array['\\x00'::bytea],
             array['meter'], array[$2], array[$3::bigint], array[null], array[$4],
             array[$5::timestamptz], array[$6], $7, array_fill('meter.x'::text, array[$6]),
             array_fill(1, array[$6]), array_fill('{}'::text, array[$6]))",
    )
    .bind(Uuid::now_v7())
    .bind(stream)
    .bind(expected)
    .bind(format!(
        r#"{{"actor":{{"kind":"system","name":"t"}},"command_id":"{0}","correlation_id":"{0}"}}"#,
        Uuid::nil()
    ))
    .bind(occurred_at())
    .bind(i32::try_from(events).unwrap())
    .bind((0..events).map(|_| Uuid::now_v7()).collect::<Vec<_>>())
    .fetch_one(&mut *tx)
    .await
    .unwrap();
    if rand::random_bool(0.3) {
        tx.rollback().await.unwrap();
        tally.rolled_back.fetch_add(1, Ordering::Relaxed);
        return;
    }
    tx.commit().await.unwrap();
    if verdict == "appended" {
        tally.committed.fetch_add(events, Ordering::Relaxed);
    } else {
        assert_eq!(verdict, "conflict");
        tally.conflicts.fetch_add(1, Ordering::Relaxed);
    }
}

/// One append through the event log.
async fn write_batched(log: &EventLog, stream: Uuid, expected: Expected, tally: &Tally) {
    match log.append(append(stream, expected, &["{}", "{}"])).await.unwrap() {
        AppendOutcome::Appended { .. } => tally.committed.fetch_add(2, Ordering::Relaxed),
        AppendOutcome::Conflict { .. } => tally.conflicts.fetch_add(1, Ordering::Relaxed),
        AppendOutcome::Duplicate(_) => panic!("a fresh command has a receipt"),
    };
}

async fn writer(log: EventLog, pool: PgPool, number: usize, tally: Arc<Tally>) {
    for _ in 0..ROUNDS {
        let stream = Uuid::from_u128(rand::random_range(1..=STREAMS));
        // Half of them guess the version, and are often wrong.
        let guess: i64 = rand::random_range(0..40);
        let pinned = rand::random_bool(0.5);
        if number.is_multiple_of(2) {
            write_raw(&pool, stream, pinned.then_some(guess), &tally).await;
        } else {
            let expected = if pinned { Expected::version(guess) } else { Expected::Any };
            write_batched(&log, stream, expected, &tally).await;
        }
    }
}

/// Tails the log as a follower does, until the writers are done and nothing is new.
pub(crate) async fn tail(reader: EventReader, done: Arc<AtomicBool>) -> Vec<Recorded> {
    let mut seen: Vec<Recorded> = Vec::new();
    let mut position = 0;
    loop {
        let finished = done.load(Ordering::Acquire);
        let page = reader.page(position, 50, &[]).await.unwrap();
        match page.last_position {
            Some(last) => {
                position = last;
                seen.extend(page.events);
            }
            None if finished => return seen,
            None => tokio::task::yield_now().await,
        }
    }
}

pub(crate) fn assert_sound(seen: &[Recorded]) {
    for (expected, event) in (1_i64..).zip(seen) {
        assert_eq!(event.position, expected, "lost, doubled or out of order");
    }
    let mut versions: HashMap<Uuid, i64> = HashMap::new();
    for event in seen {
        let version = versions.entry(event.stream_id).or_default();
        *version += 1;
        assert_eq!(event.version, *version, "the versions of a stream have a gap");
    }
}

async fn run_writers(world: &World) -> Tally {
    let (log, _) = world.log();
    let tally = Arc::new(Tally::default());
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let (log, pool) = (log.clone(), world.pool.clone());
            tokio::spawn(writer(log, pool, number, Arc::clone(&tally)))
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    log.shutdown().await;
    Arc::into_inner(tally).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_follower_loses_doubles_and_inverts_nothing_under_64_writers_with_rollbacks() {
    let world = world().await;
    let tail_pool = kontor_postgres::connect(&world.url, 1).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let tail = tokio::spawn(tail(EventReader::new(tail_pool), Arc::clone(&done)));

    // A transaction that stays open, with an id of its own, must not hold anybody up.
    let mut idle = PgConnection::connect(&world.url).await.unwrap();
    let mut idle = idle.begin().await.unwrap();
    sqlx::query("create table unrelated (id int)").execute(&mut *idle).await.unwrap();

    let tally = run_writers(&world).await;
    done.store(true, Ordering::Release);
    let seen = tail.await.unwrap();

    assert_sound(&seen);
    assert_eq!(seen.len(), tally.committed.into_inner());
    assert!(tally.conflicts.into_inner() > 0, "the test met no conflict");
    assert!(tally.rolled_back.into_inner() > 0, "the test met no rollback");
    let count = world.count("select count(*) from events").await;
    assert_eq!(count, world.count("select max(position) from events").await);
    assert_eq!(usize::try_from(count).unwrap(), seen.len());
    idle.rollback().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn streams_that_nobody_shares_never_conflict() {
    let world = world().await;
    // Two processes, so that batches of both meet at the lock.
    let logs = [world.log().0, world.log().0];
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let log = logs[number % 2].clone();
            tokio::spawn(async move {
                let stream = Uuid::now_v7();
                for version in (0..).take(ROUNDS) {
                    let expected = Expected::version(version);
                    let outcome = log.append(append(stream, expected, &["{}"])).await.unwrap();
                    assert!(matches!(outcome, AppendOutcome::Appended { .. }), "{outcome:?}");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let written = i64::try_from(WRITERS * ROUNDS).unwrap();
    assert_eq!(world.count("select count(*) from events").await, written);
}
