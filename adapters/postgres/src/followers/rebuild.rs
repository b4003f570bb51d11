//! Building a read model anew in place.

use kontor_projections::Projection;
use sqlx::PgPool;

use super::{FollowerSettings, checkpoint};
use crate::{DatabaseError, Leases, error::failed};

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
) -> Result<(), DatabaseError> {
    let (name, version) = (projection.name(), projection.version());
    let leases = Leases::new(pool.clone(), settings.owner.clone(), settings.lease_ttl);
    let lease = leases.seize(&checkpoint::lease_name(name, version)).await?;
    let cleared = clear(pool, projection, lease.epoch).await;
    // Given back in any case: the follower need not wait for the lease's end.
    let released = leases.release(&lease).await;
    cleared.and(released.map(|_| ()))?;
    tracing::info!(follower = name, version, "The read model {name} is built anew");
    Ok(())
}

async fn clear(
    pool: &PgPool,
    projection: &dyn Projection,
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
    .bind(projection.name())
    .bind(projection.version())
    .bind(epoch)
    .execute(&mut *tx)
    .await
    .map_err(failed("reset the checkpoint"))?;
    projection.clear(&mut tx).await.map_err(failed("clear the read model"))?;
    sqlx::query("delete from dead_letters where name = $1 and version = $2")
        .bind(projection.name())
        .bind(projection.version())
        .execute(&mut *tx)
        .await
        .map_err(failed("clear the dead letters"))?;
    tx.commit().await.map_err(failed("commit a rebuild"))
}
