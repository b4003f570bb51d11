//! What came of a piece of work for a webhook, written in one transaction that holds only while the
//! row has the position and the epoch that the writer believes in: whoever lost the lease, or whose
//! webhook was moved or revoked meanwhile, writes nothing.

use chrono::{DateTime, Duration, Utc};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{Claimed, Place};
use crate::{DatabaseError, error::failed};

/// After an outage all that waits is tried again within this time, spread so that the other side is
/// not run over.
const RECOVERY_SPREAD: Duration = Duration::seconds(30);

/// Whether an event is tried again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ParkedState {
    /// It waits for its turn.
    Pending,
    /// It was given up.
    Failed,
}

/// An event that was not delivered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Parked {
    /// Its place in the log.
    pub position: i64,
    /// Its stream, which waits behind it.
    pub stream_id: Uuid,
    /// Its id.
    pub event_id: Uuid,
    /// Its type.
    pub event_type: String,
    /// Whether it is tried again.
    pub state: ParkedState,
    /// Attempts up to now.
    pub attempts: i32,
    /// When its next attempt is due.
    pub next_at: DateTime<Utc>,
    /// What went wrong last; none when it was not tried.
    pub failure: Option<String>,
}

/// One attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tried {
    /// The event's place in the log.
    pub position: i64,
    /// Its id.
    pub event_id: Uuid,
    /// Its type.
    pub event_type: String,
    /// From 1.
    pub attempt: i32,
    /// When it began.
    pub at: DateTime<Utc>,
    /// How long it took.
    pub duration_ms: i32,
    /// The status of the answer, when there was one.
    pub status: Option<i16>,
    /// What went wrong; none after a success.
    pub failure: Option<String>,
}

/// What came of a piece of work.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The checkpoint moves up to here; without it, it stays.
    pub moved_to: Option<i64>,
    /// Events that are delivered.
    pub delivered: Vec<i64>,
    /// Events that are not.
    pub parked: Vec<Parked>,
    /// What was tried.
    pub tried: Vec<Tried>,
    /// The other side asks for a pause until then.
    pub wait_until: Option<DateTime<Utc>>,
    /// The webhook is to be disabled, with the reason. An order that an operator gave meanwhile stands
    /// above it.
    pub disable: Option<&'static str>,
}

impl Report {
    /// Whether the other side accepted anything.
    pub fn has_success(&self) -> bool {
        self.tried.iter().any(|tried| tried.failure.is_none())
    }
}

/// Whether a report was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It was, and this is how the webhook stands.
    Written(Claimed),
    /// Another process has the webhook, or an operator moved it: look again.
    Fenced,
}

/// Writes down what came of a piece of work, all of it or nothing.
///
/// # Errors
/// When the database fails; then nothing is written and the work is repeated.
pub async fn record(
    pool: &PgPool,
    place: Place,
    report: &Report,
    now: DateTime<Utc>,
) -> Result<Outcome, DatabaseError> {
    let mut tx = pool.begin().await.map_err(failed("begin to write a webhook's progress"))?;
    let Some(before) = lock(&mut tx, place).await? else { return Ok(Outcome::Fenced) };
    let after = move_on(&mut tx, (place, &before), report, now).await?;
    log_attempts(&mut tx, place.integrator_id, &report.tried).await?;
    forget(&mut tx, place.integrator_id, &report.delivered).await?;
    park(&mut tx, place.integrator_id, (&report.parked, now)).await?;
    note_turns(&mut tx, place.integrator_id, &report.tried).await?;
    if before.is_outage() && after.failures == 0 {
        bring_forward(&mut tx, place.integrator_id, now).await?;
    }
    tx.commit().await.map_err(failed("write a webhook's progress"))?;
    Ok(Outcome::Written(after))
}

async fn lock(db: &mut PgConnection, place: Place) -> Result<Option<Claimed>, DatabaseError> {
    sqlx::query_as(
        "select position, wait_until, failing_since, failures, last_attempt_at, revision
         from webhooks where integrator_id = $1 and epoch = $2 and position = $3 for update",
    )
    .bind(place.integrator_id)
    .bind(place.epoch)
    .bind(place.position)
    .fetch_optional(db)
    .await
    .map_err(failed("lock a webhook"))
}

/// Moves the checkpoint and notes how the other side does.
async fn move_on(
    db: &mut PgConnection,
    (place, before): (Place, &Claimed),
    report: &Report,
    now: DateTime<Utc>,
) -> Result<Claimed, DatabaseError> {
    let failure = report.tried.iter().rev().find_map(|tried| tried.failure.as_deref());
    let failed_attempts = report.tried.iter().filter(|tried| tried.failure.is_some()).count();
    let failed_attempts = i32::try_from(failed_attempts).unwrap_or(i32::MAX);
    let last_attempt_at = report.tried.iter().map(|tried| tried.at).max();
    let succeeded = report.has_success();
    let disable = report.disable.filter(|_| before.revision == place.revision);
    let (failures, failing_since) = match (succeeded, failed_attempts) {
        (true, _) => (0, None),
        (false, 0) => (before.failures, before.failing_since),
        (false, more) => {
            (before.failures.saturating_add(more), before.failing_since.or(last_attempt_at))
        }
    };
    sqlx::query_as(
        "update webhooks
         set position = coalesce($2, position), failures = $3, failing_since = $4,
             wait_until = case when greatest(wait_until, $5) > $10 then greatest(wait_until, $5) end,
             last_attempt_at = coalesce($6, last_attempt_at),
             last_success_at = case when $7 then $6 else last_success_at end,
             last_failure = coalesce($8, last_failure),
             disabled_at = case when $9::text is null then disabled_at
                 else coalesce(disabled_at, $10) end,
             disabled_by = case when $9::text is null then disabled_by
                 else coalesce(disabled_by, 'kontor') end,
             disabled_reason = case when disabled_at is null then $9 else disabled_reason end
         where integrator_id = $1
         returning position, wait_until, failing_since, failures, last_attempt_at, revision",
    )
    .bind(place.integrator_id)
    .bind(report.moved_to)
    .bind(failures)
    .bind(failing_since)
    .bind(report.wait_until)
    .bind(last_attempt_at)
    .bind(succeeded)
    .bind(failure)
    .bind(disable)
    .bind(now)
    .fetch_one(db)
    .await
    .map_err(failed("move a webhook on"))
}

