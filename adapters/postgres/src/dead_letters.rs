//! Events that a projection could not apply: what an operator sees of them and can do.
//!
//! The follower runtime parks, retries and removes rows; these verbs only mark them, and the
//! follower acts on the marks within a second or two.

mod pages;

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

pub use self::pages::{Letter, LetterFilter, LetterPlace, behind, find, page};
use crate::{DatabaseError, error::failed};

/// The most rows that [`list`] returns.
pub const LIST_MAX: u32 = 1_000;

/// The event at the head of a parked stream.
#[derive(Clone, Debug, FromRow, PartialEq)]
pub struct DeadLetter {
    /// The follower.
    pub name: String,
    /// Its version.
    pub version: i32,
    /// The stream.
    pub key: Uuid,
    /// The event's position.
    pub position: i64,
    /// Failed attempts.
    pub attempts: i32,
    /// Why the last one failed.
    pub error: String,
    /// `parked` or `retry`.
    pub state: String,
    /// When it was parked.
    pub first_at: DateTime<Utc>,
    /// When it is tried again, unless the attempts are used up.
    pub next_at: DateTime<Utc>,
    /// How many later events of the stream wait behind it.
    pub waiting: i64,
}

/// The parked streams with the event that stops each, oldest first; of one follower, or of all.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &PgPool,
    name: Option<&str>,
    limit: u32,
) -> Result<Vec<DeadLetter>, DatabaseError> {
    sqlx::query_as(
        "select name, version, key, position, attempts, error, state, first_at, next_at, waiting
         from (
             select *,
                    row_number() over (stream order by position) as place,
                    count(*) over stream - 1 as waiting
             from dead_letters
             where state <> 'skipped' and ($1::text is null or name = $1)
             window stream as (partition by name, version, key)
         ) parked
         where place = 1
         order by first_at, name, version, key
         limit $2",
    )
    .bind(name)
    .bind(i64::from(limit.min(LIST_MAX)))
    .fetch_all(pool)
    .await
    .map_err(failed("list the dead letters"))
}

/// Asks for one more attempt at the head of a parked stream, now. `false` when nothing is parked.
///
/// # Errors
/// When the database fails.
pub async fn retry(
    pool: &PgPool,
    name: &str,
    version: i32,
    key: Uuid,
) -> Result<bool, DatabaseError> {
    let marked = sqlx::query(
        "update dead_letters set state = 'retry', next_at = clock_timestamp()
         where name = $1 and version = $2 and key = $3 and state <> 'skipped' and position = (
             select min(position) from dead_letters
             where name = $1 and version = $2 and key = $3 and state <> 'skipped'
         )",
    )
    .bind(name)
    .bind(version)
    .bind(key)
    .execute(pool)
    .await
    .map_err(failed("retry a dead letter"))?;
    Ok(marked.rows_affected() == 1)
}

/// Gives the head of a parked stream up and lets the stream go on behind it; the row stays as the
/// mark of it.
///
/// Takes the position that the operator looked at, so that a second click does not skip the next
/// event. `false` when that event is not the parked head.
///
/// # Errors
/// When the database fails.
pub async fn skip(
    pool: &PgPool,
    name: &str,
    version: i32,
    key: Uuid,
    position: i64,
) -> Result<bool, DatabaseError> {
    let marked = sqlx::query(
        "update dead_letters set state = 'skipped'
         where name = $1 and version = $2 and key = $3 and position = $4 and state <> 'skipped'
             and position = (
                 select min(position) from dead_letters
                 where name = $1 and version = $2 and key = $3 and state <> 'skipped'
             )",
    )
    .bind(name)
    .bind(version)
    .bind(key)
    .bind(position)
    .execute(pool)
    .await
    .map_err(failed("skip a dead letter"))?;
    Ok(marked.rows_affected() == 1)
}
