//! What has served its time goes, and nothing else.

use std::time::Duration;

use kontor_commands::{AppendOutcome, EventStore, Expected};
use kontor_postgres::{
    Inbox, InboxSettings,
    housekeeping::{HousekeepingSettings, purge_inbox, purge_receipts, run, sweep},
    inbox,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{World, append, demo, fill, until, world};

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

async fn age_receipts(world: &World, count: i64) {
    sqlx::query(
        "update receipts set recorded_at = recorded_at - interval '8 days'
         where command_id in (select command_id from receipts order by recorded_at limit $1)",
    )
    .bind(count)
    .execute(&world.pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn old_receipts_go_in_bounded_portions_and_new_ones_stay() {
    let world = world().await;
    let (log, _) = world.log();
    fill(&log, 7).await;
    let newest = append(Uuid::now_v7(), Expected::NoStream, &["{}"]);
    log.append(newest.clone()).await.unwrap();
    age_receipts(&world, 5).await;
    assert_eq!(purge_receipts(&world.pool, WEEK, 2).await.unwrap(), 2);
    assert_eq!(purge_receipts(&world.pool, WEEK, 2).await.unwrap(), 2);
    assert_eq!(purge_receipts(&world.pool, WEEK, 2).await.unwrap(), 1);
    assert_eq!(purge_receipts(&world.pool, WEEK, 2).await.unwrap(), 0);
    assert_eq!(world.count("select count(*) from receipts").await, 3);
    assert_eq!(world.count("select count(*) from events").await, 8);
    assert!(log.receipt(&demo(), newest.command_id).await.unwrap().is_some());
    assert!(matches!(log.append(newest).await.unwrap(), AppendOutcome::Duplicate(_)));
}

#[tokio::test]
async fn done_deliveries_go_and_pending_and_dead_ones_stay_whatever_their_age() {
    let world = world().await;
    let settings = InboxSettings { attempts_max: 1, ..InboxSettings::default() };
    let inbox = Inbox::new(world.pool.clone(), settings);
    for external_id in ["done", "pending", "dead", "fresh"] {
        inbox.store("s", external_id, external_id, &json!(1)).await.unwrap();
    }
    inbox.postpone("s", "dead", "x").await.unwrap();
    let mut db = world.pool.acquire().await.unwrap();
    inbox::finish(&mut db, "s", "done").await.unwrap();
    sqlx::query(
        "update inbox set received_at = received_at - interval '9 days',
                done_at = done_at - interval '8 days'",
    )
    .execute(&mut *db)
    .await
    .unwrap();
    inbox::finish(&mut db, "s", "fresh").await.unwrap();
    assert_eq!(purge_inbox(&world.pool, WEEK, 10).await.unwrap(), 1);
    let left: Vec<String> =
        sqlx::query_scalar("select external_id from inbox order by external_id")
            .fetch_all(&world.pool)
            .await
            .unwrap();
    assert_eq!(left, ["dead", "fresh", "pending"]);
}

#[tokio::test]
async fn a_sweep_keeps_its_bound_and_the_loop_sweeps_until_it_is_stopped() {
    let world = world().await;
    let (log, _) = world.log();
    fill(&log, 9).await;
    age_receipts(&world, 8).await;
    let settings = HousekeepingSettings {
        batch: 2,
        batches_max: 2,
        pause: Duration::ZERO,
        every: Duration::from_millis(10),
        ..HousekeepingSettings::default()
    };
    assert_eq!(sweep(&world.pool, &settings).await.unwrap(), 4);
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(world.pool.clone(), settings, stop.clone()));
    until("the old receipts are gone", || async {
        world.count("select count(*) from receipts").await == 1
    })
    .await;
    stop.cancel();
    running.await.unwrap();
}