async fn log_attempts(
    db: &mut PgConnection,
    integrator_id: Uuid,
    tried: &[Tried],
) -> Result<(), DatabaseError> {
    if tried.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "insert into webhook_attempts (integrator_id, position, event_id, event_type, attempt, at,
             duration_ms, status, failure)
         select $1, * from unnest($2::bigint[], $3::uuid[], $4::text[], $5::int[],
             $6::timestamptz[], $7::int[], $8::smallint[], $9::text[])",
    )
    .bind(integrator_id)
    .bind(tried.iter().map(|it| it.position).collect::<Vec<_>>())
    .bind(tried.iter().map(|it| it.event_id).collect::<Vec<_>>())
    .bind(tried.iter().map(|it| it.event_type.as_str()).collect::<Vec<_>>())
    .bind(tried.iter().map(|it| it.attempt).collect::<Vec<_>>())
    .bind(tried.iter().map(|it| it.at).collect::<Vec<_>>())
    .bind(tried.iter().map(|it| it.duration_ms).collect::<Vec<_>>())
    .bind(tried.iter().map(|it| it.status).collect::<Vec<_>>())
    .bind(tried.iter().map(|it| it.failure.as_deref()).collect::<Vec<_>>())
    .execute(db)
    .await
    .map_err(failed("note attempts of a webhook"))?;
    Ok(())
}

async fn forget(
    db: &mut PgConnection,
    integrator_id: Uuid,
    delivered: &[i64],
) -> Result<(), DatabaseError> {
    if delivered.is_empty() {
        return Ok(());
    }
    sqlx::query("delete from webhook_deliveries where integrator_id = $1 and position = any($2)")
        .bind(integrator_id)
        .bind(delivered)
        .execute(db)
        .await
        .map_err(failed("end deliveries of a webhook"))?;
    Ok(())
}

async fn park(
    db: &mut PgConnection,
    integrator_id: Uuid,
    (parked, now): (&[Parked], DateTime<Utc>),
) -> Result<(), DatabaseError> {
    if parked.is_empty() {
        return Ok(());
    }
    let state = |it: &Parked| match it.state {
        ParkedState::Pending => "pending",
        ParkedState::Failed => "failed",
    };
    sqlx::query(
        "insert into webhook_deliveries (integrator_id, first_at, position, stream_id, event_id,
             event_type, state, attempts, next_at, last_failure)
         select $1, $2, * from unnest($3::bigint[], $4::uuid[], $5::uuid[], $6::text[],
             $7::text[], $8::int[], $9::timestamptz[], $10::text[])
         on conflict (integrator_id, position) do update
             set state = excluded.state, attempts = excluded.attempts,
                 next_at = excluded.next_at, last_failure = excluded.last_failure",
    )
    .bind(integrator_id)
    .bind(now)
    .bind(parked.iter().map(|it| it.position).collect::<Vec<_>>())
    .bind(parked.iter().map(|it| it.stream_id).collect::<Vec<_>>())
    .bind(parked.iter().map(|it| it.event_id).collect::<Vec<_>>())
    .bind(parked.iter().map(|it| it.event_type.as_str()).collect::<Vec<_>>())
    .bind(parked.iter().map(state).collect::<Vec<_>>())
    .bind(parked.iter().map(|it| it.attempts).collect::<Vec<_>>())
    .bind(parked.iter().map(|it| it.next_at).collect::<Vec<_>>())
    .bind(parked.iter().map(|it| it.failure.as_deref()).collect::<Vec<_>>())
    .execute(db)
    .await
    .map_err(failed("set events of a webhook aside"))?;
    Ok(())
}

/// Notes when events that wait were tried, those out of turn included.
async fn note_turns(
    db: &mut PgConnection,
    integrator_id: Uuid,
    tried: &[Tried],
) -> Result<(), DatabaseError> {
    let failures: Vec<&Tried> = tried.iter().filter(|it| it.failure.is_some()).collect();
    if failures.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "update webhook_deliveries d set tried_at = t.at, last_failure = t.failure
         from unnest($2::bigint[], $3::timestamptz[], $4::text[]) as t (position, at, failure)
         where d.integrator_id = $1 and d.position = t.position",
    )
    .bind(integrator_id)
    .bind(failures.iter().map(|it| it.position).collect::<Vec<_>>())
    .bind(failures.iter().map(|it| it.at).collect::<Vec<_>>())
    .bind(failures.iter().map(|it| it.failure.as_deref()).collect::<Vec<_>>())
    .execute(db)
    .await
    .map_err(failed("note whose turn it was"))?;
    Ok(())
}

/// The other side is back: what waits for hours is tried soon.
async fn bring_forward(
    db: &mut PgConnection,
    integrator_id: Uuid,
    now: DateTime<Utc>,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "update webhook_deliveries
         set next_at = least(next_at, $2 + random() * $3 * interval '1 millisecond')
         where integrator_id = $1 and state = 'pending'",
    )
    .bind(integrator_id)
    .bind(now)
    .bind(RECOVERY_SPREAD.num_milliseconds())
    .execute(db)
    .await
    .map_err(failed("bring what waits for a webhook forward"))?;
    Ok(())
}
