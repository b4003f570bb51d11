//! Building a read model anew in place.

use kontor_projections::Projection;
use sqlx::PgPool;

use super::{FollowerError, FollowerSettings, place::Place};
use crate::{DatabaseError, Leases, error::failed, generations};

/// How long the deletion of a read model's rows may take, in milliseconds: more than any other
/// statement, for millions of rows.
const CLEAR_TIMEOUT_MS: u32 = 600_000;

/// Deletes a projection's rows and dead letters and sets its checkpoint to 0, in one transaction.
///
/// A follower that runs is fenced, and starts again from position 0 by itself; until it has caught
/// up the read model shows less than the log holds.
///
/// # Errors
/// When the database fails; nothing has changed then.
pub async fn rebuild(
    pool: &PgPool,
    projection: &dyn Projection,
    settings: &FollowerSettings,
) -> Result<(), FollowerError> {
    let place = Place::find(pool, projection).await?;
    let (name, version) = (place.name, place.version);
    let leases = Leases::new(pool.clone(), settings.owner.clone(), settings.lease_ttl);
    let lease = leases.seize(&place.lease_name()).await?;
    let cleared = clear(pool, projection, &place, lease.epoch).await;
    // Given back in any case: the follower need not wait for the lease's end.
    let released = leases.release(&lease).await;
    cleared.and(released.map(|_| ()))?;
    tracing::info!(follower = name, version, "The read model {name} is built anew");
    Ok(())
}

async fn clear(
    pool: &PgPool,
    projection: &dyn Projection,
    place: &Place,
    epoch: i64,
) -> Result<(), DatabaseError> {
    let mut tx = pool.begin().await.map_err(failed("begin a rebuild"))?;
    sqlx::query("select set_config('statement_timeout', $1, true)")
        .bind(CLEAR_TIMEOUT_MS.to_string())
        .execute(&mut *tx)
        .await
        .map_err(failed("begin a rebuild"))?;
    // First the checkpoint, as every page does: a page under way ends before, or is fenced after.
    sqlx::query(
        "insert into checkpoints as c (name, version, epoch, state)
         values ($1, $2, $3, 'catching_up')
         on conflict (name, version, segment) do update
             set position = 0, epoch = greatest(c.epoch, excluded.epoch), state = excluded.state,
                 last_error = null, updated_at = clock_timestamp()",
    )
    .bind(place.name)
    .bind(place.version)
    .bind(epoch)
    .execute(&mut *tx)
    .await
    .map_err(failed("reset the checkpoint"))?;
    place.enter(&mut tx).await?;
    generations::clear(&mut tx, projection).await?;
    sqlx::query("delete from dead_letters where name = $1 and version = $2")
        .bind(place.name)
        .bind(place.version)
        .execute(&mut *tx)
        .await
        .map_err(failed("clear the dead letters"))?;
    tx.commit().await.map_err(failed("commit a rebuild"))
}
