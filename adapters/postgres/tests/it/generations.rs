//! Read models built anew beside those in use.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kontor_commands::{EventStore, Expected};
use kontor_postgres::{
    EventLog, GenerationError, Leases, ReadModelSettings,
    generations::{
        PromotionError, PromotionTerms, RetirementError, Standing, begin, promote, retire,
    },
    pauses,
};
use sqlx::PgPool;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::{
    support::{append, fill, until, world},
    tally::{
        Process, Tally, assert_equals_replay, generations, progress, seen, settings,
        until_caught_up, until_standing,
    },
};

/// Writes events until it is told to stop; returns how many.
fn write_all_the_time(log: &EventLog, stop: &Arc<AtomicBool>) -> JoinHandle<i64> {
    let (log, stop) = (log.clone(), Arc::clone(stop));
    tokio::spawn(async move {
        let mut written = 0;
        while !stop.load(Ordering::Relaxed) {
            log.append(append(Uuid::now_v7(), Expected::NoStream, &["{}"; 3])).await.unwrap();
            written += 3;
            // Slower than a build: one that never catches up is never promoted.
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        written
    })
}

/// Reads all the time: what is seen never grows less. Returns the number of looks.
fn read_all_the_time(pool: &PgPool, stop: &Arc<AtomicBool>) -> JoinHandle<u64> {
    let (pool, stop) = (pool.clone(), Arc::clone(stop));
    tokio::spawn(async move {
        let (mut last, mut looks) = (0, 0);
        while !stop.load(Ordering::Relaxed) {
            let now = seen(&pool).await;
            assert!(now >= last, "{now} events were seen after {last}");
            (last, looks) = (now, looks + 1);
        }
        looks
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_under_live_writers_never_shows_a_half_built_or_older_answer() {
    let world = world().await;
    let (log, head) = world.log();
    let tally = Tally::new(1);
    let mut large_pages = settings();
    large_pages.follower.page_live = 200;
    large_pages.follower.page_catching_up = 500;
    let process = Process::start_with(&world.pool, &tally, &head, large_pages);
    until_standing(&world.pool, 1, Standing::Active).await;
    fill(&log, 300).await;
    until_caught_up(&world.pool, 1).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writer = write_all_the_time(&log, &stop);
    let readers = [read_all_the_time(&world.pool, &stop), read_all_the_time(&world.pool, &stop)];
    for number in 2..=4 {
        let made = begin(&world.pool, &*tally, 1, true).await.unwrap();
        assert_eq!((made.number, made.standing), (number, Standing::Building));
        until_standing(&world.pool, number, Standing::Active).await;
        retire(&world.pool, "tally", number - 1).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    assert!(writer.await.unwrap() > 0);
    for reader in readers {
        assert!(reader.await.unwrap() > 10);
    }
    assert_equals_replay(&world, &tally, 4).await;
    assert_eq!(generations(&world.pool).await.len(), 1);
    process.stop().await;
}

#[tokio::test]
async fn a_build_that_is_killed_again_and_again_goes_on_where_it_was() {
    let world = world().await;
    let (log, head) = world.log();
    let tally = Tally::new(1);
    fill(&log, 400).await;
    let short = || {
        let mut settings = settings();
        settings.follower.lease_ttl = Duration::from_millis(80);
        // Small pages, so that it is killed in the middle of many.
        settings.follower.page_live = 5;
        settings.follower.page_catching_up = 10;
        settings.promotion.behind_max = 0;
        settings
    };
    let mut reached = 0;
    for round in 0..200 {
        let process = Process::start_with(&world.pool, &tally, &head, short());
        tokio::time::sleep(Duration::from_millis(20 + round % 7 * 10)).await;
        process.kill();
        let Some(generation) = generations(&world.pool).await.first().cloned() else { continue };
        let position = progress(&world.pool, generation.number).await.position;
        assert!(position >= reached, "from {reached} back to {position}");
        reached = position;
        if generation.standing == Standing::Active {
            break;
        }
    }
    let process = Process::start(&world.pool, &tally, &head);
    until_standing(&world.pool, 1, Standing::Active).await;
    assert_equals_replay(&world, &tally, 1).await;
    process.stop().await;
}

#[tokio::test]
async fn a_version_with_other_columns_is_built_and_promoted_while_the_old_one_runs_on() {
    let world = world().await;
    let (log, head) = world.log();
    let (old, new) = (Tally::new(1), Tally::new(2));
    let old_process = Process::start(&world.pool, &old, &head);
    until_standing(&world.pool, 1, Standing::Active).await;
    fill(&log, 60).await;
    let new_process = Process::start(&world.pool, &new, &head);
    until_standing(&world.pool, 2, Standing::Active).await;
    fill(&log, 30).await;
    // The new columns are read, and both generations are kept up to date.
    assert_equals_replay(&world, &new, 2).await;
    assert_equals_replay(&world, &old, 1).await;
    assert_eq!(world.count("select count(last_position) from tally_rows").await, 90);

    // Back to the old version, and it stays so although the new one runs.
    let terms = PromotionTerms::default();
    assert_eq!(promote(&world.pool, "tally", 1, &terms).await.unwrap().before, Some(2));
    assert_eq!(seen(&world.pool).await, 90);
    tokio::time::sleep(Duration::from_millis(300)).await;
    until_standing(&world.pool, 1, Standing::Active).await;
    until_standing(&world.pool, 2, Standing::Standby).await;
    promote(&world.pool, "tally", 2, &terms).await.unwrap();

    // A process that is left over from before takes nothing back.
    old_process.stop().await;
    retire(&world.pool, "tally", 1).await.unwrap();
    let left_over = Process::start(&world.pool, &old, &head);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(generations(&world.pool).await.len(), 1);
    left_over.stop().await;
    new_process.stop().await;
}

#[tokio::test]
async fn segments_come_to_the_same_rows_as_one() {
    let world = world().await;
    let (log, head) = world.log();
    let tally = Tally::new(1);
    let process = Process::start(&world.pool, &tally, &head);
    until_standing(&world.pool, 1, Standing::Active).await;
    for stream in fill(&log, 200).await {
        log.append(append(stream, Expected::Any, &["{}", "{}"])).await.unwrap();
    }
    begin(&world.pool, &*tally, 4, false).await.unwrap();
    until_caught_up(&world.pool, 2).await;
    let shared =
        world.count("select count(*) from checkpoints where version = 2 and position = 600").await;
    assert_eq!(shared, 4);
    assert_equals_replay(&world, &tally, 2).await;
    assert_equals_replay(&world, &tally, 1).await;
    promote(&world.pool, "tally", 2, &PromotionTerms::default()).await.unwrap();
    fill(&log, 50).await;
    assert_equals_replay(&world, &tally, 2).await;
    for wrong in [0, 3, -2, 128] {
        let error = begin(&world.pool, &*tally, wrong, false).await.unwrap_err();
        assert!(matches!(error, GenerationError::Segments(_)), "{error:?}");
    }
    process.stop().await;
}

#[tokio::test]
async fn a_parked_event_keeps_a_build_from_being_promoted_unless_it_is_forced() {
    let world = world().await;
    let (log, head) = world.log();
    let (good, bad) = (Tally::new(1), Tally::new(2));
    let streams = fill(&log, 10).await;
    *bad.poison.lock().unwrap() = Some(streams[3]);
    let good_process = Process::start(&world.pool, &good, &head);
    until_standing(&world.pool, 1, Standing::Active).await;
    let processes = [good_process, Process::start(&world.pool, &bad, &head)];
    until_standing(&world.pool, 2, Standing::Building).await;
    until_caught_up(&world.pool, 2).await;
    until("the event is parked", || async { progress(&world.pool, 2).await.parked == 1 }).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    until_standing(&world.pool, 2, Standing::Building).await;
    let terms = PromotionTerms::default();
    let error = promote(&world.pool, "tally", 2, &terms).await.unwrap_err();
    assert!(matches!(error, PromotionError::Parked { count: 1, .. }), "{error:?}");
    let forced = PromotionTerms { with_parked: true, ..terms };
    promote(&world.pool, "tally", 2, &forced).await.unwrap();
    assert_eq!(seen(&world.pool).await, 9);
    // Mended, it is applied in the generation that is read.
    *bad.poison.lock().unwrap() = None;
    until("the event is applied", || async { seen(&world.pool).await == 10 }).await;
    for process in processes {
        process.stop().await;
    }
}

#[tokio::test]
async fn what_is_paused_stands_still_in_all_processes_until_it_is_resumed() {
    let world = world().await;
    let (log, head) = world.log();
    let tally = Tally::new(1);
    let first = Process::start(&world.pool, &tally, &head);
    until_standing(&world.pool, 1, Standing::Active).await;
    assert!(pauses::pause(&world.pool, "tally", pauses::WHOLE).await.unwrap());
    assert!(!pauses::pause(&world.pool, "tally", pauses::WHOLE).await.unwrap());
    until("it says that it is paused", || async {
        progress(&world.pool, 1).await.state.as_deref() == Some("paused")
    })
    .await;
    fill(&log, 20).await;
    first.stop().await;
    let second = Process::start(&world.pool, &tally, &head);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(seen(&world.pool).await, 0);
    assert!(progress(&world.pool, 1).await.paused);
    assert!(pauses::resume(&world.pool, "tally", pauses::WHOLE).await.unwrap());
    assert!(!pauses::resume(&world.pool, "tally", pauses::WHOLE).await.unwrap());
    until("it goes on", || async { seen(&world.pool).await == 20 }).await;
    // One generation alone, too.
    begin(&world.pool, &*tally, 1, false).await.unwrap();
    until_caught_up(&world.pool, 2).await;
    pauses::pause(&world.pool, "tally", 2).await.unwrap();
    until("the second one is paused", || async {
        progress(&world.pool, 2).await.state.as_deref() == Some("paused")
    })
    .await;
    fill(&log, 5).await;
    until("the first one goes on", || async { seen(&world.pool).await == 25 }).await;
    assert_eq!(progress(&world.pool, 2).await.position, 20);
    let error = promote(&world.pool, "tally", 2, &PromotionTerms::default()).await.unwrap_err();
    assert!(matches!(error, PromotionError::Stands { .. }), "{error:?}");
    second.stop().await;
}

#[tokio::test]
async fn two_operators_at_once_make_one_generation_and_one_switch() {
    let world = world().await;
    let (log, head) = world.log();
    let tally = Tally::new(1);
    let process = Process::start(&world.pool, &tally, &head);
    until_standing(&world.pool, 1, Standing::Active).await;
    fill(&log, 20).await;
    let (one, other) =
        tokio::join!(begin(&world.pool, &*tally, 1, false), begin(&world.pool, &*tally, 2, false));
    let outcomes = [one, other];
    assert_eq!(outcomes.iter().filter(|it| it.is_ok()).count(), 1);
    assert!(
        outcomes.iter().any(|it| matches!(it, Err(GenerationError::Building { number: 2, .. })))
    );
    until_caught_up(&world.pool, 2).await;
    let terms = PromotionTerms::default();
    let (one, other) = tokio::join!(
        promote(&world.pool, "tally", 2, &terms),
        promote(&world.pool, "tally", 2, &terms)
    );
    let mut before = [one.unwrap().before, other.unwrap().before];
    before.sort_unstable();
    assert_eq!(before, [Some(1), Some(2)], "one switched, the other found it done");
    process.stop().await;
}

#[tokio::test]
async fn what_is_read_cannot_be_retired_and_what_is_retired_is_gone() {
    let world = world().await;
    let (log, head) = world.log();
    let tally = Tally::new(1);
    let process = Process::start(&world.pool, &tally, &head);
    until_standing(&world.pool, 1, Standing::Active).await;
    fill(&log, 5).await;
    let error = retire(&world.pool, "tally", 1).await.unwrap_err();
    assert!(matches!(error, RetirementError::Active { .. }), "{error:?}");
    begin(&world.pool, &*tally, 2, false).await.unwrap();
    until_caught_up(&world.pool, 2).await;
    retire(&world.pool, "tally", 2).await.unwrap();
    let error = retire(&world.pool, "tally", 2).await.unwrap_err();
    assert!(matches!(error, RetirementError::Unknown { .. }), "{error:?}");
    let error = promote(&world.pool, "tally", 2, &PromotionTerms::default()).await.unwrap_err();
    assert!(matches!(error, PromotionError::Unknown { .. }), "{error:?}");
    // Its followers stop, and nothing of it comes back.
    fill(&log, 5).await;
    until("the first generation goes on", || async { seen(&world.pool).await == 10 }).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(world.count("select count(*) from checkpoints where version = 2").await, 0);
    let schemas = "select count(*) from pg_namespace where nspname = 'rm_tally_2'";
    assert_eq!(world.count(schemas).await, 0);
    process.stop().await;
}

#[tokio::test]
async fn a_generation_behind_the_log_or_without_a_process_is_not_promoted() {
    let world = world().await;
    let (log, head) = world.log();
    let tally = Tally::new(1);
    let process = Process::start(&world.pool, &tally, &head);
    until_standing(&world.pool, 1, Standing::Active).await;
    fill(&log, 8).await;
    until_caught_up(&world.pool, 1).await;
    process.stop().await;
    begin(&world.pool, &*tally, 1, true).await.unwrap();
    let strict = PromotionTerms { behind_max: 7, ..PromotionTerms::default() };
    let error = promote(&world.pool, "tally", 2, &strict).await.unwrap_err();
    assert!(matches!(error, PromotionError::Behind { behind: 8, .. }), "{error:?}");
    let error = promote(&world.pool, "tally", 2, &PromotionTerms::default()).await.unwrap_err();
    assert!(matches!(error, PromotionError::Stands { .. }), "{error:?}");
    assert_eq!(seen(&world.pool).await, 8);
    // Whoever read the leases: both generations are free, and a process takes both up.
    let leases = Leases::new(world.pool.clone(), "test", Duration::from_secs(1));
    assert_eq!(leases.holder("follower.tally.v1").await.unwrap(), None);
    let process =
        Process::start_with(&world.pool, &tally, &head, ReadModelSettings { ..settings() });
    until_standing(&world.pool, 2, Standing::Active).await;
    process.stop().await;
}
