//! Pausing followers: remembered in the database, obeyed by whichever process runs the follower.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};

use crate::{DatabaseError, error::failed};

/// The version that stands for a follower as a whole.
pub const WHOLE: i32 = 0;

/// The most pauses that [`list`] returns; there is at most one for each generation and follower.
const LIST_MAX: i64 = 1_000;

/// An order to stand still.
#[derive(Clone, Debug, FromRow, PartialEq)]
pub struct Pause {
    /// The follower.
    pub name: String,
    /// The generation that is meant; [`WHOLE`] is the follower as a whole.
    pub version: i32,
    /// Since when.
    pub paused_at: DateTime<Utc>,
}

/// Orders a follower, or one generation of it, to stand still; it does within about a second, in all
/// processes, also in those that start later. `false` when it was paused already.
///
/// # Errors
/// When the database fails.
pub async fn pause(pool: &PgPool, name: &str, version: i32) -> Result<bool, DatabaseError> {
    let paused = sqlx::query(
        "insert into follower_pauses (name, version) values ($1, $2) on conflict do nothing",
    )
    .bind(name)
    .bind(version)
    .execute(pool)
    .await
    .map_err(failed("pause a follower"))?;
    Ok(paused.rows_affected() == 1)
}

/// Takes the order back; the follower goes on within about a second. `false` when it was not paused.
///
/// # Errors
/// When the database fails.
pub async fn resume(pool: &PgPool, name: &str, version: i32) -> Result<bool, DatabaseError> {
    let resumed = sqlx::query("delete from follower_pauses where name = $1 and version = $2")
        .bind(name)
        .bind(version)
        .execute(pool)
        .await
        .map_err(failed("resume a follower"))?;
    Ok(resumed.rows_affected() == 1)
}

/// All pauses, by name.
///
/// # Errors
/// When the database fails.
pub async fn list(pool: &PgPool) -> Result<Vec<Pause>, DatabaseError> {
    sqlx::query_as(
        "select name, version, paused_at from follower_pauses order by name, version limit $1",
    )
    .bind(LIST_MAX)
    .fetch_all(pool)
    .await
    .map_err(failed("list the paused followers"))
}
