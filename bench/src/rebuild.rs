//! How fast a projection reads the log from its beginning.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, ensure};
use kontor_postgres::{Follower, FollowerSettings, Step};
use kontor_projections::{Projection, checkpoints, readings::Readings};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    appends::{Stream, append, new_event},
    drive::per_second,
    in_process::Kontor,
    report::Rebuild,
};

/// Events of each meter: put into service, then some eight years of monthly readings.
const EVENTS_PER_METER: u64 = 100;
/// How many meters are written at the same time.
const WRITERS: u64 = 32;

/// Fills an empty log with meters and their readings.
pub(crate) async fn preload(kontor: &Kontor, events: u64) -> anyhow::Result<()> {
    let meters = events.div_ceil(EVENTS_PER_METER);
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let kontor = kontor.clone();
        let own = meters / WRITERS + u64::from(writer < meters % WRITERS);
        tasks.spawn(async move {
            for _ in 0..own {
                write_meter(&kontor).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(written) = tasks.join_next().await {
        written.context("a writer panicked")?.context("a meter's history was not written")?;
    }
    Ok(())
}

/// Runs the read model of readings over the whole log.
pub(crate) async fn rebuild(kontor: &Kontor) -> anyhow::Result<Rebuild> {
    let head = checkpoints::head_position(&kontor.pool).await?;
    let began = Instant::now();
    follow(kontor, Readings).await?;
    let elapsed = began.elapsed();
    let reached = checkpoints::position(&kontor.pool, "readings").await?;
    ensure!(reached == head, "the read model stopped at {reached} of {head}");
    let expected: i64 = sqlx::query_scalar(
        "select count(*) from events where event_type = 'meter.reading_submitted'",
    )
    .fetch_one(&kontor.pool)
    .await?;
    let rows: i64 =
        sqlx::query_scalar("select count(*) from reading_history").fetch_one(&kontor.pool).await?;
    ensure!(rows == expected, "{rows} rows stand for {expected} readings");
    let events = u64::try_from(head)?;
    Ok(Rebuild { events, per_second: per_second(events, elapsed) })
}

/// Runs a read model until nothing is left to read.
pub(crate) async fn follow(kontor: &Kontor, projection: impl Projection) -> anyhow::Result<()> {
    let settings =
        FollowerSettings { vault: Some(kontor.vault.clone()), ..FollowerSettings::default() };
    let mut follower = Follower::projection(kontor.pool.clone(), Arc::new(projection), settings);
    loop {
        match follower.step().await? {
            Step::Advanced { .. } => {}
            Step::Idle => return Ok(()),
            step @ (Step::Standby | Step::Lost | Step::Paused) => {
                anyhow::bail!("the follower is {step:?}")
            }
        }
    }
}

async fn write_meter(kontor: &Kontor) -> anyhow::Result<()> {
    let meter = Uuid::now_v7();
    let history = kontor.workload.history(meter, i64::try_from(EVENTS_PER_METER)?)?;
    let events = history.iter().map(new_event).collect::<anyhow::Result<Vec<_>>>()?;
    append(&kontor.log, &kontor.workload, Stream::of_meter(meter), events).await
}
