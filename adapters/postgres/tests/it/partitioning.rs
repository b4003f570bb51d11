//! The way to a partitioned log: `migrations/partitioning`, under writers and followers.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use kontor_commands::{AppendOutcome, EventStore, Expected};
use kontor_domain::Recorded;
use kontor_engines::PostgresBinaries;
use kontor_postgres::{EventLog, EventReader, housekeeping};
use uuid::Uuid;

use crate::{
    order::{assert_sound, tail},
    support::{World, append, causes, demo, fill, until, world},
};

const HEADS: &str = include_str!("../../../../migrations/partitioning/9001_stream_heads.sql");
const RANGES: &str = include_str!("../../../../migrations/partitioning/9002_partition_events.sql");
const ARCHIVE: &str =
    include_str!("../../../../migrations/partitioning/9003_archive_partition.sql");
const APPEND: &str = include_str!("../../../../migrations/0002_append_events.sql");

/// Small ranges, so that a short test crosses several.
const SMALL_RANGES: &str = "create function event_partition_size() returns bigint language sql
    immutable as 'select 200::bigint'";
const STREAMS: u128 = 12;

/// Runs a file as an operator does: `psql`, statement by statement, stopping at the first error.
async fn psql(world: &World, script: &str) -> Result<(), String> {
    let program = PostgresBinaries::find().unwrap().program("psql");
    let mut child = tokio::process::Command::new(program)
        .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname", &world.url])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let script = script.to_owned();
    let feed = tokio::spawn(async move {
        // A script that fails early is not read to its end.
        drop(tokio::io::AsyncWriteExt::write_all(&mut input, script.as_bytes()).await);
    });
    let output = child.wait_with_output().await.unwrap();
    feed.await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(errors) }
}

async fn partition(world: &World) {
    psql(world, SMALL_RANGES).await.unwrap();
    psql(world, HEADS).await.unwrap();
    psql(world, RANGES).await.unwrap();
}

/// Appends to random streams until it is told to stop; half of the expectations are wrong.
async fn write(log: EventLog, stop: Arc<AtomicBool>, committed: Arc<AtomicUsize>) {
    while !stop.load(Ordering::Acquire) {
        let stream = Uuid::from_u128(rand::random_range(1..=STREAMS));
        let expected = if rand::random_bool(0.5) {
            Expected::Any
        } else {
            Expected::version(rand::random_range(0..60))
        };
        match log.append(append(stream, expected, &["{}", "{}"])).await {
            Ok(AppendOutcome::Appended { .. }) => committed.fetch_add(2, Ordering::Relaxed),
            Ok(AppendOutcome::Conflict { .. }) => 0,
            Ok(AppendOutcome::Duplicate(_)) => panic!("a fresh command has a receipt"),
            Err(error) => panic!("{}", causes(&error)),
        };
    }
}

async fn ranges(world: &World) -> i64 {
    world.count("select count(*) from pg_inherits where inhparent = 'events'::regclass").await
}

async fn assert_heads_agree(world: &World) {
    let wrong = world
        .count(
            "select count(*) from (
                 select stream_id, max(version) as version, min(position) as first_position,
                     max(position) as last_position, min(tenant) as tenant from events
                 group by stream_id
             ) e full join stream_heads h using (stream_id)
             where h.version is distinct from e.version
                 or h.first_position is distinct from e.first_position
                 or h.last_position is distinct from e.last_position
                 or h.tenant is distinct from e.tenant",
        )
        .await;
    assert_eq!(wrong, 0, "heads that do not agree with the log");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_is_split_under_writers_and_followers_without_losing_or_doubling_anything() {
    let world = world().await;
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let committed = Arc::new(AtomicUsize::new(0));
    // Two processes' worth of appenders, whose connections live through the switch.
    let logs = [world.log().0, world.log().0];
    let writers: Vec<_> = (0..16)
        .map(|number| {
            let log = logs[number % 2].clone();
            tokio::spawn(write(log, Arc::clone(&stop), Arc::clone(&committed)))
        })
        .collect();
    let tail = tokio::spawn(tail(EventReader::new(world.pool.clone()), Arc::clone(&done)));
    let written = |least: usize| {
        let committed = Arc::clone(&committed);
        until("the writers have written", move || {
            let enough = committed.load(Ordering::Relaxed) >= least;
            async move { enough }
        })
    };

    written(300).await;
    partition(&world).await;
    // Past the end of the range that was there before, and over some more.
    let settings = housekeeping::HousekeepingSettings::default();
    for _ in 0..5 {
        housekeeping::sweep(&world.pool, &settings).await.unwrap();
        written(committed.load(Ordering::Relaxed) + 190).await;
    }
    stop.store(true, Ordering::Release);
    for writer in writers {
        writer.await.unwrap();
    }
    for log in &logs {
        log.shutdown().await;
    }
    done.store(true, Ordering::Release);
    let seen: Vec<Recorded> = tail.await.unwrap();

    assert_sound(&seen);
    assert_eq!(seen.len(), committed.load(Ordering::Relaxed));
    let count = world.count("select count(*) from events").await;
    assert_eq!(count, world.count("select max(position) from events").await);
    assert!(ranges(&world).await > 3, "the log has only {} ranges", ranges(&world).await);
    assert_heads_agree(&world).await;
}

