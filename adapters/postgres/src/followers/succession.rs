//! How one version of a reactor takes over from another: nothing is left out, and the switch itself
//! sends nothing twice.
//!
//! A new version does not begin at position 0: what its predecessor did stays done. It asks the
//! predecessor to give way, waits until that one has ended its page and given its lease back, and goes
//! on from its position under the predecessor's own lease. A predecessor that does not answer is
//! fenced; only then may the page that it was at be sent again, as after any crash.

use std::time::Duration;

use sqlx::{FromRow, PgPool};

use super::place::Place;
use crate::{DatabaseError, Lease, Leases, error::failed};

/// How long a predecessor has to end its page before it is fenced, and a successor to come before
/// the predecessor goes on: longer than any page.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// An epoch that no lease ever reaches: whoever is behind it is fenced for good.
const FENCED: i64 = i64::MAX;

/// A version's place.
#[derive(Clone, Debug, FromRow)]
struct Version {
    version: i32,
    superseded_by: Option<i32>,
    /// It has given way.
    over: bool,
    /// It was asked long ago.
    overdue: bool,
}

/// Whether this version may carry out events now; takes over from others before. Called under the
/// version's own lease.
pub(super) async fn settle(
    pool: &PgPool,
    leases: &Leases,
    place: &Place,
) -> Result<bool, DatabaseError> {
    let versions = versions(pool, place).await?;
    match versions.iter().find(|it| it.version == place.version) {
        None if versions.is_empty() => return Ok(true),
        // Left over from before: the newer one goes on.
        None if versions.iter().any(|it| it.version > place.version) => return Ok(false),
        None => ask_all_older(pool, place).await?,
        Some(own) if own.superseded_by.is_some() => {
            let alone = own.overdue && !own.over;
            if alone {
                go_on(pool, place).await?;
            }
            return Ok(alone);
        }
        Some(_) => {}
    }
    let versions = self::versions(pool, place).await?;
    let own = versions.iter().any(|it| it.version == place.version);
    let mut took_over = false;
    for predecessor in versions.iter().filter(|it| it.superseded_by == Some(place.version)) {
        if predecessor.over {
            continue;
        }
        let lease = Place::plain(place.name, predecessor.version).lease_name();
        let lease = match leases.acquire(&lease).await? {
            Some(lease) => lease,
            None if predecessor.overdue => leases.seize(&lease).await?,
            None => return Ok(false),
        };
        let taken = take_over(pool, place, predecessor.version).await;
        leave(leases, &lease).await;
        taken?;
        took_over = true;
    }
    Ok(own || took_over)
}

async fn versions(pool: &PgPool, place: &Place) -> Result<Vec<Version>, DatabaseError> {
    sqlx::query_as(
        "select version, superseded_by, state = 'superseded' as over,
                coalesce(superseded_at < clock_timestamp() - $2 * interval '1 millisecond', false)
                    as overdue
         from checkpoints where name = $1 and segment = 0 order by version",
    )
    .bind(place.name)
    .bind(i64::try_from(ANSWER_MAX.as_millis()).unwrap_or(i64::MAX))
    .fetch_all(pool)
    .await
    .map_err(failed("read the versions of a reactor"))
}

/// Asks the older versions to give way; of several that ask, the newest gets the place.
async fn ask_all_older(pool: &PgPool, place: &Place) -> Result<(), DatabaseError> {
    sqlx::query(
        "update checkpoints set superseded_by = $2, superseded_at = clock_timestamp()
         where name = $1 and version < $2 and state <> 'superseded'
             and coalesce(superseded_by, 0) < $2",
    )
    .bind(place.name)
    .bind(place.version)
    .execute(pool)
    .await
    .map_err(failed("ask a reactor to give way"))?;
    Ok(())
}

/// Nobody came: the order to give way is void.
async fn go_on(pool: &PgPool, place: &Place) -> Result<(), DatabaseError> {
    tracing::warn!(follower = place.name, "No other version came; {} goes on", place.name);
    sqlx::query(
        "update checkpoints set superseded_by = null, superseded_at = null
         where name = $1 and version = $2 and state <> 'superseded'",
    )
    .bind(place.name)
    .bind(place.version)
    .execute(pool)
    .await
    .map_err(failed("go on with a reactor"))?;
    Ok(())
}

/// Takes the predecessor's position, and fences it. Called under the predecessor's lease.
async fn take_over(pool: &PgPool, place: &Place, predecessor: i32) -> Result<(), DatabaseError> {
    let position: Option<i64> = sqlx::query_scalar(
        "with given_way as (
             update checkpoints set state = 'superseded', epoch = $4
             where name = $1 and version = $2 and segment = 0 and superseded_by = $3
                 and state <> 'superseded'
             returning position
         )
         insert into checkpoints as own (name, version, position)
         select $1, $3, position from given_way
         on conflict (name, version, segment) do update
             set position = greatest(own.position, excluded.position)
         returning position",
    )
    .bind(place.name)
    .bind(predecessor)
    .bind(place.version)
    .bind(FENCED)
    .fetch_optional(pool)
    .await
    .map_err(failed("take over from a reactor"))?;
    tracing::info!(
        follower = place.name,
        version = place.version,
        predecessor,
        position,
        "Version {} of {} takes over from version {predecessor}",
        place.version,
        place.name,
    );
    Ok(())
}

async fn leave(leases: &Leases, lease: &Lease) {
    // It ends by itself when this fails.
    drop(leases.release(lease).await);
}

/// Why a reactor's place was not handed over.
#[derive(Debug, thiserror::Error)]
pub enum HandOverError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// That version never ran.
    #[error("`{name}` has no version {version}; kontor projection list shows those there are")]
    Unknown {
        /// The reactor.
        name: String,
        /// The version that was asked for.
        version: i32,
    },
}

/// Orders a reactor's place to be handed to a version that had it before, for a deployment that is
/// taken back. `false` when that version has the place already.
///
/// Processes of both versions should run: the one ends its page, the other goes on behind it.
///
/// # Errors
/// [`HandOverError`].
pub async fn hand_over(pool: &PgPool, name: &str, version: i32) -> Result<bool, HandOverError> {
    let mut tx = pool.begin().await.map_err(failed("begin to hand over"))?;
    let asked: Option<Option<i32>> = sqlx::query_scalar(
        "select superseded_by from checkpoints
         where name = $1 and version = $2 and segment = 0 for update",
    )
    .bind(name)
    .bind(version)
    .fetch_optional(&mut *tx)
    .await
    .map_err(failed("read a reactor's version"))?;
    match asked {
        None => return Err(HandOverError::Unknown { name: name.to_owned(), version }),
        Some(None) => return Ok(false),
        Some(Some(_)) => {}
    }
    sqlx::query(
        "update checkpoints
         set superseded_by = nullif($2, version),
             superseded_at = case when version <> $2 then clock_timestamp() end,
             state = case when version = $2 then 'starting' else state end,
             epoch = case when version = $2 then 0 else epoch end
         where name = $1 and segment = 0 and (version = $2 or state <> 'superseded')",
    )
    .bind(name)
    .bind(version)
    .execute(&mut *tx)
    .await
    .map_err(failed("hand a reactor over"))?;
    tx.commit().await.map_err(failed("commit a handing over"))?;
    Ok(true)
}
