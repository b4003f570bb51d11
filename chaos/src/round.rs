//! One round.

use std::time::Duration;

use anyhow::Context;
use rand::RngExt;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    check, inject, load::Load, quiet, scenario::Scenario, snapshot::Snapshot, world::World,
};

/// How long the load runs before the fault, in milliseconds.
const BEFORE_MS: std::ops::Range<u64> = 300..1_200;
/// How long the load goes on when the fault is over.
const AFTER: Duration = Duration::from_secs(1);
/// How long callers may need to learn every outcome: a command that met a dead store comes back
/// after at most 30 s, and those of its aggregate behind it.
const CALLERS_LIMIT: Duration = Duration::from_secs(90);

/// What came of a round.
#[derive(Debug)]
pub(crate) struct Result {
    pub(crate) violations: Vec<String>,
    /// The commands that were sent in it.
    pub(crate) commands: usize,
    pub(crate) took: Duration,
}

/// Runs one round.
pub(crate) async fn run(world: &World, mut scenario: Scenario) -> Result {
    let begun = Instant::now();
    let before = world.history.told().len();
    let mut violations = Vec::new();
    if let Err(err) = play(world, &mut scenario).await {
        violations.push(format!("round: {err:#}"));
    }
    let told = world.history.told();
    violations.extend(world.history.take_complaints().into_iter().map(|it| format!("told: {it}")));
    if let Err(loud) = quiet::wait(world).await {
        violations.push(format!("quiet: {loud}"));
    }
    match Snapshot::take(world).await {
        Ok(found) => violations.extend(check::all(&told, &found)),
        Err(err) => violations.push(format!("round: {err:#}")),
    }
    Result { violations, commands: told.len() - before, took: begun.elapsed() }
}

async fn play(world: &World, scenario: &mut Scenario) -> anyhow::Result<()> {
    let load = Load::start(&world.senders, &mut scenario.chance, scenario.seed);
    let stop = CancellationToken::new();
    let mut writing = world.people.write(&world.senders, &mut scenario.chance, &stop);
    sleep(Duration::from_millis(scenario.chance.random_range(BEFORE_MS))).await;
    let struck = inject::strike(world, scenario).await;
    sleep(AFTER).await;
    stop.cancel();
    while let Some(ended) = writing.join_next().await {
        ended.context("a person panicked")?;
    }
    load.finish(CALLERS_LIMIT).await?;
    // The write-ahead log of the round is not needed any more, and the disk may be small.
    sqlx::query("checkpoint").execute(world.pool()).await?;
    struck
}
