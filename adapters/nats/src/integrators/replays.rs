//! The task `replays`: what the stream of events does not hold any more comes out of the log.
//!
//! An integrator that goes further back than `EVENTS` keeps gets a stream of its own for as long as that
//! takes (decision 0036). One process at a time fills it, under a lease; how far it is stands in
//! PostgreSQL, so any other goes on from there.

mod replayer;
mod stream;

use std::{collections::HashMap, sync::Arc, time::Duration};

use kontor_postgres::{
    KeptLease, Leases,
    integrators::replays::{self, Replay},
};
use sqlx::PgPool;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::replayer::{Next, Replayer};
use super::consumers::ErrorChain;
use crate::Nats;

/// How often to look for orders.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often to look for streams of replays that have ended.
const TIDY_EVERY: Duration = Duration::from_secs(30);
/// The pause while the integrator reads, and after a failure: some hundred events are read in it.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a step under way gets when the process stops; it is repeated otherwise.
const STOP_TIME: Duration = Duration::from_secs(10);

/// Carries out the replays out of the log, together with other processes that do.
#[derive(Clone, Debug)]
pub struct Replays {
    nats: Nats,
    pool: PgPool,
    leases: Leases,
    schemas: Option<Arc<str>>,
}

impl Replays {
    /// Replays out of the log in `pool`, shared by `leases`.
    pub fn new(nats: Nats, pool: PgPool, leases: Leases) -> Self {
        Self { nats, pool, leases, schemas: None }
    }

    /// Names the address below which the schemas of events are served.
    #[must_use]
    pub fn with_schemas(self, schemas: &str) -> Self {
        Self { schemas: Some(Arc::from(schemas)), ..self }
    }

    /// Carries out until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        // At most one of an integrator, so that a replay never meets the one that it replaces.
        let mut running: HashMap<Uuid, JoinHandle<()>> = HashMap::new();
        let mut tidy_at = Instant::now();
        while !stop.is_cancelled() {
            running.retain(|_, task| !task.is_finished());
            match replays::open(&self.pool).await {
                Ok(open) => {
                    for replay in open {
                        running.entry(replay.integrator.id).or_insert_with(|| {
                            tokio::spawn(self.clone().serve(replay, stop.child_token()))
                        });
                    }
                }
                Err(err) => tracing::warn!(error = %err, "replays cannot be looked up"),
            }
            if Instant::now() >= tidy_at {
                tidy_at = Instant::now() + TIDY_EVERY;
                if let Some(Err(err)) = stop.run_until_cancelled(self.tidy()).await {
                    let reason = ErrorChain(&*err).to_string();
                    tracing::warn!(reason, "The streams of replays cannot be put right");
                }
            }
            stop.run_until_cancelled(sleep(LOOK_EVERY)).await;
        }
        let ended = futures::future::join_all(running.into_values());
        if timeout(STOP_TIME, ended).await.is_err() {
            tracing::warn!("replays were under way at the end; others go on with them");
        }
    }

    /// Deletes the streams that no replay needs: of one that was cancelled or revoked while nobody
    /// was here to see it. Returns how many.
    ///
    /// # Errors
    /// When the broker or the database fails; what was not reached waits for the next time.
    pub async fn tidy(&self) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        // Before the rows: whoever is ordered meanwhile has a row, and keeps its stream.
        let streams = self.nats.replay_streams().await?;
        let open = replays::open(&self.pool).await?;
        let mut deleted = 0;
        for name in streams {
            if open.iter().all(|replay| replay.integrator.name != name) {
                deleted += usize::from(self.nats.remove_replay(&name).await?);
            }
        }
        Ok(deleted)
    }

    /// Works on one replay until it ends or another process has it.
    async fn serve(self, replay: Replay, stop: CancellationToken) {
        let lease = format!("replay/{}", replay.integrator.id);
        let kept = match self.leases.hold(&lease, &stop).await {
            Ok(Some(kept)) => kept,
            Ok(None) => return,
            Err(err) => {
                tracing::warn!(error = %err, "no lease of a replay can be had");
                return;
            }
        };
        self.work(&kept, replay).await;
        if let Err(err) = kept.release().await {
            tracing::debug!(error = %err, "the lease of a replay ends by itself");
        }
    }

    async fn work(&self, kept: &KeptLease, replay: Replay) {
        let name = replay.integrator.name.clone();
        let place = (self.nats.clone(), self.pool.clone());
        let mut replayer = Replayer::new(place, replay, kept.lease().epoch, self.schemas.clone());
        while !kept.ending().is_cancelled() && kept.is_held() {
            let Some(done) = kept.active().run_until_cancelled(replayer.step()).await else {
                return;
            };
            match done {
                Ok(Next::Now) => {}
                Ok(Next::Later) => {
                    kept.ending().run_until_cancelled(sleep(PAUSE)).await;
                }
                Ok(Next::Ended) => return,
                Err(err) => {
                    let reason = ErrorChain(&*err).to_string();
                    tracing::warn!(integrator = %name, reason, "A replay has to wait");
                    replayer.forget();
                    kept.ending().run_until_cancelled(sleep(PAUSE)).await;
                }
            }
        }
    }
}