#[tokio::test]
async fn a_split_log_keeps_every_promise_of_the_log() {
    let world = world().await;
    let (log, _) = world.log();
    let stream = Uuid::now_v7();
    let first = append(stream, Expected::NoStream, &["{}"]);
    log.append(first.clone()).await.unwrap();
    fill(&log, 250).await;
    partition(&world).await;
    // Twice is harmless for the first step, and the second says that it was done.
    psql(&world, HEADS).await.unwrap();
    assert!(psql(&world, RANGES).await.unwrap_err().contains("already"), "a second split");

    // A retry from before the split finds its receipt.
    assert!(matches!(log.append(first).await.unwrap(), AppendOutcome::Duplicate(_)));
    // The version check reaches over the ranges.
    fill(&log, 250).await;
    let wrong = log.append(append(stream, Expected::NoStream, &["{}"])).await.unwrap();
    assert!(matches!(wrong, AppendOutcome::Conflict { version: 1 }), "{wrong:?}");
    let right = log.append(append(stream, Expected::Exact(1), &["{}", "{}"])).await.unwrap();
    assert!(matches!(right, AppendOutcome::Appended { version: 3, .. }), "{right:?}");
    let loaded = log.load(&demo(), stream, 0).await.unwrap().events;
    assert_eq!(loaded.iter().map(|event| event.version).collect::<Vec<_>>(), [1, 2, 3]);
    assert_heads_agree(&world).await;

    // The log cannot be changed, neither as a whole nor in one of its ranges.
    for statement in [
        "delete from events",
        "update events set tenant = 'x' where false",
        "truncate events",
        "delete from events_origin",
        "update events_4 set version = 9",
        "truncate events_4",
    ] {
        let error = sqlx::query(statement).execute(&world.pool).await.unwrap_err();
        assert!(error.to_string().contains("append only"), "{statement}: {error}");
    }
}

#[tokio::test]
async fn a_closed_range_moves_to_the_archive_and_can_still_be_read() {
    let world = world().await;
    let (log, _) = world.log();
    let streams = fill(&log, 150).await;
    partition(&world).await;
    psql(&world, ARCHIVE).await.unwrap();
    let refused = psql(&world, "call archive_event_partition('events_origin')").await.unwrap_err();
    assert!(refused.contains("still written to"), "{refused}");
    let refused = psql(&world, "call archive_event_partition('receipts')").await.unwrap_err();
    assert!(refused.contains("no range of the event log"), "{refused}");
    fill(&log, 300).await;

    let before: Vec<Recorded> = log.reader().page(0, 5_000, &[]).await.unwrap().events;
    psql(&world, "call archive_event_partition('events_origin')").await.unwrap();
    let after = log.reader().page(0, 5_000, &[]).await.unwrap().events;
    assert_eq!(before, after);
    assert_sound(&after);
    let loaded = log.load(&demo(), streams[0], 0).await.unwrap().events;
    assert_eq!(loaded.len(), 1);
    let error = sqlx::query("delete from events_origin").execute(&world.pool).await.unwrap_err();
    assert!(error.to_string().contains("append only"), "{error}");
    // And the log goes on.
    fill(&log, 20).await;
    assert_eq!(world.count("select count(*) from events").await, 470);
}

#[test]
fn the_append_function_of_a_split_log_differs_in_nothing_but_the_heads() {
    let of_the_log = APPEND.split_once("create function append_events(").unwrap().1;
    let of_the_log = of_the_log.split_once("\n$$;").unwrap().0;
    let of_heads = HEADS.split_once("create or replace function append_events(").unwrap().1;
    let of_heads = of_heads.split_once("\n$$;").unwrap().0;
    let (before, rest) = of_heads.split_once("    moved_heads as (").unwrap();
    let (_, after) = rest.split_once("    ),\n").unwrap();
    let without_heads = format!("{before}{after}");
    let (before, rest) = without_heads.split_once("\n    -- Housekeeping makes the next").unwrap();
    let (_, after) = rest.split_once("    end if;\n").unwrap();
    let without_heads = format!("{before}{after}").replace(
        "select h.version, h.tenant, h.stream_type from stream_heads h
                where h.stream_id = a.stream_id
",
        "select e.version, e.tenant, e.stream_type from events e
                where e.stream_id = a.stream_id
                order by e.version desc
",
    );
    assert_eq!(without_heads, of_the_log, "change both, or neither");
}
