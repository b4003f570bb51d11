//! What came in from outside: stored once, worked on in order, kept until every outcome is known.
//!
//! One process owns a source (by a lease) and asks for the next rows; rows are not claimed one by
//! one. The owner finishes a row in the transaction of its effects.

mod personal;
mod store;

pub use personal::{erase, export};

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection, PgPool};

use crate::{
    DatabaseError,
    error::{failed, shorten},
};

/// How the inbox works.
#[derive(Clone, Debug)]
pub struct InboxSettings {
    /// The most pending rows of one source; one more is refused, and its sender tries again later.
    pub backlog_max: u32,
    /// After so many failed attempts a row is dead and an operator decides.
    pub attempts_max: u32,
    /// The pause after the first failed attempt; it doubles.
    pub pause_first: Duration,
    /// The longest pause.
    pub pause_max: Duration,
}

impl Default for InboxSettings {
    fn default() -> Self {
        Self {
            // An hour of three deliveries a second; more pending rows mean that the worker is down.
            backlog_max: 10_000,
            // With the pauses below about two hours.
            attempts_max: 16,
            pause_first: Duration::from_millis(500),
            pause_max: Duration::from_secs(900),
        }
    }
}

/// The inbox. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Inbox {
    pool: PgPool,
    settings: InboxSettings,
}

/// Whether a delivery was new.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stored {
    /// It was stored now.
    New,
    /// The source delivered it before; nothing changed.
    Duplicate,
}

/// Why a delivery was not stored.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// The source has too many pending rows.
    #[error("the inbox of `{source_name}` holds {limit} pending deliveries, no more are taken")]
    Full {
        /// The source.
        source_name: String,
        /// The bound.
        limit: u32,
    },
    /// A name or id is empty, too long, or holds U+0000.
    #[error("{what} must have 1 to {limit} bytes without U+0000")]
    InvalidName {
        /// Which one.
        what: &'static str,
        /// The longest, in bytes.
        limit: usize,
    },
    /// The payload is too large.
    #[error("the delivery has {size} bytes, the limit is {limit}", limit = Inbox::PAYLOAD_SIZE_MAX)]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A pending delivery.
#[derive(Clone, Debug, FromRow, PartialEq)]
pub struct InboxRow {
    /// The sender's id.
    pub external_id: String,
    /// Rows of one key keep their order.
    pub key: String,
    /// What was delivered.
    pub payload: serde_json::Value,
    /// Failed attempts so far.
    pub attempts: i32,
    /// When it arrived.
    pub received_at: DateTime<Utc>,
}

/// What a failed attempt led to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Postponed {
    /// The row is due again at this instant.
    Until(DateTime<Utc>),
    /// It was the last attempt; the row waits for an operator and no longer holds up its key.
    Dead,
    /// The row is not pending: done or dead already.
    NotPending,
}

/// How many rows a source has.
#[derive(Clone, Copy, Debug, Default, Eq, FromRow, PartialEq)]
pub struct InboxCounts {
    /// Rows to be worked on.
    pub pending: i64,
    /// Rows given up.
    pub dead: i64,
    /// The age of the oldest pending row, in whole seconds.
    pub oldest_pending_seconds: Option<i64>,
}

impl Inbox {
    /// The largest payload in bytes of JSON: a Telegram update or a provider's webhook has a few
    /// thousand.
    pub const PAYLOAD_SIZE_MAX: usize = 1024 * 1024;

    /// The longest source, external id or key, in bytes.
    pub const NAME_SIZE_MAX: usize = 512;

    /// The most rows that [`Inbox::next_batch`] returns.
    pub const BATCH_MAX: u32 = 1_000;

    /// An inbox on a pool.
    pub fn new(pool: PgPool, settings: InboxSettings) -> Self {
        Self { pool, settings }
    }

