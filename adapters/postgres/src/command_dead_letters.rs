//! Commands that could not be carried out at all, for an operator to send again or give up.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use crate::{
    DatabaseError,
    error::{failed, shorten},
};

/// The most rows that [`list`] returns.
pub const LIST_MAX: u32 = 1_000;

/// A command to be recorded.
#[derive(Clone, Debug)]
pub struct NewCommandDeadLetter<'a> {
    /// The tenant, as far as it could be read; may be empty.
    pub tenant: &'a str,
    /// The aggregate, as far as it could be read; may be empty.
    pub aggregate: &'a str,
    /// The command id, when it could be read.
    pub command_id: Option<Uuid>,
    /// Hexadecimal, of the command or of the whole message.
    pub fingerprint: &'a str,
    /// Why it cannot be carried out; no secrets, no texts of people.
    pub reason: &'a str,
    /// How often it was tried.
    pub attempts: i32,
    /// The message as it came.
    pub message: &'a [u8],
}

/// What an operator decided on a poison command.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CommandLetterState {
    /// Nothing yet.
    Parked,
    /// It was sent again.
    Retried,
    /// It was given up.
    Skipped,
}

impl CommandLetterState {
    /// The name in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Retried => "retried",
            Self::Skipped => "skipped",
        }
    }
}

/// A recorded poison command.
#[derive(Clone, Debug, FromRow, PartialEq)]
pub struct CommandDeadLetter {
    /// The row.
    pub id: i64,
    /// The tenant, as far as it could be read.
    pub tenant: String,
    /// The aggregate, as far as it could be read.
    pub aggregate: String,
    /// The command id, when it could be read.
    pub command_id: Option<Uuid>,
    /// Of the command or of the whole message.
    pub fingerprint: String,
    /// Why it could not be carried out.
    pub reason: String,
    /// How often it was tried.
    pub attempts: i32,
    /// The message as it came.
    pub message: Vec<u8>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// `parked`, `retried` or `skipped`.
    pub state: String,
}

/// Records a poison command. The same fingerprint again, while the first is still parked, adds its
/// attempts to that row. Returns the row's id.
///
/// # Errors
/// When the database fails; the message must then not be acknowledged.
pub async fn record(
    pool: &PgPool,
    command: &NewCommandDeadLetter<'_>,
) -> Result<i64, DatabaseError> {
    sqlx::query_scalar(
        "insert into command_dead_letters as l
             (tenant, aggregate, command_id, fingerprint, reason, attempts, message)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (fingerprint) where state = 'parked' do update
             set attempts = l.attempts + excluded.attempts, reason = excluded.reason
         returning id",
    )
    .bind(shorten(command.tenant.to_owned()))
    .bind(shorten(command.aggregate.to_owned()))
    .bind(command.command_id)
    .bind(command.fingerprint)
    .bind(shorten(command.reason.to_owned()))
    .bind(command.attempts)
    .bind(command.message)
    .fetch_one(pool)
    .await
    .map_err(failed("record a poison command"))
}

/// The rows of a state with an id above `after_id`, in order.
///
/// # Errors
/// When the database fails.
pub async fn list(
    pool: &PgPool,
    state: CommandLetterState,
    after_id: i64,
    limit: u32,
) -> Result<Vec<CommandDeadLetter>, DatabaseError> {
    sqlx::query_as(
        "select id, tenant, aggregate, command_id, fingerprint, reason, attempts, message,
                recorded_at, state
         from command_dead_letters
         where state = $1 and id > $2
         order by id
         limit $3",
    )
    .bind(state.as_str())
    .bind(after_id)
    .bind(i64::from(limit.min(LIST_MAX)))
    .fetch_all(pool)
    .await
    .map_err(failed("list the poison commands"))
}

/// Which parked rows are wanted; by default all.
#[derive(Clone, Debug, Default)]
pub struct CommandLetterFilter {
    /// Of this tenant.
    pub tenant: Option<String>,
    /// To this kind of aggregate.
    pub aggregate: Option<String>,
    /// Recorded from this instant on.
    pub from: Option<DateTime<Utc>>,
    /// Recorded before this instant.
    pub until: Option<DateTime<Utc>>,
}

/// The parked rows with an id above `after_id` that a filter lets through, in order, at most
/// [`LIST_MAX`].
///
/// # Errors
/// When the database fails.
pub async fn page(
    pool: &PgPool,
    filter: &CommandLetterFilter,
    after_id: i64,
    limit: u32,
) -> Result<Vec<CommandDeadLetter>, DatabaseError> {
    sqlx::query_as(
        "select id, tenant, aggregate, command_id, fingerprint, reason, attempts, message,
                recorded_at, state
         from command_dead_letters
         where state = 'parked' and id > $1
             and ($2::text is null or tenant = $2)
             and ($3::text is null or aggregate = $3)
             and ($4::timestamptz is null or recorded_at >= $4)
             and ($5::timestamptz is null or recorded_at < $5)
         order by id
         limit $6",
    )
    .bind(after_id)
    .bind(&filter.tenant)
    .bind(&filter.aggregate)
    .bind(filter.from)
    .bind(filter.until)
    .bind(i64::from(limit.clamp(1, LIST_MAX)))
    .fetch_all(pool)
    .await
    .map_err(failed("list the poison commands"))
}

/// One row.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &PgPool, id: i64) -> Result<Option<CommandDeadLetter>, DatabaseError> {
    sqlx::query_as(
        "select id, tenant, aggregate, command_id, fingerprint, reason, attempts, message,
                recorded_at, state
         from command_dead_letters
         where id = $1",
    )
    .bind(id)
    .fetch_optional(pool)
    .await
    .map_err(failed("find a poison command"))
}

/// Marks a parked row as retried. Send its message first (see [`find`]) and mark it after: a crash
/// in between sends it twice, which its command id makes harmless. `false` when it is not parked.
///
/// # Errors
/// When the database fails.
pub async fn retry(pool: &PgPool, id: i64) -> Result<bool, DatabaseError> {
    decide(pool, id, CommandLetterState::Retried).await
}

/// Gives a parked row up. `false` when it is not parked.
///
/// # Errors
/// When the database fails.
pub async fn skip(pool: &PgPool, id: i64) -> Result<bool, DatabaseError> {
    decide(pool, id, CommandLetterState::Skipped).await
}

async fn decide(pool: &PgPool, id: i64, state: CommandLetterState) -> Result<bool, DatabaseError> {
    let decided = sqlx::query(
        "update command_dead_letters set state = $2 where id = $1 and state = 'parked'",
    )
    .bind(id)
    .bind(state.as_str())
    .execute(pool)
    .await
    .map_err(failed("decide on a poison command"))?;
    Ok(decided.rows_affected() == 1)
}
