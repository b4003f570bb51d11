//! The table of outgoing messages.

use std::time::Duration;

use chrono::{DateTime, Utc};
use kontor_postgres::Lease;
use serde_json::Value;
use sqlx::{FromRow, PgConnection, PgPool};

use crate::outgoing::Outgoing;

/// The most rows that housekeeping deletes at once, so that no lock lasts.
const PURGE_BATCH: i64 = 1000;

/// How urgent a message is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Urgency {
    /// A person waits for it.
    Reply,
    /// Nobody waits for it: replies go first, and it does not go before an instant.
    Broadcast {
        /// The instant.
        not_before: DateTime<Utc>,
    },
}

impl Urgency {
    fn priority(self) -> i16 {
        match self {
            Self::Reply => 0,
            Self::Broadcast { .. } => 1,
        }
    }

    fn not_before(self) -> Option<DateTime<Utc>> {
        match self {
            Self::Reply => None,
            Self::Broadcast { not_before } => Some(not_before),
        }
    }
}

/// A row that a sender took.
#[derive(Clone, Debug, FromRow, PartialEq)]
pub(crate) struct OutboxRow {
    pub(crate) id: i64,
    pub(crate) key: String,
    pub(crate) chat_id: i64,
    pub(crate) method: String,
    pub(crate) payload: Value,
    /// A picture, or a file.
    pub(crate) picture: Option<Vec<u8>>,
    pub(crate) file_name: Option<String>,
    pub(crate) attempts: i32,
    pub(crate) uncertain: i32,
}

/// How a row ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// Telegram has it.
    Sent {
        /// The message's number; none for calls that make no message.
        message_id: Option<i32>,
    },
    /// Telegram refused it for good.
    Failed(String),
    /// The person blocked the bot or is gone.
    Blocked(String),
    /// It may have arrived, and is not tried again.
    Unknown(String),
}

/// Writes a message, unless its key is known or the chat has too many waiting already. Returns
/// whether it was written.
pub(crate) async fn enqueue(
    db: &mut PgConnection,
    (bot, chat_id): (&str, i64),
    key: &str,
    outgoing: &Outgoing,
    backlog_max: i64,
) -> Result<bool, sqlx::Error> {
    enqueue_as(db, (bot, chat_id), key, (outgoing, Urgency::Reply), backlog_max).await
}

/// The same with an urgency.
pub(crate) async fn enqueue_as(
    db: &mut PgConnection,
    (bot, chat_id): (&str, i64),
    key: &str,
    (outgoing, urgency): (&Outgoing, Urgency),
    backlog_max: i64,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "insert into telegram_outbox (bot, chat_id, key, priority, method, payload, picture, \
             next_at, file_name) \
         select $1, $2, $3, $4, $5, $6, $7, coalesce($9, clock_timestamp()), $10 \
         where (select count(*) from (select 1 from telegram_outbox \
             where bot = $1 and chat_id = $2 and state in ('pending', 'sending') limit $8) \
             as backlog) < $8 \
         on conflict (bot, key) do nothing",
    )
    .bind(bot)
    .bind(chat_id)
    .bind(key)
    .bind(urgency.priority())
    .bind(outgoing.method.name())
    .bind(Value::Object(outgoing.payload.clone()))
    .bind(outgoing.picture.as_deref())
    .bind(backlog_max)
    .bind(urgency.not_before())
    .bind(outgoing.file_name.as_deref())
    .execute(db)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Takes the next rows under the epoch of a lease: of each chat the first one that waits, when it is
/// due, and nothing of the chats in `busy_chats`. People go before broadcasts. Nothing, when the
/// lease has a newer epoch: the lock on its row makes the next owner wait until these rows are
/// marked, so that it finds them all.
pub(crate) async fn take(
    pool: &PgPool,
    (bot, lease): (&str, &Lease),
    busy_chats: &[i64],
    limit: usize,
) -> Result<Vec<OutboxRow>, sqlx::Error> {
    let mut rows: Vec<OutboxRow> = sqlx::query_as(
        "with mine as materialized \
             (select from leases where name = $5 and epoch = $2 for share) \
         update telegram_outbox as taken \
         set state = 'sending', attempts = attempts + 1, epoch = $2 \
         where exists (select from mine) and id in (select o.id from telegram_outbox as o \
             where o.bot = $1 and o.state = 'pending' and o.next_at <= clock_timestamp() \
               and o.chat_id <> all($3) \
               and not exists (select from telegram_outbox as e \
                   where e.bot = o.bot and e.chat_id = o.chat_id \
                     and e.state in ('pending', 'sending') \
                     and (e.priority, e.id) < (o.priority, o.id)) \
             order by o.priority, o.id limit $4) \
         returning id, key, chat_id, method, payload, picture, file_name, attempts, uncertain",
    )
    .bind(bot)
    .bind(lease.epoch)
    .bind(busy_chats)
    .bind(i64::try_from(limit).unwrap_or(i64::MAX))
    .bind(&lease.name)
    .fetch_all(pool)
    .await?;
    rows.sort_by_key(|row| row.id);
    Ok(rows)
}

