//! What an operator orders: disable, enable, deliver again. Each order raises the
//! revision, by which whoever calls the webhook looks again within a second.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{DatabaseError, error::failed};

/// The most events that one order delivers again from among those given up; the next order takes the
/// next ones.
pub const REDELIVERED_MAX: i64 = 1_000;

/// Why a webhook was not moved.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// It is not that far.
    #[error(
        "it has come to position {position} only and gets everything behind that by itself; name \
         a position up to {position}"
    )]
    Ahead {
        /// How far it is.
        position: i64,
    },
    /// It was revoked.
    #[error("it is not in force any more")]
    NotFound,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Stops the calls; nothing is lost. `false` when it was disabled already.
///
/// # Errors
/// When the database fails.
pub async fn disable(
    pool: &PgPool,
    integrator_id: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<bool, DatabaseError> {
    let disabled = sqlx::query(
        "update webhooks
         set disabled_at = $3, disabled_by = 'operator', disabled_reason = $2,
             revision = revision + 1
         where integrator_id = $1 and disabled_at is null",
    )
    .bind(integrator_id)
    .bind(reason)
    .bind(now)
    .execute(pool)
    .await
    .map_err(failed("disable a webhook"))?;
    Ok(disabled.rows_affected() == 1)
}

/// Lets the calls go on from where they stopped: what waits is due at once, and its attempts and the
/// days of failing are counted anew. `false` when it was not disabled; all that holds all the same.
///
/// # Errors
/// When the database fails.
pub async fn enable(
    pool: &PgPool,
    integrator_id: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, DatabaseError> {
    let mut tx = pool.begin().await.map_err(failed("begin to enable a webhook"))?;
    let was_disabled: Option<bool> = sqlx::query_scalar(
        "update webhooks as w
         set disabled_at = null, disabled_by = null, disabled_reason = null, failing_since = null,
             failures = 0, wait_until = null, revision = w.revision + 1
         from webhooks before
         where w.integrator_id = $1 and before.integrator_id = $1
         returning before.disabled_at is not null",
    )
    .bind(integrator_id)
    .fetch_optional(&mut *tx)
    .await
    .map_err(failed("enable a webhook"))?;
    begin_anew(&mut tx, integrator_id, now).await?;
    tx.commit().await.map_err(failed("commit an order about a webhook"))?;
    Ok(was_disabled.unwrap_or(false))
}

/// Calls another address from now on, at first with what waits.
///
/// It is due at once, and what the old address answered counts no more. Returns whether the webhook is
/// disabled, which stays so; `None` when it is not in force any more.
///
/// # Errors
/// When the database fails.
pub async fn move_to(
    pool: &PgPool,
    (integrator_id, url): (Uuid, &str),
    now: DateTime<Utc>,
) -> Result<Option<bool>, DatabaseError> {
    let mut tx = pool.begin().await.map_err(failed("begin to move a webhook"))?;
    // The epoch of one that was revoked belongs to nobody.
    let is_disabled: Option<bool> = sqlx::query_scalar(
        "update webhooks
         set url = $2, failing_since = null, failures = 0, wait_until = null, last_failure = null,
             revision = revision + 1
         where integrator_id = $1 and epoch < $3
         returning disabled_at is not null",
    )
    .bind(integrator_id)
    .bind(url)
    .bind(i64::MAX)
    .fetch_optional(&mut *tx)
    .await
    .map_err(failed("move a webhook to another address"))?;
    begin_anew(&mut tx, integrator_id, now).await?;
    tx.commit().await.map_err(failed("commit an order about a webhook"))?;
    Ok(is_disabled)
}

/// What waits is due at once, as if it had not been tried.
async fn begin_anew(
    db: &mut PgConnection,
    integrator_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "update webhook_deliveries set attempts = 0, next_at = least(next_at, $2)
         where integrator_id = $1 and state = 'pending'",
    )
    .bind(integrator_id)
    .bind(now)
    .execute(db)
    .await
    .map_err(failed("bring what waits for a webhook forward"))?;
    Ok(())
}

/// Delivers the events again that were given up, the oldest first, at most [`REDELIVERED_MAX`].
/// Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn redeliver_failed(
    pool: &PgPool,
    integrator_id: Uuid,
    now: DateTime<Utc>,
) -> Result<u64, DatabaseError> {
    let ordered = sqlx::query(
        "with looked_at as (
             update webhooks set revision = revision + 1 where integrator_id = $1
         )
         update webhook_deliveries
         set state = 'pending', attempts = 0, next_at = $2, first_at = $2
         where integrator_id = $1 and position in (
             select position from webhook_deliveries
             where integrator_id = $1 and state = 'failed' order by position limit $3
         )",
    )
    .bind(integrator_id)
    .bind(now)
    .bind(REDELIVERED_MAX)
    .execute(pool)
    .await
    .map_err(failed("deliver what was given up again"))?;
    Ok(ordered.rows_affected())
}

/// Delivers everything from a position of the log on again, in order.
///
/// # Errors
/// [`MoveError`].
pub async fn redeliver_from(
    pool: &PgPool,
    integrator_id: Uuid,
    from: i64,
) -> Result<(), MoveError> {
    let mut tx = pool.begin().await.map_err(failed("begin to move a webhook"))?;
    let position: Option<i64> =
        sqlx::query_scalar("select position from webhooks where integrator_id = $1 for update")
            .bind(integrator_id)
            .fetch_optional(&mut *tx)
            .await
            .map_err(failed("read a webhook's position"))?;
    let position = position.ok_or(MoveError::NotFound)?;
    let from = from.max(1);
    if from > position {
        return Err(MoveError::Ahead { position });
    }
    // What waits behind the new place comes again from the log, in its order.
    sqlx::query("delete from webhook_deliveries where integrator_id = $1 and position >= $2")
        .bind(integrator_id)
        .bind(from)
        .execute(&mut *tx)
        .await
        .map_err(failed("drop what comes again"))?;
    sqlx::query(
        "update webhooks
         set position = $2, revision = revision + 1,
             start_position = case when start_position > $2 then $2 else start_position end
         where integrator_id = $1",
    )
    .bind(integrator_id)
    .bind(from - 1)
    .execute(&mut *tx)
    .await
    .map_err(failed("move a webhook"))?;
    tx.commit().await.map_err(failed("commit an order about a webhook"))?;
    Ok(())
}
