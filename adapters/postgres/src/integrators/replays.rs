//! Replays out of the log: for a NATS integrator that goes further back than the stream of events
//! keeps. `adapters/nats` reads the log and publishes; here stands what was ordered and how far it is.

use chrono::{DateTime, Utc};
use kontor_commands::clock;
use serde::Serialize;
use sqlx::{FromRow, PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use super::{Channel, Integrator, IntegratorName, find};
use crate::{DatabaseError, error::failed};

/// The most replays at one time: each is a stream at the broker and a reader of the whole log.
pub const REPLAYS_MAX: i64 = 20;

/// A replay that has not ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replay {
    /// Its id; the message that ends it has the same.
    #[serde(skip)]
    pub id: Uuid,
    /// Who receives it.
    #[serde(skip)]
    pub integrator: Integrator,
    /// The position of the first event that may be in it.
    pub from_position: i64,
    /// Every event up to here was published, or is not for this integrator.
    pub position: i64,
    /// When it was ordered.
    pub ordered_at: DateTime<Utc>,
    /// When it last got further.
    pub moved_at: DateTime<Utc>,
    /// Since when everything is published and waits to be read.
    pub published_at: Option<DateTime<Utc>>,
}

impl FromRow<'_, PgRow> for Replay {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("replay_id")?,
            integrator: Integrator::from_row(row)?,
            from_position: row.try_get("from_position")?,
            position: row.try_get("position")?,
            ordered_at: row.try_get("ordered_at")?,
            moved_at: row.try_get("moved_at")?,
            published_at: row.try_get("published_at")?,
        })
    }
}

/// How a replay ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ending {
    /// The integrator has read all of it.
    Read,
    /// An operator took it back.
    Cancelled,
    /// Nobody read it for a long time.
    Abandoned,
}

impl Ending {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Cancelled => "cancelled",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Why a replay was not ordered.
#[derive(Debug, thiserror::Error)]
pub enum ReplayOrderError {
    /// There is none of that name.
    #[error("there is no integrator `{0}` in force; `kontor integrator list` shows them")]
    Unknown(IntegratorName),
    /// It is called, and has a way of its own.
    #[error("`{0}` is called by a webhook; kontor integrator redeliver {0} --from-position …")]
    Webhook(IntegratorName),
    /// There are too many.
    #[error(
        "{REPLAYS_MAX} replays out of the log are under way already; wait for one, or end one with \
         kontor integrator replay … --cancel"
    )]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Orders a replay from a position on, in place of one that is under way.
///
/// # Errors
/// [`ReplayOrderError`].
pub async fn order(
    pool: &PgPool,
    name: &IntegratorName,
    from_position: i64,
) -> Result<Replay, ReplayOrderError> {
    let integrator = find(pool, name).await?;
    let integrator = integrator.ok_or_else(|| ReplayOrderError::Unknown(name.clone()))?;
    if integrator.channel == Channel::Webhook {
        return Err(ReplayOrderError::Webhook(name.clone()));
    }
    let mut tx = pool.begin().await.map_err(failed("begin a replay"))?;
    // Orders take turns, so that neither the limit nor the one replay of an integrator is missed.
    sqlx::query("select pg_advisory_xact_lock(hashtextextended('kontor.integrator_replays', 0))")
        .execute(&mut *tx)
        .await
        .map_err(failed("lock the replays"))?;
    sqlx::query(
        "update integrator_replays set ended_at = $2, ending = 'replaced'
         where integrator_id = $1 and ended_at is null",
    )
    .bind(integrator.id)
    .bind(clock::now())
    .execute(&mut *tx)
    .await
    .map_err(failed("replace a replay"))?;
    let under_way: i64 =
        sqlx::query_scalar("select count(*) from integrator_replays where ended_at is null")
            .fetch_one(&mut *tx)
            .await
            .map_err(failed("count the replays"))?;
    if under_way >= REPLAYS_MAX {
        return Err(ReplayOrderError::TooMany);
    }
    let (id, now) = (Uuid::now_v7(), clock::now());
    sqlx::query(
        "insert into integrator_replays
             (id, integrator_id, from_position, position, ordered_at, moved_at)
         values ($1, $2, $3, $4, $5, $5)",
    )
    .bind(id)
    .bind(integrator.id)
    .bind(from_position)
    .bind(from_position - 1)
    .bind(now)
    .execute(&mut *tx)
    .await
    .map_err(failed("order a replay"))?;
    tx.commit().await.map_err(failed("commit a replay"))?;
    Ok(Replay {
        id,
        integrator,
        from_position,
        position: from_position - 1,
        ordered_at: now,
        moved_at: now,
        published_at: None,
    })
}

