//! The processes that share the work: who is there, since when, and what each holds.
//!
//! A process joins, and from then on its [`Leases`] are shared out among all that want the same:
//! see `leases/balance.rs` for who takes what. The row is a heartbeat by the database's clock; the
//! leases with their epochs are what makes the work safe, the row only makes it fair.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};

use crate::{DatabaseError, Leases, error::failed, leases::Share};

/// How long a process that ended without a word stays in the table, for whoever looks for it.
const GONE_KEPT: &str = "1 hour";
/// The most processes that are listed.
const LISTED_MAX: i64 = 1_000;

/// What the others see of a process.
#[derive(Clone, Debug)]
pub struct ProcessInfo {
    /// What it runs, such as `work`.
    pub roles: Vec<String>,
    /// The machine's name.
    pub host: String,
    /// Its number there.
    pub pid: u32,
    /// The program's version.
    pub version: String,
}

/// A process as a member of all that share the work. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Members {
    pool: PgPool,
    owner: Arc<str>,
    leases: Leases,
}

/// A process that takes part, or did a moment ago.
#[derive(Clone, Debug, Eq, FromRow, PartialEq)]
pub struct ListedProcess {
    /// Its name in the leases.
    pub owner: String,
    /// What it runs.
    pub roles: Vec<String>,
    /// The machine's name.
    pub host: String,
    /// Its number there.
    pub pid: i64,
    /// The program's version.
    pub version: String,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it was last heard of; none of a process of an older version.
    pub seen_at: Option<DateTime<Utc>>,
    /// When it counts as gone unless it is heard of again.
    pub expires_at: DateTime<Utc>,
    /// Whether its heartbeat lasts.
    pub alive: bool,
    /// The leases that it holds or would take.
    pub wants: Vec<String>,
}

/// A lease that somebody holds.
#[derive(Clone, Debug, Eq, FromRow, PartialEq)]
pub struct ListedLease {
    /// What it is for.
    pub name: String,
    /// Who holds it.
    pub owner: String,
    /// Grows with each holder.
    pub epoch: i64,
    /// When it ends unless it is renewed.
    pub expires_at: DateTime<Utc>,
}

impl Members {
    /// Joins under a name that is unique to the process. `ttl` is how long its leases and its row
    /// outlive it. Give it a small pool of its own: a renewal that waits for a connection behind
    /// the work it guards comes too late.
    pub fn join(
        pool: PgPool,
        owner: impl Into<Arc<str>>,
        info: ProcessInfo,
        ttl: Duration,
    ) -> Self {
        let owner = owner.into();
        let leases = Leases::shared(pool.clone(), Arc::clone(&owner), ttl, Share::new(info, ttl));
        Self { pool, owner, leases }
    }

    /// The leases that this process gets its share of.
    pub fn leases(&self) -> Leases {
        self.leases.clone()
    }

    /// Leaves, so that nobody reckons with the process any more. Call it when its work has ended and
    /// its leases were given back.
    ///
    /// # Errors
    /// When the database fails; the row then ends by itself.
    pub async fn leave(self) -> Result<(), DatabaseError> {
        self.leases.stop().await;
        sqlx::query("delete from processes where owner = $1")
            .bind(&*self.owner)
            .execute(&self.pool)
            .await
            .map_err(failed("leave the processes"))?;
        Ok(())
    }
}

/// All processes, those that ended without a word in the last hour included, the oldest first.
///
/// # Errors
/// When the database fails.
pub async fn list(pool: &PgPool) -> Result<Vec<ListedProcess>, DatabaseError> {
    sqlx::query_as(
        "select owner, roles, host, pid, version, started_at, seen_at, expires_at,
                expires_at > clock_timestamp() as alive, wants
         from processes order by started_at, owner limit $1",
    )
    .bind(LISTED_MAX)
    .fetch_all(pool)
    .await
    .map_err(failed("list the processes"))
}

/// All leases that are held, by name.
///
/// # Errors
/// When the database fails.
pub async fn held_leases(pool: &PgPool) -> Result<Vec<ListedLease>, DatabaseError> {
    sqlx::query_as(
        "select name, owner, epoch, expires_at from leases
         where expires_at > clock_timestamp() order by name",
    )
    .fetch_all(pool)
    .await
    .map_err(failed("list the leases"))
}

/// Deletes the rows of processes that ended without a word more than an hour ago. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn sweep(pool: &PgPool) -> Result<u64, DatabaseError> {
    let swept =
        sqlx::query("delete from processes where expires_at < clock_timestamp() - $1::interval")
            .bind(GONE_KEPT)
            .execute(pool)
            .await
            .map_err(failed("sweep the processes"))?;
    Ok(swept.rows_affected())
}

/// Ends the leases and the rows of processes that are known to be dead, by what their owners' names
/// begin with.
///
/// Nobody waits for them then. The epochs stay: what such a process may still have
/// sent to the database is fenced as ever.
///
/// # Errors
/// When the database fails.
pub async fn bury(pool: &PgPool, owner_prefix: &str) -> Result<(), DatabaseError> {
    for statement in [
        "delete from processes where starts_with(owner, $1)",
        "update leases set expires_at = clock_timestamp()
         where starts_with(owner, $1) and expires_at > clock_timestamp()",
    ] {
        sqlx::query(statement)
            .bind(owner_prefix)
            .execute(pool)
            .await
            .map_err(failed("end the leases of a dead process"))?;
    }
    Ok(())
}
