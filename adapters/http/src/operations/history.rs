//! One look at everything, shared by all who ask within a second, and the looks of the last hour for
//! the charts. They live in the memory of the serving process: a picture, not a record.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use kontor_commands::clock;
use kontor_postgres::observe::{Observation, observe};
use sqlx::PgPool;
use tokio::{sync::Mutex, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    problem::chain,
    state::{ApiState, BrokerView},
};

/// How old a look may be; pages ask every two seconds, however many there are.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often a look is kept.
const KEPT_EVERY: Duration = Duration::from_secs(5);
/// How many looks are kept: an hour of them, some hundred kilobytes.
const KEPT_MAX: usize = 720;
/// How long the database may take before it counts as down.
const PATIENCE: Duration = Duration::from_secs(2);

/// What one look saw.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) at: DateTime<Utc>,
    pub(super) database: Option<Database>,
    pub(super) broker: Option<BrokerView>,
    /// Answers of this process that said that Kontor failed, since it started.
    pub(super) errors: u64,
}

/// What PostgreSQL said.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub(super) version: String,
    pub(super) latency: Duration,
    pub(super) found: Observation,
}

/// The looks of the last hour.
#[derive(Default)]
pub(crate) struct Recorder {
    last: Mutex<Option<(Instant, Arc<Seen>)>>,
    kept: std::sync::Mutex<VecDeque<Arc<Seen>>>,
}

impl Recorder {
    /// How everything is, at most [`LOOK_EVERY`] ago. Callers at the same time share one look.
    pub(super) async fn look(&self, state: &ApiState) -> Arc<Seen> {
        let mut last = self.last.lock().await;
        if let Some((at, seen)) = &*last
            && at.elapsed() < LOOK_EVERY
        {
            return Arc::clone(seen);
        }
        let (broker, database) =
            tokio::join!(state.broker.view(), timeout(PATIENCE, ask(&state.pool)));
        let database = match database {
            Ok(Ok(database)) => Some(database),
            Ok(Err(err)) => {
                tracing::warn!(error = %chain(err.as_ref()), "the operations page sees no database");
                None
            }
            Err(_) => None,
        };
        let errors = state.errors.load(Ordering::Relaxed);
        let seen = Arc::new(Seen { at: clock::now(), database, broker, errors });
        *last = Some((Instant::now(), Arc::clone(&seen)));
        seen
    }

    /// The looks of the last hour, oldest first.
    pub(super) fn kept(&self) -> Vec<Arc<Seen>> {
        let kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.iter().cloned().collect()
    }

    /// Keeps a look every few seconds until `stop`.
    pub(crate) async fn run(state: ApiState, stop: CancellationToken) {
        loop {
            let seen = state.recorder.look(&state).await;
            state.recorder.keep(seen);
            if stop.run_until_cancelled(tokio::time::sleep(KEPT_EVERY)).await.is_none() {
                return;
            }
        }
    }

    fn keep(&self, seen: Arc<Seen>) {
        let mut kept = self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(seen);
    }
}

async fn ask(pool: &PgPool) -> Result<Database, Box<dyn std::error::Error + Send + Sync>> {
    let begun = Instant::now();
    let version =
        sqlx::query_scalar("select split_part(current_setting('server_version'), ' ', 1)");
    let version: String = version.fetch_one(pool).await?;
    let latency = begun.elapsed();
    Ok(Database { version, latency, found: observe(pool).await? })
}