    /// The next rows of a source: of each key the oldest pending one, when it is due. Rows come
    /// oldest first and are not marked: the caller owns the source and knows what it works on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_batch(
        &self,
        source: &str,
        limit: u32,
    ) -> Result<Vec<InboxRow>, DatabaseError> {
        self.next_batch_except(source, limit, &[]).await
    }

    /// The same without the keys that the caller works on already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_batch_except(
        &self,
        source: &str,
        limit: u32,
        busy_keys: &[String],
    ) -> Result<Vec<InboxRow>, DatabaseError> {
        sqlx::query_as(
            "select external_id, key, payload, attempts, received_at
             from (
                 select distinct on (key) external_id, key, payload, attempts, received_at, arrival,
                        next_at
                 from inbox
                 where source = $1 and state = 'pending' and key <> all($3)
                 order by key, arrival
             ) oldest
             where next_at <= clock_timestamp()
             order by arrival
             limit $2",
        )
        .bind(source)
        .bind(i64::from(limit.min(Self::BATCH_MAX)))
        .bind(busy_keys)
        .fetch_all(&self.pool)
        .await
        .map_err(failed("read the inbox"))
    }

    /// Marks a row as done in the caller's transaction, together with its effects. `false` when it
    /// was not pending: somebody else finished it, and the transaction must be rolled back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finish(
        &self,
        db: &mut PgConnection,
        source: &str,
        external_id: &str,
    ) -> Result<bool, DatabaseError> {
        finish(db, source, external_id).await
    }

    /// Notes a failed attempt: the row is due again after a pause that grows with jitter, or dead
    /// after the last one. `error` must not contain secrets or texts of people.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn postpone(
        &self,
        source: &str,
        external_id: &str,
        error: &str,
    ) -> Result<Postponed, DatabaseError> {
        let row: Option<(String, DateTime<Utc>)> = sqlx::query_as(
            "update inbox set
                 attempts = attempts + 1,
                 last_error = $3,
                 state = case when attempts + 1 >= $4 then 'dead' else 'pending' end,
                 next_at = clock_timestamp() + interval '1 millisecond'
                     * least($6::float8, $5::float8 * power(2, least(attempts, 30)))
                     * (0.5 + random() / 2)
             where source = $1 and external_id = $2 and state = 'pending'
             returning state, next_at",
        )
        .bind(source)
        .bind(external_id)
        .bind(shorten(error.to_owned()))
        .bind(i32::try_from(self.settings.attempts_max).unwrap_or(i32::MAX))
        .bind(milliseconds(self.settings.pause_first))
        .bind(milliseconds(self.settings.pause_max))
        .fetch_optional(&self.pool)
        .await
        .map_err(failed("postpone a delivery"))?;
        Ok(match row {
            None => Postponed::NotPending,
            Some((state, _)) if state == "dead" => Postponed::Dead,
            Some((_, next_at)) => Postponed::Until(next_at),
        })
    }

    /// Makes dead rows of a source pending again, at most [`Inbox::BATCH_MAX`], or the one named.
    /// Returns how many. They arrive anew: behind what their keys have pending.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn retry_dead(
        &self,
        source: &str,
        external_id: Option<&str>,
    ) -> Result<u64, DatabaseError> {
        let retried = sqlx::query(
            "update inbox set state = 'pending', attempts = 0, next_at = clock_timestamp(),
                    arrival = default
             where source = $1 and external_id in (
                 select external_id from inbox
                 where source = $1 and state = 'dead' and ($2::text is null or external_id = $2)
                 order by arrival
                 limit $3
             ) and state = 'dead'",
        )
        .bind(source)
        .bind(external_id)
        .bind(i64::from(Self::BATCH_MAX))
        .execute(&self.pool)
        .await
        .map_err(failed("retry dead deliveries"))?;
        Ok(retried.rows_affected())
    }

    /// How many rows a source has.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts(&self, source: &str) -> Result<InboxCounts, DatabaseError> {
        sqlx::query_as(
            "select count(*) filter (where state = 'pending') as pending,
                    count(*) filter (where state = 'dead') as dead,
                    floor(extract(epoch from clock_timestamp()
                        - min(received_at) filter (where state = 'pending')))::bigint
                        as oldest_pending_seconds
             from inbox
             where source = $1 and state in ('pending', 'dead')",
        )
        .bind(source)
        .fetch_one(&self.pool)
        .await
        .map_err(failed("count the inbox"))
    }
}

/// Marks a row as done in the caller's transaction; see [`Inbox::finish`].
///
/// # Errors
/// When the database fails.
pub async fn finish(
    db: &mut PgConnection,
    source: &str,
    external_id: &str,
) -> Result<bool, DatabaseError> {
    let finished = sqlx::query(
        "update inbox set state = 'done', done_at = clock_timestamp(), last_error = null
         where source = $1 and external_id = $2 and state = 'pending'",
    )
    .bind(source)
    .bind(external_id)
    .execute(db)
    .await
    .map_err(failed("finish a delivery"))?;
    Ok(finished.rows_affected() == 1)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
