use std::time::Duration;

use kontor_projections::checkpoints::{self, Duty};
use sqlx::PgPool;

use crate::support::{Places, World, id, instant, registered_account, tenant};

/// Puts events into the log as they stand there; the appender has its own tests.
async fn log(pool: &PgPool, events: i64) {
    let mut places = Places::default();
    for n in 0..events {
        let event =
            places.record(&tenant("moscow"), id(&format!("{n}")), &registered_account("Анна", n));
        sqlx::query(
            "insert into events (position, tenant, stream_type, stream_id, version, event_id, \
             event_type, schema_version, payload, metadata, occurred_at, recorded_at) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, '{}', $10, $10)",
        )
        .bind(event.position)
        .bind(event.tenant.as_str())
        .bind(event.stream_type)
        .bind(event.stream_id)
        .bind(event.version)
        .bind(event.event_id)
        .bind(event.event_type)
        .bind(event.schema_version)
        .bind(event.payload)
        .bind(instant())
        .execute(pool)
        .await
        .unwrap();
    }
}

async fn checkpoint(pool: &PgPool, name: &str, place: (i32, i32), position: i64) {
    sqlx::query(
        "insert into checkpoints (name, version, segment, position, epoch, state, heartbeat_at, \
         updated_at) values ($1, $2, $3, $4, 1, 'live', clock_timestamp(), clock_timestamp()) \
         on conflict (name, version, segment) do update set position = excluded.position",
    )
    .bind(name)
    .bind(place.0)
    .bind(place.1)
    .bind(position)
    .execute(pool)
    .await
    .unwrap();
}

#[tokio::test]
async fn the_head_of_an_empty_log_is_zero() {
    let world = World::new().await;
    assert_eq!(checkpoints::head_position(&world.pool).await.unwrap(), 0);
    log(&world.pool, 3).await;
    assert_eq!(checkpoints::head_position(&world.pool).await.unwrap(), 3);
}

#[tokio::test]
async fn a_follower_is_as_far_as_its_last_segment_and_its_furthest_version() {
    let world = World::new().await;
    assert_eq!(checkpoints::position(&world.pool, "readings").await.unwrap(), 0);
    checkpoint(&world.pool, "readings", (1, 0), 7).await;
    checkpoint(&world.pool, "readings", (1, 1), 5).await;
    checkpoint(&world.pool, "readings", (2, 0), 2).await;
    assert_eq!(checkpoints::position(&world.pool, "readings").await.unwrap(), 5);
}

#[tokio::test]
async fn lag_counts_events_and_seconds_and_knows_followers_that_never_ran() {
    let world = World::new().await;
    log(&world.pool, 10).await;
    checkpoint(&world.pool, "readings", (1, 0), 10).await;
    checkpoint(&world.pool, "relay", (1, 0), 4).await;
    let lag = checkpoints::lag(&world.pool).await.unwrap();
    let summary: Vec<_> = lag
        .iter()
        .map(|it| (it.name.as_str(), it.position, it.lag_events, it.state.as_str()))
        .collect();
    assert_eq!(
        summary,
        [
            ("accounts", 0, 10, "missing"),
            ("billing", 0, 10, "missing"),
            ("books", 0, 10, "missing"),
            ("credits", 0, 10, "missing"),
            ("meters", 0, 10, "missing"),
            ("payments", 0, 10, "missing"),
            ("periods", 0, 10, "missing"),
            ("products", 0, 10, "missing"),
            ("readings", 10, 0, "live"),
            ("reconciliation", 0, 10, "missing"),
            ("relay", 4, 6, "live"),
            ("tenants", 0, 10, "missing"),
        ]
    );
    let readings = &lag[8];
    assert_eq!((readings.head, readings.parked), (10, 0));
    assert!(readings.lag_seconds == 0.0, "{readings:?}");
    assert!(readings.heartbeat_age_seconds.unwrap() < 60.0, "{readings:?}");
    assert!(lag[10].lag_seconds >= 0.0);
    assert_eq!(lag[0].heartbeat_age_seconds, None);
}

#[tokio::test]
async fn what_builds_stands_by_or_is_paused_is_told_apart_from_what_must_keep_up() {
    let world = World::new().await;
    log(&world.pool, 3).await;
    for (generation, state) in [(1, "standby"), (2, "active"), (3, "building"), (4, "retired")] {
        sqlx::query(
            "insert into projection_generations (name, generation, code_version, state, segments, \
             auto_promote, tables) values ('readings', $1, 1, $2, 2, false, '{reading_history}') \
             on conflict (name, generation) do update \
             set state = excluded.state, segments = excluded.segments",
        )
        .bind(generation)
        .bind(state)
        .execute(&world.pool)
        .await
        .unwrap();
        checkpoint(&world.pool, "readings", (generation, 0), 3).await;
        checkpoint(&world.pool, "readings", (generation, 1), 2).await;
    }
    checkpoint(&world.pool, "relay", (1, 0), 3).await;
    let duties = async || -> Vec<(String, i32, Duty, i64)> {
        let lag = checkpoints::lag(&world.pool).await.unwrap();
        let ours = lag.into_iter().filter(|it| ["readings", "relay"].contains(&it.name.as_str()));
        ours.map(|it| (it.name.clone(), it.version, it.duty(), it.segments)).collect()
    };
    let told = |name: &str, version, duty, segments| (name.to_owned(), version, duty, segments);
    let mut expected = vec![
        told("readings", 1, Duty::Standby, 2),
        told("readings", 2, Duty::Live, 2),
        told("readings", 3, Duty::Building, 2),
        told("relay", 1, Duty::Live, 1),
    ];
    assert_eq!(duties().await, expected);
    // One generation is paused, and a follower as a whole.
    sqlx::query("insert into follower_pauses (name, version) values ('readings', 3), ('relay', 0)")
        .execute(&world.pool)
        .await
        .unwrap();
    expected[2].2 = Duty::Paused;
    expected[3].2 = Duty::Paused;
    assert_eq!(duties().await, expected);
}

#[tokio::test]
async fn waiting_ends_when_the_last_of_the_named_followers_arrives() {
    let world = World::new().await;
    checkpoint(&world.pool, "meters", (1, 0), 8).await;
    checkpoint(&world.pool, "readings", (1, 0), 7).await;
    let names = ["meters", "readings"];
    let short = Duration::from_millis(30);
    let long = Duration::from_secs(20);
    assert!(checkpoints::wait_for(&world.pool, &names, 7, short).await.unwrap());
    assert!(!checkpoints::wait_for(&world.pool, &names, 8, short).await.unwrap());
    assert!(!checkpoints::wait_for(&world.pool, &["unknown"], 1, short).await.unwrap());
    assert!(checkpoints::wait_for(&world.pool, &[], 99, short).await.unwrap());
    let (arrived, ()) = tokio::join!(
        checkpoints::wait_for(&world.pool, &names, 8, long),
        checkpoint(&world.pool, "readings", (1, 0), 8),
    );
    assert!(arrived.unwrap());
}