/// The replays that have not ended, the oldest first; never more than [`REPLAYS_MAX`].
///
/// # Errors
/// When the database fails.
pub async fn open(pool: &PgPool) -> Result<Vec<Replay>, DatabaseError> {
    sqlx::query_as(
        "select r.id as replay_id, r.from_position, r.position, r.ordered_at, r.moved_at,
                r.published_at, i.id, i.name, i.tenant, i.events, i.channel, i.created_at,
                i.start_at, i.revoked_at
         from integrator_replays r
         join integrators i on i.id = r.integrator_id
         where r.ended_at is null and i.revoked_at is null
         order by r.id limit $1",
    )
    .bind(REPLAYS_MAX)
    .fetch_all(pool)
    .await
    .map_err(failed("look up the replays"))
}

/// How all replays stand.
#[derive(Clone, Copy, Debug, FromRow, PartialEq)]
pub struct Summary {
    /// How many are under way.
    pub open: i64,
    /// How long the one that stands still the longest got no further, in seconds: what its integrator
    /// does not read, and what nobody publishes.
    pub still_seconds: f64,
}

/// Counts the replays under way, and tells how long one of them has been standing still.
///
/// # Errors
/// When the database fails.
pub async fn summary(pool: &PgPool) -> Result<Summary, sqlx::Error> {
    sqlx::query_as(
        "select count(*) as open,
                coalesce(greatest(extract(epoch from max(clock_timestamp() - r.moved_at)), 0), 0)
                    ::float8 as still_seconds
         from integrator_replays r
         join integrators i on i.id = r.integrator_id
         where r.ended_at is null and i.revoked_at is null",
    )
    .fetch_one(pool)
    .await
}

/// Takes a replay over under a newer epoch. Where it stands, and whether all of it is published;
/// `None` when it has ended, or somebody with a newer epoch has it.
///
/// # Errors
/// When the database fails.
pub async fn claim(
    pool: &PgPool,
    id: Uuid,
    epoch: i64,
) -> Result<Option<(i64, bool)>, DatabaseError> {
    sqlx::query_as(
        "update integrator_replays set epoch = $2
         where id = $1 and epoch <= $2 and ended_at is null
         returning position, published_at is not null",
    )
    .bind(id)
    .bind(epoch)
    .fetch_optional(pool)
    .await
    .map_err(failed("take a replay over"))
}

/// Writes down how far a replay is; `published` when that is its end. Backwards it goes when its
/// stream was lost. `false` when it has ended, or is another's.
///
/// # Errors
/// When the database fails.
pub async fn advance(
    pool: &PgPool,
    (id, epoch): (Uuid, i64),
    position: i64,
    published: bool,
) -> Result<bool, DatabaseError> {
    let moved = sqlx::query(
        "update integrator_replays
         set position = $3, moved_at = $5, published_at = case when $4 then $5 end
         where id = $1 and epoch = $2 and ended_at is null",
    )
    .bind(id)
    .bind(epoch)
    .bind(position)
    .bind(published)
    .bind(clock::now())
    .execute(pool)
    .await
    .map_err(failed("move a replay"))?;
    Ok(moved.rows_affected() == 1)
}

/// Ends a replay; its stream is deleted by whoever sees that. `false` when it has ended before, or is
/// another's.
///
/// # Errors
/// When the database fails.
pub async fn end(
    pool: &PgPool,
    (id, epoch): (Uuid, i64),
    ending: Ending,
) -> Result<bool, DatabaseError> {
    let ended = sqlx::query(
        "update integrator_replays set ended_at = $3, ending = $4
         where id = $1 and epoch = $2 and ended_at is null",
    )
    .bind(id)
    .bind(epoch)
    .bind(clock::now())
    .bind(ending.as_str())
    .execute(pool)
    .await
    .map_err(failed("end a replay"))?;
    Ok(ended.rows_affected() == 1)
}

/// Takes an order back, whoever works on it. `false` when none of this integrator is under way.
///
/// # Errors
/// When the database fails.
pub async fn cancel(pool: &PgPool, name: &IntegratorName) -> Result<bool, DatabaseError> {
    let cancelled = sqlx::query(
        "update integrator_replays r set ended_at = $2, ending = $3
         from integrators i
         where i.id = r.integrator_id and i.name = $1 and i.revoked_at is null
             and r.ended_at is null",
    )
    .bind(name.as_str())
    .bind(clock::now())
    .bind(Ending::Cancelled.as_str())
    .execute(pool)
    .await
    .map_err(failed("cancel a replay"))?;
    Ok(cancelled.rows_affected() == 1)
}
