//! A read model that is built anew beside the one that is read, while the log grows.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use kontor_postgres::{
    FollowerSettings, ReadModel, ReadModelSettings,
    generations::{self, Progress, PromotionTerms, Standing},
};
use kontor_projections::{Projection, readings::Readings};
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::{appends::Appends, drive::Contender, in_process::Kontor, paced::paced, tell};

/// The parts that a build is divided into: one for each core of the machine that figures are for.
const SEGMENTS: i32 = 2;
/// What is appended meanwhile.
const PER_SECOND: u32 = 1_000;
/// How long it is appended at least; the build of a large log goes on for as long as it takes.
const LIVE_SECONDS: u64 = 5;
/// How often to look how far a build is.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The longest wait for a build.
const BUILD_MAX: Duration = Duration::from_secs(900);

/// A build beside live appends, and the switch to it.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Beside {
    pub(crate) segments: i32,
    /// Events a second from the order to the moment at which it had caught up.
    pub(crate) per_second: u64,
    /// How long the switch held up readers and the model that was read before, at most.
    pub(crate) promotion_us: u64,
}

/// Lets the readings be built twice: once to be read, and once beside that.
pub(crate) async fn measure(kontor: &Kontor) -> anyhow::Result<Beside> {
    let stop = CancellationToken::new();
    let follower =
        FollowerSettings { vault: Some(kontor.vault.clone()), ..FollowerSettings::default() };
    let settings =
        ReadModelSettings { follower, look_every: LOOK_EVERY, ..ReadModelSettings::default() };
    let model = ReadModel::new(kontor.pool.clone(), Arc::new(Readings), settings);
    let mut running = JoinSet::new();
    let (head, ending) = (kontor.head.clone(), stop.clone());
    running.spawn(async move { model.run(head, ending).await });
    until(kontor, Standing::Active).await?;
    tell("the readings are built in parts beside the ones that are read");
    let contender: Arc<dyn Contender> =
        Arc::new(Appends::new(kontor.log.clone(), kontor.workload.clone())?);
    let live = tokio::spawn(async move { paced(&contender, PER_SECOND, LIVE_SECONDS).await });
    let began = Instant::now();
    let made = generations::begin(&kontor.pool, &Readings, SEGMENTS, false).await?;
    let built = until(kontor, Standing::Building).await?;
    let elapsed = began.elapsed();
    let terms = PromotionTerms::default();
    let promoted = generations::promote(&kontor.pool, Readings.name(), made.number, &terms).await?;
    live.await.context("the live appends panicked")??;
    stop.cancel();
    while let Some(ended) = running.join_next().await {
        ended.context("the read model panicked")??;
    }
    Ok(Beside {
        segments: SEGMENTS,
        per_second: crate::drive::per_second(u64::try_from(built.position)?, elapsed),
        promotion_us: u64::try_from(promoted.took.as_micros())?,
    })
}

/// Waits until the generation that stands so is within a page of the log's head.
async fn until(kontor: &Kontor, standing: Standing) -> anyhow::Result<Progress> {
    let deadline = Instant::now() + BUILD_MAX;
    let within = PromotionTerms::default().behind_max;
    loop {
        let all = generations::progress(&kontor.pool, Some(Readings.name())).await?;
        let there = all.into_iter().find(|it| it.generation.standing == standing);
        if let Some(progress) = there
            && progress.position > 0
            && progress.behind() <= within
        {
            return Ok(progress);
        }
        ensure!(Instant::now() < deadline, "the readings are not built in time");
        sleep(LOOK_EVERY).await;
    }
}
