//! Everything that a process does for one read model: it fills the generations of its version, segment
//! by segment, and promotes what has caught up.

use std::{collections::HashMap, sync::Arc, time::Duration};

use kontor_projections::Projection;
use sqlx::PgPool;
use tokio::{sync::watch, task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{Follower, FollowerSettings};
use crate::{
    Segment, backoff,
    error::chain,
    generations::{
        self, Generation, GenerationError, Progress, PromotionError, PromotionTerms, Standing,
    },
};

/// The first pause after the generations could not be read.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
/// The longest one.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// How a process cares for a read model.
#[derive(Clone, Debug)]
pub struct ReadModelSettings {
    /// How its followers work.
    pub follower: FollowerSettings,
    /// How often to look for generations that were made, retired, or are ready to be promoted.
    pub look_every: Duration,
    /// When a generation is promoted by itself.
    pub promotion: PromotionTerms,
}

impl Default for ReadModelSettings {
    fn default() -> Self {
        Self {
            follower: FollowerSettings::default(),
            look_every: Duration::from_secs(1),
            promotion: PromotionTerms::default(),
        }
    }
}

/// A read model in the hands of one process. Any number of processes may have it in theirs.
pub struct ReadModel {
    pool: PgPool,
    projection: Arc<dyn Projection>,
    settings: ReadModelSettings,
    /// The followers of this process, by generation and segment.
    followers: HashMap<(i32, i32), CancellationToken>,
    running: JoinSet<(i32, i32)>,
    /// Looks that failed in a row.
    failures: u32,
}

/// A follower of a read model ended by a panic.
#[derive(Debug, thiserror::Error)]
#[error("a follower of the read model {0} panicked")]
pub struct FollowerPanicked(&'static str);

impl ReadModel {
    /// The read model of a projection.
    pub fn new(pool: PgPool, projection: Arc<dyn Projection>, settings: ReadModelSettings) -> Self {
        let (followers, running) = (HashMap::new(), JoinSet::new());
        Self { pool, projection, settings, followers, running, failures: 0 }
    }

    /// Follows the log until `stop`; then the pages under way are finished and the leases given back.
    /// New positions on `head` wake the followers at once.
    ///
    /// # Errors
    /// When a follower panicked; the others are stopped first.
    pub async fn run(
        mut self,
        head: watch::Receiver<i64>,
        stop: CancellationToken,
    ) -> Result<(), FollowerPanicked> {
        if self.projection.tables().is_empty() {
            let Self { pool, projection, settings, .. } = self;
            Follower::projection(pool, projection, settings.follower).run(head, stop).await;
            return Ok(());
        }
        let mut outcome = Ok(());
        while !stop.is_cancelled() && outcome.is_ok() {
            let pause = self.look(&head, &stop).await;
            outcome = tokio::select! {
                Some(ended) = self.running.join_next() => self.ended(ended),
                () = sleep(pause) => Ok(()),
                () = stop.cancelled() => Ok(()),
            };
        }
        for follower in self.followers.values() {
            follower.cancel();
        }
        while let Some(ended) = self.running.join_next().await {
            outcome = outcome.and(self.ended(ended));
        }
        outcome
    }

    /// Starts and stops followers as the generations demand. When to look again.
    async fn look(&mut self, head: &watch::Receiver<i64>, stop: &CancellationToken) -> Duration {
        let generations = match generations::followed(&self.pool, &*self.projection).await {
            Ok(generations) => generations,
            // Neither one's own to fill nor an outage: an operator may change it at any time.
            Err(error @ GenerationError::LeftOver { .. }) => {
                self.stop_others(&[]);
                return self.failed(&error);
            }
            Err(error) => return self.failed(&error),
        };
        self.stop_others(&generations);
        for generation in &generations {
            for segment in generation.parts() {
                self.start(generation, segment, head, stop);
            }
        }
        self.failures = 0;
        if generations.iter().any(waits_for_promotion)
            && let Err(error) = self.promote_what_is_ready().await
        {
            return self.failed(&error);
        }
        self.settings.look_every
    }

    fn failed(&mut self, error: &(dyn std::error::Error + 'static)) -> Duration {
        let name = self.projection.name();
        self.failures = self.failures.saturating_add(1);
        tracing::warn!(follower = name, error = chain(error), "The read model {name} has to wait");
        backoff::pause(self.failures, PAUSE_FIRST, PAUSE_MAX)
    }

    fn start(
        &mut self,
        generation: &Generation,
        segment: Segment,
        head: &watch::Receiver<i64>,
        stop: &CancellationToken,
    ) {
        let key = (generation.number, segment.index());
        if self.followers.contains_key(&key) {
            return;
        }
        let (pool, projection) = (self.pool.clone(), Arc::clone(&self.projection));
        let settings = self.settings.follower.clone();
        let follower = Follower::generation(pool, projection, generation, segment, settings);
        let stop = stop.child_token();
        let running = follower.run(head.clone(), stop.clone());
        self.running.spawn(async move {
            running.await;
            key
        });
        self.followers.insert(key, stop);
    }

    /// Stops the followers of generations that are gone.
    fn stop_others(&mut self, generations: &[Generation]) {
        for ((number, _), follower) in &self.followers {
            if !generations.iter().any(|generation| generation.number == *number) {
                follower.cancel();
            }
        }
    }

    fn ended(
        &mut self,
        ended: Result<(i32, i32), tokio::task::JoinError>,
    ) -> Result<(), FollowerPanicked> {
        let key = ended.map_err(|_| FollowerPanicked(self.projection.name()))?;
        self.followers.remove(&key);
        Ok(())
    }

    async fn promote_what_is_ready(&self) -> Result<(), PromotionError> {
        let name = self.projection.name();
        for progress in generations::progress(&self.pool, Some(name)).await? {
            let own = progress.generation.code_version == self.projection.version();
            if own && self.is_ready(&progress) {
                self.promote(progress.generation.number).await?;
            }
        }
        Ok(())
    }

    fn is_ready(&self, progress: &Progress) -> bool {
        waits_for_promotion(&progress.generation)
            && progress.parked == 0
            && progress.behind() <= self.settings.promotion.behind_max
    }

    async fn promote(&self, number: i32) -> Result<(), PromotionError> {
        let (name, terms) = (self.projection.name(), &self.settings.promotion);
        match generations::promote_built(&self.pool, name, number, terms).await {
            Ok(_) => Ok(()),
            Err(PromotionError::Database(error)) => Err(error.into()),
            // It is not its time yet; the next look tries again.
            Err(error) => {
                tracing::info!(follower = name, generation = number, "Not promoted yet: {error}");
                Ok(())
            }
        }
    }
}

fn waits_for_promotion(generation: &Generation) -> bool {
    generation.standing == Standing::Building && generation.auto_promote
}

impl std::fmt::Debug for ReadModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReadModel")
            .field("name", &self.projection.name())
            .field("followers", &self.followers.keys())
            .finish_non_exhaustive()
    }
}
