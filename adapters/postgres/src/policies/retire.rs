//! The end of a version of a policy that a newer one replaced: what it remembers goes.

use sqlx::{PgConnection, PgPool};

use crate::{DatabaseError, error::failed};

/// How many instances are deleted at once: a transaction that others do not notice.
const BATCH: i64 = 10_000;

/// An epoch that no lease ever reaches: a process that is left over is fenced for good.
const FENCED: i64 = i64::MAX;

/// Why a version was not retired. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum PolicyRetirementError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// That version never ran.
    #[error(
        "`{name}` has no version {version}; kontor projection list {name} shows those there are"
    )]
    Unknown {
        /// The policy.
        name: String,
        /// The version that was asked for.
        version: i32,
    },
    /// No newer version acts.
    #[error(
        "version {version} of `{name}` acts, or is about to; only one that a newer version replaced \
         is retired"
    )]
    Acts {
        /// The policy.
        name: String,
        /// The version.
        version: i32,
    },
}

/// Deletes what a replaced version of a policy remembers, its parked events and its pauses. Returns
/// how many instances were deleted; given again after a failure it goes on.
///
/// Its place stays, fenced, so that a process which is left over does not begin anew.
///
/// # Errors
/// [`PolicyRetirementError`].
pub async fn retire(pool: &PgPool, name: &str, version: i32) -> Result<u64, PolicyRetirementError> {
    let mut tx = pool.begin().await.map_err(failed("begin to retire a policy"))?;
    close(&mut tx, name, version).await?;
    tx.commit().await.map_err(failed("commit the end of a policy"))?;
    let mut deleted = 0;
    loop {
        let batch = sqlx::query(
            "delete from process_instances
             where (policy, version, tenant, key) in (
                 select policy, version, tenant, key from process_instances
                 where policy = $1 and version = $2 limit $3
             )",
        )
        .bind(name)
        .bind(version)
        .bind(BATCH)
        .execute(pool)
        .await
        .map_err(failed("forget what a policy remembers"))?;
        deleted += batch.rows_affected();
        if batch.rows_affected() == 0 {
            break;
        }
    }
    tracing::info!(follower = name, version, deleted, "Version {version} of {name} is retired");
    Ok(deleted)
}

async fn close(
    db: &mut PgConnection,
    name: &str,
    version: i32,
) -> Result<(), PolicyRetirementError> {
    // The checkpoint first, as every page does: one under way ends before, the next one is fenced.
    sqlx::query("select from checkpoints where name = $1 and version = $2 for update")
        .bind(name)
        .bind(version)
        .execute(&mut *db)
        .await
        .map_err(failed("hold a policy"))?;
    let newer: Option<Option<i32>> = sqlx::query_scalar(
        "select (select max(n.version) from policies n
                 where n.name = c.name and n.version > c.version and n.live_at is not null)
         from checkpoints c where c.name = $1 and c.version = $2 and c.segment = 0",
    )
    .bind(name)
    .bind(version)
    .fetch_optional(&mut *db)
    .await
    .map_err(failed("look up a policy"))?;
    let name_of = || name.to_owned();
    let newer = newer.ok_or_else(|| PolicyRetirementError::Unknown { name: name_of(), version })?;
    let newer = newer.ok_or_else(|| PolicyRetirementError::Acts { name: name_of(), version })?;
    sqlx::query(
        "update checkpoints
         set epoch = $3, state = 'superseded', superseded_by = $4, superseded_at = clock_timestamp()
         where name = $1 and version = $2",
    )
    .bind(name)
    .bind(version)
    .bind(FENCED)
    .bind(newer)
    .execute(&mut *db)
    .await
    .map_err(failed("fence a policy"))?;
    sqlx::query(
        "with pauses as (delete from follower_pauses where name = $1 and version = $2)
         delete from dead_letters where name = $1 and version = $2",
    )
    .bind(name)
    .bind(version)
    .execute(db)
    .await
    .map_err(failed("forget the parked events of a policy"))?;
    Ok(())
}
