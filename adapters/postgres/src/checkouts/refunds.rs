//! What was asked of providers besides pages: refunds, and notifications that did not arrive.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::milliseconds;
use crate::{DatabaseError, error::failed};

/// A refund that a provider was asked for.
#[derive(Clone, Debug, FromRow, PartialEq)]
pub struct RefundCall {
    /// The provider's id of the refund, once it said one.
    pub provider_ref: Option<String>,
    /// When it was first asked.
    pub first_sent_at: DateTime<Utc>,
    /// Whether this is the first time.
    pub is_first: bool,
    /// Whether it is time to ask again.
    pub is_due: bool,
}

/// Notes that the provider is about to be asked for a refund, before it is. Says what is known of it.
///
/// # Errors
/// When the database fails.
pub async fn send_refund(
    pool: &PgPool,
    refund_id: Uuid,
    (payment_id, channel): (Uuid, &str),
) -> Result<RefundCall, DatabaseError> {
    sqlx::query_as(
        "with sent as (
             insert into payment_refund_calls (refund_id, payment_id, channel)
             values ($1, $2, $3) on conflict (refund_id) do nothing
             returning provider_ref, first_sent_at, true as is_first, true as is_due
         )
         select * from sent
         union all
         select provider_ref, first_sent_at, false, next_at <= clock_timestamp()
         from payment_refund_calls where refund_id = $1
         limit 1",
    )
    .bind(refund_id)
    .bind(payment_id)
    .bind(channel)
    .fetch_one(pool)
    .await
    .map_err(failed("note a refund's call"))
}

/// Keeps the provider's id of a refund.
///
/// # Errors
/// When the database fails.
pub async fn found_refund(
    pool: &PgPool,
    refund_id: Uuid,
    provider_ref: &str,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "update payment_refund_calls set provider_ref = $2, attempts = 0 where refund_id = $1",
    )
    .bind(refund_id)
    .bind(provider_ref)
    .execute(pool)
    .await
    .map_err(failed("keep a refund's id"))?;
    Ok(())
}

/// The refund is due again after a pause that doubles from `first` to `max`, with jitter.
///
/// # Errors
/// When the database fails.
pub async fn postpone_refund(
    pool: &PgPool,
    refund_id: Uuid,
    (first, max): (Duration, Duration),
) -> Result<(), DatabaseError> {
    sqlx::query(
        "update payment_refund_calls set attempts = attempts + 1,
             next_at = clock_timestamp() + interval '1 millisecond'
                 * least($3::float8, $2::float8 * power(2, least(attempts, 30)))
                 * (0.5 + random() / 2)
         where refund_id = $1",
    )
    .bind(refund_id)
    .bind(milliseconds(first))
    .bind(milliseconds(max))
    .execute(pool)
    .await
    .map_err(failed("postpone a refund"))?;
    Ok(())
}

/// Up to when notifications of a door were looked for; none before the first time.
///
/// # Errors
/// When the database fails.
pub async fn swept_until(
    pool: &PgPool,
    channel: &str,
) -> Result<Option<DateTime<Utc>>, DatabaseError> {
    sqlx::query_scalar("select swept_until from payment_sweeps where channel = $1")
        .bind(channel)
        .fetch_optional(pool)
        .await
        .map_err(failed("read a sweep"))
}

/// Notes up to when notifications of a door were looked for.
///
/// # Errors
/// When the database fails.
pub async fn swept(
    pool: &PgPool,
    channel: &str,
    until: DateTime<Utc>,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "insert into payment_sweeps (channel, swept_until) values ($1, $2)
         on conflict (channel) do update
             set swept_until = greatest(payment_sweeps.swept_until, excluded.swept_until)",
    )
    .bind(channel)
    .bind(until)
    .execute(pool)
    .await
    .map_err(failed("note a sweep"))?;
    Ok(())
}
