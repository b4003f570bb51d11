//! Projections: each event once, whatever happens to the follower.

use std::{sync::atomic::Ordering, time::Duration};

use kontor_commands::{EventStore, Expected, NewEvent};
use kontor_postgres::{EventLog, FollowerSettings, Leases, Step};
use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    ledger::{Fault, Ledger, catch_up, checkpoint, follower, hasty, rows},
    support::{World, append, event, fill, until, world},
};

/// The name of the ledger's lease.
const LEASE: &str = "follower.ledger.v3";

/// `count` events of other types, of one stream.
async fn fill_others(log: &EventLog, count: usize) {
    let mut others = append(Uuid::now_v7(), Expected::NoStream, &[]);
    others.events =
        (0..count).map(|_| NewEvent { event_type: "meter.archived", ..event("{}") }).collect();
    log.append(others).await.unwrap();
}

/// Every wanted event has its row, in order.
async fn assert_complete(world: &World) {
    let wrong = world
        .count(
            "select count(*) from events e full join ledger_rows r using (position)
             where e.event_type is distinct from 'meter.archived'
                 and (e.position is null or r.position is null)",
        )
        .await;
    assert_eq!(wrong, 0);
    let inverted = world
        .count(
            "select count(*) from ledger_rows a join ledger_rows b using (stream)
             where a.version < b.version and a.place > b.place",
        )
        .await;
    assert_eq!(inverted, 0);
}

#[tokio::test]
async fn a_projection_gets_the_wanted_events_in_pages_and_moves_past_the_others() {
    let world = world().await;
    let (log, _) = world.log();
    let ledger = Ledger::new(&world).await;
    let mut follower = follower(&world, &ledger, hasty());
    assert_eq!(follower.step().await.unwrap(), Step::Idle);

    fill_others(&log, 12).await;
    fill(&log, 30).await;
    assert_eq!(
        follower.step().await.unwrap(),
        Step::Advanced { position: 5, events: 0, more: true }
    );
    assert_eq!(checkpoint(&world.pool).await.1, "catching_up");
    // Pages grow while there is more: 5, 10, 20 and the rest.
    assert_eq!(
        follower.step().await.unwrap(),
        Step::Advanced { position: 15, events: 3, more: true }
    );
    assert_eq!(
        follower.step().await.unwrap(),
        Step::Advanced { position: 35, events: 20, more: true }
    );
    assert_eq!(
        follower.step().await.unwrap(),
        Step::Advanced { position: 42, events: 7, more: false }
    );
    assert_eq!(follower.step().await.unwrap(), Step::Idle);
    assert_eq!(ledger.pages.load(Ordering::Relaxed), 3);
    assert_eq!(checkpoint(&world.pool).await, (42, "live".to_owned(), None));
    assert_complete(&world).await;
}

#[tokio::test]
async fn events_for_others_cost_no_commit_and_the_checkpoint_comes_after() {
    let world = world().await;
    let (log, _) = world.log();
    let ledger = Ledger::new(&world).await;
    let hour = Duration::from_secs(3_600);
    let patient = FollowerSettings { page_live: 500, skim_max: hour, ..hasty() };
    let mut reader = follower(&world, &ledger, patient);
    fill(&log, 1).await;
    reader.step().await.unwrap();
    assert_eq!(checkpoint(&world.pool).await, (1, "live".to_owned(), None));

    fill_others(&log, 3).await;
    let skimmed = Step::Advanced { position: 4, events: 0, more: false };
    assert_eq!(reader.step().await.unwrap(), skimmed);
    assert_eq!(reader.step().await.unwrap(), Step::Idle);
    assert_eq!(checkpoint(&world.pool).await.0, 1, "the page cost a commit");
    // An event for this follower takes the checkpoint past all of them at once.
    fill(&log, 1).await;
    let applied = Step::Advanced { position: 5, events: 1, more: false };
    assert_eq!(reader.step().await.unwrap(), applied);
    assert_eq!(checkpoint(&world.pool).await.0, 5);
    assert_complete(&world).await;
}

