//! One look at everything that waits in the database: for monitoring and for the operations page.

use kontor_projections::{
    QueryError,
    checkpoints::{self, FollowerLag},
};
use sqlx::{FromRow, PgPool};

use crate::members::{self, ListedProcess};

/// The most leases that are looked at; there is one for each shard, follower and bot.
const LEASES_MAX: i64 = 1_000;

/// What stands in the database at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The position of the log's last event.
    pub head: i64,
    /// How each follower stands.
    pub followers: Vec<FollowerLag>,
    /// What waits.
    pub backlog: Backlog,
    /// The leases that are held, by name.
    pub leases: Vec<HeldLease>,
    /// The processes that share the work, the oldest first.
    pub processes: Vec<ListedProcess>,
}

/// What waits, for a worker or for an operator.
#[derive(Clone, Copy, Debug, Default, FromRow, PartialEq)]
pub struct Backlog {
    /// Deliveries of the inbox that are not done yet.
    pub inbox_pending: i64,
    /// How long the oldest of them has been waiting; 0 when there is none.
    pub inbox_oldest_seconds: f64,
    /// Deliveries that were given up.
    pub inbox_dead: i64,
    /// Events that followers parked and nobody skipped.
    pub follower_letters: i64,
    /// Commands that could not be carried out and nobody decided on.
    pub command_letters: i64,
}

/// A lease that somebody holds.
#[derive(Clone, Debug, FromRow, PartialEq)]
pub struct HeldLease {
    /// What it is for.
    pub name: String,
    /// The process that holds it.
    pub owner: String,
    /// Grows with each holder.
    pub epoch: i64,
    /// How long it lasts without renewal.
    pub seconds_left: f64,
}

/// Looks at everything.
///
/// # Errors
/// When the database fails.
pub async fn observe(pool: &PgPool) -> Result<Observation, QueryError> {
    let followers = checkpoints::lag(pool).await?;
    let head = match followers.first() {
        Some(follower) => follower.head,
        None => checkpoints::head_position(pool).await?,
    };
    let backlog = sqlx::query_as(
        "select (select count(*) from inbox where state = 'pending') as inbox_pending, \
             coalesce((select extract(epoch from clock_timestamp() - min(received_at)) \
                 from inbox where state = 'pending'), 0)::float8 as inbox_oldest_seconds, \
             (select count(*) from inbox where state = 'dead') as inbox_dead, \
             (select count(*) from dead_letters where state <> 'skipped') as follower_letters, \
             (select count(*) from command_dead_letters where state = 'parked') as command_letters",
    )
    .fetch_one(pool)
    .await?;
    let leases = sqlx::query_as(
        "select name, owner, epoch, \
             extract(epoch from expires_at - clock_timestamp())::float8 as seconds_left \
         from leases where expires_at > clock_timestamp() order by name limit $1",
    )
    .bind(LEASES_MAX)
    .fetch_all(pool)
    .await?;
    let processes = members::list(pool).await.map_err(|err| err.source)?;
    Ok(Observation { head, followers, backlog, leases, processes })
}
