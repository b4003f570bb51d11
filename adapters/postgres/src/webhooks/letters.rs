//! The log of deliveries, as an operator reads it, and its end.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use crate::{DatabaseError, error::failed};

/// The most attempts that [`attempts`] returns.
pub const LIST_MAX: u32 = 1_000;

/// One attempt, and what became of its event since.
#[derive(Clone, Debug, FromRow, PartialEq, Serialize)]
pub struct Attempt {
    /// The event's place in the log.
    pub position: i64,
    /// Its id, which is also the `webhook-id`.
    pub event_id: Uuid,
    /// Its type.
    pub event_type: String,
    /// From 1, anew after each order to redeliver.
    pub attempt: i32,
    /// When it began.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub duration_ms: i32,
    /// The status of the answer, when there was one.
    pub status: Option<i16>,
    /// What went wrong; none after a success.
    pub failure: Option<String>,
    /// What the event is now: `delivered`, `pending` or `failed`.
    pub state: String,
    /// When it is tried again.
    pub next_at: Option<DateTime<Utc>>,
}

/// The last attempts for a webhook, the newest first; with `failed_only`, those that went wrong.
///
/// # Errors
/// When the database fails.
pub async fn attempts(
    pool: &PgPool,
    integrator_id: Uuid,
    (failed_only, limit): (bool, u32),
) -> Result<Vec<Attempt>, DatabaseError> {
    sqlx::query_as(
        "select a.position, a.event_id, a.event_type, a.attempt, a.at, a.duration_ms, a.status,
                a.failure, coalesce(d.state, 'delivered') as state,
                case when d.state = 'pending' then d.next_at end as next_at
         from webhook_attempts a
         left join webhook_deliveries d
             on d.integrator_id = a.integrator_id and d.position = a.position
         where a.integrator_id = $1 and (not $2 or a.failure is not null)
         order by a.id desc limit $3",
    )
    .bind(integrator_id)
    .bind(failed_only)
    .bind(i64::from(limit.min(LIST_MAX)))
    .fetch_all(pool)
    .await
    .map_err(failed("list the attempts of a webhook"))
}

/// Deletes up to `limit` attempts, and as many events given up, that are older than `older_than`.
/// Returns how many rows went. What waits is never deleted.
///
/// # Errors
/// When the database fails.
pub async fn purge(pool: &PgPool, older_than: Duration, limit: u32) -> Result<u64, DatabaseError> {
    let older_than_ms = i64::try_from(older_than.as_millis()).unwrap_or(i64::MAX);
    let attempts = sqlx::query(
        "delete from webhook_attempts where id in (
             select id from webhook_attempts
             where at < clock_timestamp() - $1 * interval '1 millisecond' limit $2
         )",
    )
    .bind(older_than_ms)
    .bind(i64::from(limit))
    .execute(pool)
    .await
    .map_err(failed("purge attempts of webhooks"))?;
    let given_up = sqlx::query(
        "delete from webhook_deliveries where (integrator_id, position) in (
             select integrator_id, position from webhook_deliveries
             where state = 'failed'
                 and coalesce(tried_at, first_at) < clock_timestamp() - $1 * interval '1 millisecond'
             limit $2
         )",
    )
    .bind(older_than_ms)
    .bind(i64::from(limit))
    .execute(pool)
    .await
    .map_err(failed("purge events that were given up"))?;
    Ok(attempts.rows_affected() + given_up.rows_affected())
}
