//! The promise of `order.rs` over as many events as are asked for: counted, not kept.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use kontor_commands::{AppendOutcome, EventStore, Expected};
use kontor_domain::Recorded;
use kontor_postgres::{EventLog, EventReader};
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use crate::support::{append, world};

/// How many events there must be, when the variable does not say: a few seconds' worth.
const EVENTS: u64 = 20_000;
const VARIABLE: &str = "KONTOR_ORDER_EVENTS";
const WRITERS: u64 = 64;
/// The streams that all of them write to: few enough that writers meet, many enough that most
/// appends get through.
const STREAMS: u128 = 4_096;
/// The events of one append: more than one, so that an append of which a half is lost would show.
const EVENTS_PER_APPEND: usize = 8;
/// One in so many appends is rolled back after the log gave it its positions.
const ROLLED_BACK_OF: u32 = 16;
const PAGE: u32 = 1_000;
/// The most positions that may be missing at a time before the follower gives up counting.
const MISSING_MAX: usize = 100_000;

/// What a follower noticed.
#[derive(Debug, Default)]
struct Noticed {
    last: i64,
    seen: u64,
    missing: BTreeSet<i64>,
    doubled: u64,
    inverted: u64,
    versions: HashMap<Uuid, i64>,
    wrong_versions: u64,
}

impl Noticed {
    fn see(&mut self, event: &Recorded) {
        self.seen += 1;
        if event.position > self.last {
            assert!(self.missing.len() < MISSING_MAX, "lost more than {MISSING_MAX} events");
            self.missing.extend(self.last + 1..event.position);
            self.last = event.position;
        } else if self.missing.remove(&event.position) {
            self.inverted += 1;
        } else {
            self.doubled += 1;
        }
        let version = self.versions.entry(event.stream_id).or_default();
        self.wrong_versions += u64::from(event.version != *version + 1);
        *version = event.version;
    }
}

/// What the writers did.
#[derive(Debug, Default)]
struct Tally {
    committed: AtomicU64,
    conflicts: AtomicU64,
    rolled_back: AtomicU64,
}

/// An append that gets its positions and then does not happen, as by a crash before the commit.
async fn rolled_back(pool: &PgPool, stream: Uuid) {
    let mut tx = pool.begin().await.unwrap();
    let ids: Vec<Uuid> = (0..EVENTS_PER_APPEND).map(|_| Uuid::now_v7()).collect();
    let query = format!(
        "select verdict from append_events(array['demo'], array[$1], array['\\x00'::bytea], \
             array['meter'], array[$2], array[null::bigint], array[null], \
             array['{{\"actor\":{{\"kind\":\"system\",\"name\":\"t\"}}}}'], array[now()], \
             array[{EVENTS_PER_APPEND}], $3, \
             array_fill('meter.x'::text, array[{EVENTS_PER_APPEND}]), \
             array_fill(1, array[{EVENTS_PER_APPEND}]), \
             array_fill('{{}}'::text, array[{EVENTS_PER_APPEND}]))"
    );
    let verdict: String = sqlx::query_scalar(AssertSqlSafe(query))
        .bind(Uuid::now_v7())
        .bind(stream)
        .bind(ids)
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!(verdict, "appended");
    tx.rollback().await.unwrap();
}

async fn writer(log: EventLog, pool: PgPool, enough: u64, tally: Arc<Tally>) {
    let payloads = ["{}"; EVENTS_PER_APPEND];
    while tally.committed.load(Ordering::Relaxed) < enough {
        let stream = Uuid::from_u128(rand::random_range(1..=STREAMS));
        if rand::random_ratio(1, ROLLED_BACK_OF) {
            rolled_back(&pool, stream).await;
            tally.rolled_back.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        // Some believe that the stream is new.
        let expected = if rand::random_bool(0.9) { Expected::Any } else { Expected::NoStream };
        match log.append(append(stream, expected, &payloads)).await.unwrap() {
            AppendOutcome::Appended { .. } => {
                let events = u64::try_from(EVENTS_PER_APPEND).unwrap();
                tally.committed.fetch_add(events, Ordering::Relaxed);
            }
            AppendOutcome::Conflict { .. } => {
                tally.conflicts.fetch_add(1, Ordering::Relaxed);
            }
            AppendOutcome::Duplicate(_) => panic!("a fresh command has a receipt"),
        }
    }
}

/// Follows the log until the writers are done and nothing is new.
#[expect(clippy::print_stdout, reason = "a long run says how far it is")]
async fn follow(reader: EventReader, done: Arc<AtomicBool>) -> Noticed {
    let (mut noticed, mut position) = (Noticed::default(), 0);
    let mut told_at = Instant::now();
    loop {
        let finished = done.load(Ordering::Acquire);
        let page = reader.page(position, PAGE, &[]).await.unwrap();
        page.events.iter().for_each(|event| noticed.see(event));
        match page.last_position {
            Some(last) => position = last,
            None if finished => return noticed,
            None => tokio::task::yield_now().await,
        }
        if told_at.elapsed() > Duration::from_secs(10) {
            println!("{} events followed", noticed.seen);
            told_at = Instant::now();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
async fn a_long_log_is_followed_without_a_loss_a_repetition_or_an_inversion() {
    let enough = std::env::var(VARIABLE).map_or(EVENTS, |text| text.parse().unwrap());
    let world = world().await;
    let follower_pool = kontor_postgres::connect(&world.url, 1).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let following = tokio::spawn(follow(EventReader::new(follower_pool), Arc::clone(&done)));
    let begun = Instant::now();
    // Two processes, so that batches of both meet at the lock.
    let logs = [world.log().0, world.log().0];
    let tally = Arc::new(Tally::default());
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..WRITERS {
        let log = logs[usize::from(!number.is_multiple_of(2))].clone();
        writers.spawn(writer(log, world.pool.clone(), enough, Arc::clone(&tally)));
    }
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
    done.store(true, Ordering::Release);
    let noticed = following.await.unwrap();
    let took = begun.elapsed();

    let committed = tally.committed.load(Ordering::Relaxed);
    let lost = noticed.missing.len();
    println!(
        "{committed} events in {took:?} by {WRITERS} writers, {} conflicts, {} rolled back: \
         {lost} lost, {} doubled, {} inverted",
        tally.conflicts.load(Ordering::Relaxed),
        tally.rolled_back.load(Ordering::Relaxed),
        noticed.doubled,
        noticed.inverted,
    );
    assert!(tally.conflicts.load(Ordering::Relaxed) > 0, "the test met no conflict");
    assert!(tally.rolled_back.load(Ordering::Relaxed) > 0, "the test met no rollback");
    assert_eq!((lost, noticed.doubled, noticed.inverted), (0, 0, 0));
    assert_eq!(noticed.wrong_versions, 0, "the versions of a stream have a gap");
    assert_eq!(noticed.seen, committed);
    let count = world.count("select count(*) from events").await;
    assert_eq!(u64::try_from(count).unwrap(), committed);
    assert_eq!(world.count("select max(position) from events").await, count);
}
