//! One look at everything, shared by all who ask within a second.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kontor_projections::checkpoints::{self, Duty, FollowerLag};
use serde::Serialize;
use sqlx::PgPool;
use tokio::sync::Mutex;

use crate::{problem::chain, state::ApiState};

/// How old a look may be: pages ask every two seconds, however many there are.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Counting rows may take at most this part of the database's time.
const COUNT_EASE: u32 = 100;

/// How long the database may take before it counts as down.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether a part works.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Up {
    /// It works.
    Up,
    /// It does not.
    Down,
}

impl Up {
    pub(crate) fn of(up: bool) -> Self {
        if up { Self::Up } else { Self::Down }
    }

    pub(crate) fn is_up(self) -> bool {
        match self {
            Self::Up => true,
            Self::Down => false,
        }
    }
}

/// How many there are of each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) tenants: i64,
    pub(crate) accounts: i64,
    pub(crate) meters: i64,
    pub(crate) readings: i64,
}

/// One look at everything.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) database: Up,
    pub(crate) broker: Up,
    /// Up when all migrations of this build are applied.
    pub(crate) migrations: Up,
    /// Up when no follower is silent or far behind.
    pub(crate) followers_up: Up,
    pub(crate) head: i64,
    pub(crate) counts: Counts,
    pub(crate) followers: Vec<FollowerLag>,
}

impl Snapshot {
    pub(crate) fn is_up(&self) -> bool {
        [self.database, self.broker, self.migrations, self.followers_up].into_iter().all(Up::is_up)
    }
}

/// The last look, and when it is time for the next.
#[derive(Default)]
pub(crate) struct StatusCache {
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    snapshot: Option<(Instant, Arc<Snapshot>)>,
    counts: Counts,
    count_next_at: Option<Instant>,
}

impl StatusCache {
    /// How everything is, at most [`LOOK_EVERY`] ago. Callers at the same time share one look.
    pub(crate) async fn snapshot(&self, state: &ApiState) -> Arc<Snapshot> {
        let mut last = self.last.lock().await;
        if let Some((at, snapshot)) = &last.snapshot
            && at.elapsed() < LOOK_EVERY
        {
            return Arc::clone(snapshot);
        }
        let snapshot = Arc::new(look(state, &mut last).await);
        last.snapshot = Some((Instant::now(), Arc::clone(&snapshot)));
        snapshot
    }
}

async fn look(state: &ApiState, last: &mut Last) -> Snapshot {
    let (broker, asked) = tokio::join!(
        state.broker.is_up(),
        tokio::time::timeout(PATIENCE, ask_database(&state.pool, last)),
    );
    let mut snapshot = Snapshot {
        database: Up::Down,
        broker: Up::of(broker),
        migrations: Up::Down,
        followers_up: Up::Down,
        head: 0,
        counts: last.counts,
        followers: Vec::new(),
    };
    match asked {
        Ok(Ok(Database { migrated, readable, followers })) => {
            snapshot.database = Up::Up;
            snapshot.migrations = Up::of(migrated);
            let all_live = followers.iter().all(|it| is_live(state, it));
            snapshot.followers_up = Up::of(readable && all_live);
            snapshot.head = followers.first().map_or(0, |follower| follower.head);
            snapshot.followers = followers;
        }
        Ok(Err(err)) => tracing::warn!(error = %chain(err.as_ref()), "the status is not known"),
        Err(_) => tracing::warn!("the database takes more than {} s", PATIENCE.as_secs()),
    }
    snapshot
}

/// Whether a follower is heard of and near the head; what nobody reads yet, or any more, may be behind,
/// and what an operator paused shall be.
pub(crate) fn is_live(state: &ApiState, follower: &FollowerLag) -> bool {
    let heard = follower
        .heartbeat_age_seconds
        .is_some_and(|age| age <= state.settings.heartbeat_age_max.as_secs_f64());
    let near = follower.lag_seconds <= state.settings.ready_lag_max.as_secs_f64();
    follower.duty() != Duty::Live || (heard && near)
}

struct Database {
    migrated: bool,
    /// The read models are those of this build, or newer ones.
    readable: bool,
    followers: Vec<FollowerLag>,
}

async fn ask_database(
    pool: &PgPool,
    last: &mut Last,
) -> Result<Database, Box<dyn std::error::Error + Send + Sync>> {
    let migrated = kontor_postgres::pending_migrations(pool).await?.is_empty();
    if !migrated {
        return Ok(Database { migrated, readable: false, followers: Vec::new() });
    }
    let readable = checkpoints::not_readable_yet(pool).await?.is_empty();
    let followers = checkpoints::lag(pool).await?;
    if last.count_next_at.is_none_or(|at| at <= Instant::now()) {
        let begun = Instant::now();
        last.counts = count(pool).await?;
        last.count_next_at = Some(Instant::now() + begun.elapsed() * COUNT_EASE);
    }
    Ok(Database { migrated, readable, followers })
}

async fn count(pool: &PgPool) -> Result<Counts, sqlx::Error> {
    let (tenants, accounts, meters, readings) = sqlx::query_as(
        "select (select count(*) from tenant_directory), (select count(*) from account_directory), \
         (select count(*) from meter_directory), (select count(*) from reading_history)",
    )
    .fetch_one(pool)
    .await?;
    Ok(Counts { tenants, accounts, meters, readings })
}