#[tokio::test]
async fn a_checkpoint_follows_by_itself_when_all_events_are_for_others() {
    let world = world().await;
    let (log, head) = world.log();
    let ledger = Ledger::new(&world).await;
    let hour = Duration::from_secs(3_600);
    // Long before anybody polls.
    let lazy = FollowerSettings { poll_every: hour, heartbeat_every: hour, ..hasty() };
    let stop = CancellationToken::new();
    let running = tokio::spawn(follower(&world, &ledger, lazy).run(head, stop.clone()));
    fill(&log, 1).await;
    until("the follower is live", || async { rows(&world.pool).await.len() == 1 }).await;
    fill_others(&log, 2).await;
    until("the checkpoint follows", || async { checkpoint(&world.pool).await.0 == 3 }).await;
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_follower_that_is_killed_again_and_again_applies_each_event_once() {
    let world = world().await;
    let (log, head) = world.log();
    let ledger = Ledger::new(&world).await;
    let settings = || FollowerSettings {
        lease_ttl: Duration::from_millis(60),
        owner: Uuid::now_v7().to_string(),
        ..hasty()
    };
    let writing = tokio::spawn({
        let log = log.clone();
        async move { fill(&log, 400).await }
    });
    let mut killed = 0_u64;
    while !(writing.is_finished() && rows(&world.pool).await.len() == 400) {
        assert!(killed < 2_000, "the follower makes no progress");
        let running = tokio::spawn(
            follower(&world, &ledger, settings()).run(head.clone(), CancellationToken::new()),
        );
        // Now soon after its start, now in the middle of its work.
        tokio::time::sleep(Duration::from_millis(10 + killed % 17 * 10)).await;
        running.abort();
        killed += 1;
    }
    writing.await.unwrap();
    assert!(killed > 3, "it was killed {killed} times only");
    assert_complete(&world).await;
}

#[tokio::test]
async fn two_followers_share_the_work_by_turns_and_never_at_once() {
    let world = world().await;
    let (log, _) = world.log();
    let ledger = Ledger::new(&world).await;
    let mut first = follower(&world, &ledger, hasty());
    let mut second = follower(&world, &ledger, hasty());
    fill(&log, 3).await;
    assert!(matches!(first.step().await.unwrap(), Step::Advanced { .. }));
    assert_eq!(second.step().await.unwrap(), Step::Standby);
    catch_up(&mut first).await;
    drop(first);
    sqlx::query("update leases set expires_at = clock_timestamp()")
        .execute(&world.pool)
        .await
        .unwrap();
    fill(&log, 3).await;
    assert!(matches!(second.step().await.unwrap(), Step::Advanced { position: 6, events: 3, .. }));
    assert_complete(&world).await;
}

#[tokio::test]
async fn a_follower_with_an_old_epoch_cannot_move_the_checkpoint() {
    let world = world().await;
    let (log, _) = world.log();
    let ledger = Ledger::new(&world).await;
    let mut stale = follower(&world, &ledger, hasty());
    let mut fresh = follower(&world, &ledger, hasty());
    fill(&log, 3).await;
    catch_up(&mut stale).await;

    // The lease changes hands without the first one noticing.
    let leases = Leases::new(world.pool.clone(), "operator", Duration::from_secs(60));
    let seized = leases.seize(LEASE).await.unwrap();
    leases.release(&seized).await.unwrap();
    assert_eq!(fresh.step().await.unwrap(), Step::Idle);

    fill(&log, 3).await;
    assert_eq!(stale.step().await.unwrap(), Step::Lost);
    assert_eq!(checkpoint(&world.pool).await.0, 3);
    assert_eq!(rows(&world.pool).await.len(), 3);
    assert_eq!(stale.step().await.unwrap(), Step::Standby);
    assert!(matches!(fresh.step().await.unwrap(), Step::Advanced { position: 6, .. }));
    assert_complete(&world).await;
}

#[tokio::test]
async fn a_checkpoint_moved_by_another_hand_stops_the_page() {
    let world = world().await;
    let (log, _) = world.log();
    let ledger = Ledger::new(&world).await;
    let mut follower = follower(&world, &ledger, hasty());
    fill(&log, 2).await;
    catch_up(&mut follower).await;
    fill(&log, 2).await;
    sqlx::query("update checkpoints set position = 3").execute(&world.pool).await.unwrap();
    assert_eq!(follower.step().await.unwrap(), Step::Lost);
    assert_eq!(rows(&world.pool).await.len(), 2);
    // It starts again from where the checkpoint stands.
    assert!(matches!(
        follower.step().await.unwrap(),
        Step::Advanced { position: 4, events: 1, more: false }
    ));
}

#[tokio::test]
async fn a_failing_database_is_nobodys_fault_and_the_page_is_repeated() {
    let world = world().await;
    let (log, _) = world.log();
    let ledger = Ledger::new(&world).await;
    let mut follower = follower(&world, &ledger, hasty());
    let stream = fill(&log, 3).await[1];
    ledger.break_stream(stream, Fault::Database);
    for _ in 0..3 {
        follower.step().await.unwrap_err();
    }
    let (position, state, error) = checkpoint(&world.pool).await;
    assert_eq!((position, state.as_str()), (0, "retrying"));
    assert!(error.unwrap().contains("the projection cannot write"));
    assert_eq!(world.count("select count(*) from dead_letters").await, 0);
    ledger.mend(stream);
    catch_up(&mut follower).await;
    assert_eq!(checkpoint(&world.pool).await, (3, "live".to_owned(), None));
    assert_complete(&world).await;
}

#[tokio::test]
async fn broken_connections_cost_time_and_no_event() {
    let world = world().await;
    let (log, head) = world.log();
    let ledger = Ledger::new(&world).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(follower(&world, &ledger, hasty()).run(head, stop.clone()));
    let mut admin = PgConnection::connect(&world.url).await.unwrap();
    for _ in 0..15 {
        fill(&log, 10).await;
        sqlx::query(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and application_name = 'kontor'",
        )
        .execute(&mut admin)
        .await
        .unwrap();
    }
    let check = kontor_postgres::connect(&world.url, 1).await.unwrap();
    until("all events are applied", || async { rows(&check).await.len() == 150 }).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(checkpoint(&check).await.0, 150);
}

#[tokio::test]
async fn the_head_wakes_a_follower_and_an_idle_transaction_does_not_hold_it_up() {
    let world = world().await;
    let (log, head) = world.log();
    let ledger = Ledger::new(&world).await;
    let mut idle = PgConnection::connect(&world.url).await.unwrap();
    let mut idle = idle.begin().await.unwrap();
    sqlx::query("create table unrelated (id int)").execute(&mut *idle).await.unwrap();

    // Without being woken it would look once in an hour.
    let settings = FollowerSettings { poll_every: Duration::from_secs(3_600), ..hasty() };
    let stop = CancellationToken::new();
    let running = tokio::spawn(follower(&world, &ledger, settings).run(head, stop.clone()));
    for count in [1, 30, 1] {
        let before = rows(&world.pool).await.len();
        fill(&log, count).await;
        until("the events are applied", || async {
            rows(&world.pool).await.len() == before + count
        })
        .await;
    }
    stop.cancel();
    running.await.unwrap();
    idle.rollback().await.unwrap();
}

#[tokio::test]
async fn without_a_head_the_follower_looks_by_itself() {
    let world = world().await;
    let (log, _) = world.log();
    let ledger = Ledger::new(&world).await;
    let settings = FollowerSettings { poll_every: Duration::from_millis(5), ..hasty() };
    let stop = CancellationToken::new();
    let (sender, head) = watch::channel(0);
    drop(sender);
    let running = tokio::spawn(follower(&world, &ledger, settings).run(head, stop.clone()));
    fill(&log, 3).await;
    until("the events are applied", || async { rows(&world.pool).await.len() == 3 }).await;
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_stopped_follower_says_so_and_hands_over_at_once() {
    let world = world().await;
    let (log, head) = world.log();
    let ledger = Ledger::new(&world).await;
    fill(&log, 3).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(follower(&world, &ledger, hasty()).run(head, stop.clone()));
    until("the events are applied", || async { rows(&world.pool).await.len() == 3 }).await;
    stop.cancel();
    running.await.unwrap();
    assert_eq!(checkpoint(&world.pool).await, (3, "stopped".to_owned(), None));
    assert_eq!(follower(&world, &ledger, hasty()).step().await.unwrap(), Step::Idle);
}

#[tokio::test]
async fn a_step_that_never_ends_is_given_up_and_repeated() {
    let world = world().await;
    let (log, head) = world.log();
    let ledger = Ledger::new(&world).await;
    let stream = fill(&log, 3).await[1];
    ledger.break_stream(stream, Fault::Hang);
    let settings = FollowerSettings {
        step_max: Duration::from_secs(2),
        lease_ttl: Duration::from_millis(500),
        ..hasty()
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn(follower(&world, &ledger, settings).run(head, stop.clone()));
    until("it was tried twice", || async { ledger.pages.load(Ordering::Relaxed) >= 2 }).await;
    assert!(rows(&world.pool).await.is_empty());
    ledger.mend(stream);
    until("the events are applied", || async { rows(&world.pool).await.len() == 3 }).await;
    stop.cancel();
    running.await.unwrap();
    assert_complete(&world).await;
}