/// Ends a row. Its content goes; the record of the delivery stays.
pub(crate) async fn end(
    pool: &PgPool,
    (id, epoch): (i64, i64),
    end: &End,
) -> Result<bool, sqlx::Error> {
    let (state, message_id, error) = match end {
        End::Sent { message_id } => ("sent", *message_id, None),
        End::Failed(error) => ("failed", None, Some(error)),
        End::Blocked(error) => ("blocked", None, Some(error)),
        End::Unknown(error) => ("unknown", None, Some(error)),
    };
    let done = sqlx::query(
        "update telegram_outbox set state = $3, message_id = $4, error = $5, \
             ended_at = clock_timestamp(), payload = null, picture = null \
         where id = $1 and state = 'sending' and epoch = $2",
    )
    .bind(id)
    .bind(epoch)
    .bind(state)
    .bind(message_id)
    .bind(error)
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts a row back to be tried again after a pause. `uncertain`: the attempt may have arrived.
pub(crate) async fn put_back(
    pool: &PgPool,
    (id, epoch): (i64, i64),
    (pause, uncertain): (Duration, bool),
    error: &str,
) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update telegram_outbox set state = 'pending', error = $5, \
             uncertain = uncertain + case when $4 then 1 else 0 end, \
             next_at = clock_timestamp() + $3 * interval '1 millisecond' \
         where id = $1 and state = 'sending' and epoch = $2",
    )
    .bind(id)
    .bind(epoch)
    .bind(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
    .bind(uncertain)
    .bind(error)
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Turns the change of a message that is gone into a new message.
pub(crate) async fn send_anew(pool: &PgPool, (id, epoch): (i64, i64)) -> Result<bool, sqlx::Error> {
    let done = sqlx::query(
        "update telegram_outbox set state = 'pending', method = 'sendMessage', \
             payload = payload - 'message_id', next_at = clock_timestamp() \
         where id = $1 and state = 'sending' and epoch = $2 and method = 'editMessageText'",
    )
    .bind(id)
    .bind(epoch)
    .execute(pool)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends everything that waits for a chat whose person blocked the bot.
pub(crate) async fn block_chat(
    pool: &PgPool,
    (bot, chat_id): (&str, i64),
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "update telegram_outbox set state = 'blocked', ended_at = clock_timestamp(), \
             error = 'an earlier message found the bot blocked', payload = null, picture = null, \
             block_reported = true \
         where bot = $1 and chat_id = $2 and state = 'pending'",
    )
    .bind(bot)
    .bind(chat_id)
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// Takes over what an earlier sender left in the middle. Each may have arrived, and more often did
/// not: it is sent again, unless that happened `interrupted_max` times already. Returns how many
/// rows there were.
pub(crate) async fn recover(
    pool: &PgPool,
    (bot, epoch): (&str, i64),
    interrupted_max: i32,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "update telegram_outbox set interrupted = interrupted + 1, \
             state = case when interrupted >= $3 then 'unknown' else 'pending' end, \
             ended_at = case when interrupted >= $3 then clock_timestamp() end, \
             payload = case when interrupted >= $3 then null else payload end, \
             picture = case when interrupted >= $3 then null else picture end, \
             error = 'the sender ended before Telegram answered' \
         where bot = $1 and state = 'sending' and epoch is distinct from $2",
    )
    .bind(bot)
    .bind(epoch)
    .bind(interrupted_max)
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// Chats that blocked the bot and whose accounts were not told yet: row and chat.
pub(crate) async fn unreported_blocks(
    pool: &PgPool,
    bot: &str,
    limit: i64,
) -> Result<Vec<(i64, i64)>, sqlx::Error> {
    sqlx::query_as(
        "select id, chat_id from telegram_outbox \
         where bot = $1 and state = 'blocked' and not block_reported order by id limit $2",
    )
    .bind(bot)
    .bind(limit)
    .fetch_all(pool)
    .await
}

/// Notes that the account was told.
pub(crate) async fn report_block(pool: &PgPool, id: i64) -> Result<(), sqlx::Error> {
    sqlx::query("update telegram_outbox set block_reported = true where id = $1")
        .bind(id)
        .execute(pool)
        .await?;
    Ok(())
}

/// The number of the message that a row became, when it was sent.
pub(crate) async fn message_id(
    pool: &PgPool,
    bot: &str,
    key: &str,
) -> Result<Option<i32>, sqlx::Error> {
    let found: Option<Option<i32>> =
        sqlx::query_scalar("select message_id from telegram_outbox where bot = $1 and key = $2")
            .bind(bot)
            .bind(key)
            .fetch_optional(pool)
            .await?;
    Ok(found.flatten())
}

/// Deletes records of deliveries that ended before an instant, a batch at a time. Returns how many.
pub(crate) async fn purge(
    pool: &PgPool,
    bot: &str,
    before: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let done = sqlx::query(
        "delete from telegram_outbox where id in (select id from telegram_outbox \
             where bot = $1 and ended_at < $2 and (state <> 'blocked' or block_reported) limit $3)",
    )
    .bind(bot)
    .bind(before)
    .bind(PURGE_BATCH)
    .execute(pool)
    .await?;
    Ok(done.rows_affected())
}

/// What waits to be sent, over all bots.
#[derive(Clone, Copy, Debug, Default, PartialEq, sqlx::FromRow)]
pub struct OutboxBacklog {
    /// Messages that are not sent yet.
    pub pending: i64,
    /// How long the oldest of them has been waiting; 0 when there is none.
    pub oldest_seconds: f64,
}

/// How much waits to be sent.
///
/// # Errors
/// When the database fails.
pub async fn backlog(pool: &PgPool) -> Result<OutboxBacklog, sqlx::Error> {
    sqlx::query_as(
        "select count(*) as pending, \
             coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0)::float8 \
                 as oldest_seconds \
         from telegram_outbox where state in ('pending', 'sending')",
    )
    .fetch_one(pool)
    .await
}
