//! Scheduled commands as an operator sees and cancels them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use crate::{DatabaseError, error::failed};

/// The most rows that [`list`] returns.
pub const LIST_MAX: u32 = 1_000;

/// A scheduled command.
#[derive(Clone, Debug, FromRow, PartialEq, Serialize)]
pub struct ScheduledCommand {
    /// The row.
    pub id: i64,
    /// The policy that ordered it.
    pub policy: String,
    /// Names the timer; none for a command that was to be sent at once.
    pub key: Option<String>,
    /// The command's id.
    pub command_id: Uuid,
    /// The tenant.
    pub tenant: String,
    /// The aggregate's type.
    pub aggregate: String,
    /// The aggregate's id.
    pub aggregate_id: Uuid,
    /// The type of the command.
    pub command: Option<String>,
    /// When it is due.
    pub due_at: DateTime<Utc>,
    /// `held`, `pending`, `sending`, `done`, `failed`, `cancelled`, `replaced` or `suppressed`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i32,
    /// What became of it.
    pub outcome: Option<Value>,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
}

/// What came of cancelling.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cancelled {
    /// It will not be sent.
    Yes,
    /// It is being sent, or was sent: it is too late.
    TooLate,
    /// It came to its end before.
    EndedBefore,
    /// There is no such command.
    Unknown,
}

/// The commands that wait, the next first; with `ended` also those that came to their end.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &PgPool,
    tenant: Option<&str>,
    ended: bool,
    limit: u32,
) -> Result<Vec<ScheduledCommand>, DatabaseError> {
    sqlx::query_as(
        "select id, policy, key, command_id, tenant, aggregate, aggregate_id,
                command ->> 'type' as command, due_at, state, attempts, outcome, last_error
         from scheduled_commands
         where ($1::text is null or tenant = $1)
             and ($2 or state in ('held', 'pending', 'sending'))
         order by due_at, id
         limit $3",
    )
    .bind(tenant)
    .bind(ended)
    .bind(i64::from(limit.min(LIST_MAX)))
    .fetch_all(pool)
    .await
    .map_err(failed("list the scheduled commands"))
}

/// Cancels a command that was not sent yet.
///
/// # Errors
/// When the database fails.
pub async fn cancel(pool: &PgPool, id: i64) -> Result<Cancelled, DatabaseError> {
    let cancelled = sqlx::query(
        "update scheduled_commands set state = 'cancelled', ended_at = clock_timestamp()
         where id = $1 and state in ('held', 'pending')",
    )
    .bind(id)
    .execute(pool)
    .await
    .map_err(failed("cancel a scheduled command"))?;
    if cancelled.rows_affected() == 1 {
        return Ok(Cancelled::Yes);
    }
    let state: Option<String> =
        sqlx::query_scalar("select state from scheduled_commands where id = $1")
            .bind(id)
            .fetch_optional(pool)
            .await
            .map_err(failed("find a scheduled command"))?;
    Ok(match state.as_deref() {
        None => Cancelled::Unknown,
        Some("sending" | "done") => Cancelled::TooLate,
        Some(_) => Cancelled::EndedBefore,
    })
}

/// Deletes up to `limit` commands that came to their end longer than `ended_before` ago. Returns how
/// many.
///
/// # Errors
/// When the database fails.
pub async fn purge(
    pool: &PgPool,
    ended_before: Duration,
    limit: u32,
) -> Result<u64, DatabaseError> {
    let purged = sqlx::query(
        "delete from scheduled_commands where id in (
             select id from scheduled_commands
             where ended_at < clock_timestamp() - $1 * interval '1 millisecond'
             limit $2
         )",
    )
    .bind(i64::try_from(ended_before.as_millis()).unwrap_or(i64::MAX))
    .bind(i64::from(limit))
    .execute(pool)
    .await
    .map_err(failed("purge scheduled commands"))?;
    Ok(purged.rows_affected())
}
