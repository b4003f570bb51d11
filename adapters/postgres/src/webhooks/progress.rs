//! How far a webhook is, as the process that calls it reads it.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use crate::{DatabaseError, error::failed};

/// So many failures in a row say that the other side is down, and not that one event is at fault.
const OUTAGE_FAILURES: i32 = 5;
/// How often an event is tried out of turn while the other side is down.
pub const PROBE_EVERY: TimeDelta = TimeDelta::minutes(5);
/// The most streams of a webhook whose queues are read; far above the bound at which it waits.
const STREAMS_READ_MAX: i64 = 10_000;

/// A webhook's checkpoint under a lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Place {
    /// The integrator.
    pub integrator_id: Uuid,
    /// The epoch of the lease.
    pub epoch: i64,
    /// Every event up to here is dealt with.
    pub position: i64,
    /// The revision of the webhook that was called.
    pub revision: i64,
}

/// What a new owner finds.
#[derive(Clone, Copy, Debug, Eq, FromRow, PartialEq)]
pub struct Claimed {
    /// Every event up to here is dealt with.
    pub position: i64,
    /// The other side asked for a pause until then.
    pub wait_until: Option<DateTime<Utc>>,
    /// Nothing succeeded since then although it was tried.
    pub failing_since: Option<DateTime<Utc>>,
    /// Failed attempts since the last success.
    pub failures: i32,
    /// When it was called last.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// Grows with each order of an operator.
    pub revision: i64,
}

impl Claimed {
    /// Whether the other side is down, as far as the attempts tell.
    pub fn is_outage(&self) -> bool {
        is_outage(self.failures)
    }
}

/// Whether so many failures in a row say that the other side is down.
pub(super) fn is_outage(failures: i32) -> bool {
    failures >= OUTAGE_FAILURES
}

/// Takes a webhook's checkpoint under an epoch; again under the same, to see what an operator moved.
/// `None` when somebody has a newer one, or it was revoked.
///
/// # Errors
/// When the database fails.
pub async fn claim(
    pool: &PgPool,
    integrator_id: Uuid,
    epoch: i64,
) -> Result<Option<Claimed>, DatabaseError> {
    sqlx::query_as(
        "update webhooks set epoch = $2 where integrator_id = $1 and epoch <= $2
         returning position, wait_until, failing_since, failures, last_attempt_at, revision",
    )
    .bind(integrator_id)
    .bind(epoch)
    .fetch_optional(pool)
    .await
    .map_err(failed("claim a webhook"))
}

/// What waits for a webhook.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// The streams whose events wait.
    pub streams: HashSet<Uuid>,
    /// How many events wait.
    pub events: i64,
    /// When the next of them is due.
    pub next_at: Option<DateTime<Utc>>,
}

/// Reads what waits for a webhook.
///
/// # Errors
/// When the database fails.
pub async fn queue(pool: &PgPool, integrator_id: Uuid) -> Result<Queue, DatabaseError> {
    let rows: Vec<(Uuid, DateTime<Utc>, i64)> = sqlx::query_as(
        "select stream_id, (array_agg(next_at order by position))[1], count(*)
         from webhook_deliveries where integrator_id = $1 and state = 'pending'
         group by stream_id limit $2",
    )
    .bind(integrator_id)
    .bind(STREAMS_READ_MAX)
    .fetch_all(pool)
    .await
    .map_err(failed("read what waits for a webhook"))?;
    Ok(Queue {
        events: rows.iter().map(|(_, _, events)| events).sum(),
        next_at: rows.iter().map(|(_, next_at, _)| *next_at).min(),
        streams: rows.into_iter().map(|(stream_id, _, _)| stream_id).collect(),
    })
}

/// An event whose turn it is: the first of its stream that waits.
#[derive(Clone, Copy, Debug, Eq, FromRow, PartialEq)]
pub struct Due {
    /// Its place in the log.
    pub position: i64,
    /// Attempts before.
    pub attempts: i32,
}

/// The events that are due at `now`, at most one of each stream, the longest due first.
///
/// # Errors
/// When the database fails.
pub async fn due(
    pool: &PgPool,
    integrator_id: Uuid,
    now: DateTime<Utc>,
    limit: u32,
) -> Result<Vec<Due>, DatabaseError> {
    sqlx::query_as(
        "select position, attempts from (
             select distinct on (stream_id) position, attempts, next_at
             from webhook_deliveries where integrator_id = $1 and state = 'pending'
             order by stream_id, position
         ) heads
         where next_at <= $2 order by next_at, position limit $3",
    )
    .bind(integrator_id)
    .bind(now)
    .bind(i64::from(limit))
    .fetch_all(pool)
    .await
    .map_err(failed("look for events that are due"))
}

/// The event whose turn it is while the other side is down.
///
/// Of those that are the first of their streams it is the one that was tried longest ago, due or not. So
/// the other side's return is noticed before the long pauses are over, and an event that is never
/// accepted hides no other.
///
/// # Errors
/// When the database fails.
pub async fn next_probe(pool: &PgPool, integrator_id: Uuid) -> Result<Option<Due>, DatabaseError> {
    sqlx::query_as(
        "select position, attempts from (
             select distinct on (stream_id) position, attempts, tried_at
             from webhook_deliveries where integrator_id = $1 and state = 'pending'
             order by stream_id, position
         ) heads
         order by tried_at nulls first, position limit 1",
    )
    .bind(integrator_id)
    .fetch_optional(pool)
    .await
    .map_err(failed("look for an event to try while a webhook is down"))
}
