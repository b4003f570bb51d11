//! Erasing a person: how far it is, and what the tables of this crate hold about them.

use kontor_domain::TenantId;
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::{DatabaseError, error::failed};

/// How far an erasure is.
#[derive(Clone, Debug, Eq, FromRow, PartialEq)]
pub struct Erasure {
    /// The person's number in Telegram, while the erasure is under way. The log does not tell it any
    /// more once the key is gone.
    pub telegram_user_id: Option<i64>,
    /// Whether everything is done.
    pub finished: bool,
}

/// Begins an erasure, or takes up one that was interrupted; then what was noted at first holds.
///
/// # Errors
/// When the database fails.
pub async fn begin(
    pool: &PgPool,
    (tenant, subject): (&TenantId, Uuid),
    telegram_user_id: Option<i64>,
) -> Result<Erasure, DatabaseError> {
    sqlx::query_as(
        "insert into kontor_keys.erasures as e (tenant, subject_id, telegram_user_id)
         values ($1, $2, $3)
         on conflict (tenant, subject_id) do update
             set telegram_user_id = coalesce(e.telegram_user_id, excluded.telegram_user_id)
         returning telegram_user_id, finished_at is not null as finished",
    )
    .bind(tenant.as_str())
    .bind(subject)
    .bind(telegram_user_id)
    .fetch_one(pool)
    .await
    .map_err(failed("begin an erasure"))
}

/// Notes that nothing is left to do, and forgets what was noted at the beginning.
///
/// # Errors
/// When the database fails.
pub async fn finish(
    db: &mut PgConnection,
    (tenant, subject): (&TenantId, Uuid),
) -> Result<(), DatabaseError> {
    sqlx::query(
        "update kontor_keys.erasures
         set telegram_user_id = null, finished_at = coalesce(finished_at, clock_timestamp())
         where tenant = $1 and subject_id = $2",
    )
    .bind(tenant.as_str())
    .bind(subject)
    .execute(db)
    .await
    .map_err(failed("finish an erasure"))?;
    Ok(())
}

/// Whether an erasure is finished; none when it was never begun.
///
/// # Errors
/// When the database fails.
pub async fn is_finished(
    pool: &PgPool,
    (tenant, subject): (&TenantId, Uuid),
) -> Result<Option<bool>, DatabaseError> {
    sqlx::query_scalar(
        "select finished_at is not null from kontor_keys.erasures
         where tenant = $1 and subject_id = $2",
    )
    .bind(tenant.as_str())
    .bind(subject)
    .fetch_optional(pool)
    .await
    .map_err(failed("look up an erasure"))
}

/// How far an erasure is: none when none was recorded, and whether everything is done. Recorded is
/// what the log says, before anything follows from it.
///
/// # Errors
/// When the database fails.
pub async fn stage(
    pool: &PgPool,
    (tenant, subject): (&TenantId, Uuid),
) -> Result<Option<bool>, DatabaseError> {
    sqlx::query_scalar(
        "select coalesce(
             (select finished_at is not null from kontor_keys.erasures
              where tenant = $1 and subject_id = $2), false)
         from events
         where tenant = $1 and stream_id = $2 and event_type = 'account.erased'
         limit 1",
    )
    .bind(tenant.as_str())
    .bind(subject)
    .fetch_optional(pool)
    .await
    .map_err(failed("look up an erasure"))
}

/// Deletes what stands beside the log about these aggregates: commands that could not be carried
/// out, receipts with the fingerprints of what was asked, and error texts that may quote an event.
///
/// # Errors
/// When the database fails.
pub async fn forget_aggregates(
    db: &mut PgConnection,
    tenant: &TenantId,
    ids: &[Uuid],
) -> Result<(), DatabaseError> {
    // A message that could not be read is no JSON; its text is searched for the ids instead.
    sqlx::query(
        "delete from command_dead_letters l
         using unnest($2::uuid[]) as gone (id)
         where l.tenant in ($1, '') and strpos(lower(encode(l.message, 'escape')), gone.id::text) > 0",
    )
    .bind(tenant.as_str())
    .bind(ids)
    .execute(&mut *db)
    .await
    .map_err(failed("delete a person's dead letters"))?;
    sqlx::query(
        "delete from receipts r
         using events e
         where e.stream_id = any($2) and e.tenant = $1
             and e.event_type not in ('account.erased', 'meter.holder_erased')
             and r.tenant = $1 and r.command_id = (e.metadata ->> 'command_id')::uuid",
    )
    .bind(tenant.as_str())
    .bind(ids)
    .execute(&mut *db)
    .await
    .map_err(failed("delete a person's receipts"))?;
    sqlx::query("update dead_letters set error = '' where key = any($1) and error <> ''")
        .bind(ids)
        .execute(&mut *db)
        .await
        .map_err(failed("empty the errors of a person's events"))?;
    sqlx::query("update checkpoints set last_error = null where last_error is not null")
        .execute(db)
        .await
        .map_err(failed("empty the errors of followers"))?;
    Ok(())
}

/// The commands in the dead letters that name one of these aggregates, as JSON.
///
/// # Errors
/// When the database fails.
pub async fn dead_letters_of(
    pool: &PgPool,
    tenant: &TenantId,
    ids: &[Uuid],
) -> Result<Vec<serde_json::Value>, DatabaseError> {
    sqlx::query_scalar(
        "select to_jsonb(l) || jsonb_build_object('message', encode(l.message, 'escape'))
         from command_dead_letters l
         where l.tenant in ($1, '') and exists (
             select from unnest($2::uuid[]) as wanted (id)
             where strpos(lower(encode(l.message, 'escape')), wanted.id::text) > 0
         )
         order by l.id",
    )
    .bind(tenant.as_str())
    .bind(ids)
    .fetch_all(pool)
    .await
    .map_err(failed("read a person's dead letters"))
}

/// How many events of these aggregates hold personal data in clear: they were written before it was
/// encrypted, and stay readable in the log.
///
/// # Errors
/// When the database fails.
pub async fn events_in_clear(
    pool: &PgPool,
    tenant: &TenantId,
    ids: &[Uuid],
) -> Result<i64, DatabaseError> {
    sqlx::query_scalar(
        "select count(*) from events
         where stream_id = any($2) and tenant = $1 and (
             jsonb_typeof(payload -> 'display_name') = 'string'
             or payload -> 'origin' ? 'kind'
             or jsonb_typeof(payload -> 'phone') = 'string'
             or jsonb_typeof(payload -> 'place') = 'string'
             or jsonb_typeof(payload -> 'reason') = 'string'
             or payload -> 'photo' ? 'kind'
         )",
    )
    .bind(tenant.as_str())
    .bind(ids)
    .fetch_one(pool)
    .await
    .map_err(failed("count events in clear"))
}
