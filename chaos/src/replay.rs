//! The read models against a fresh replay of the log.

use std::collections::BTreeMap;

use anyhow::Context;
use kontor_postgres::{
    MasterKeys, Standing, Vault,
    generations::{self, hash_tables, replay_into},
};
use kontor_projections::{Projection, checkpoints};
use sqlx::{AssertSqlSafe, PgPool};

use crate::{check::Rows, world::MASTER_KEY};

/// Where the replay makes its tables.
const SCRATCH: &str = "chaos_replay";

/// The tables of the read models as they stand, and as a replay makes them.
pub(crate) async fn compare(
    pool: &PgPool,
) -> anyhow::Result<(BTreeMap<String, Rows>, BTreeMap<String, Rows>)> {
    let vault = Vault::new(pool.clone(), MasterKeys::parse(MASTER_KEY)?);
    let head = checkpoints::head_position(pool).await?;
    let (mut live, mut replayed) = (BTreeMap::new(), BTreeMap::new());
    for projection in kontor_projections::all() {
        let name = projection.name();
        let existing = generations::list(pool, Some(name)).await?;
        let active = existing.iter().find(|generation| generation.standing == Standing::Active);
        let active = active.with_context(|| format!("{name} has no active generation"))?;
        live.extend(rows(pool, &*projection, &active.schema()).await?);
        drop_scratch(pool).await?;
        replay_into((pool, &vault), &*projection, SCRATCH, head).await.context(name)?;
        replayed.extend(rows(pool, &*projection, SCRATCH).await?);
    }
    drop_scratch(pool).await?;
    Ok((live, replayed))
}

async fn rows(
    pool: &PgPool,
    projection: &dyn Projection,
    schema: &str,
) -> anyhow::Result<BTreeMap<String, Rows>> {
    let mut db = pool.acquire().await?;
    let hashes = hash_tables(&mut db, schema, projection.tables()).await?;
    let row = |hashed: generations::TableHash| {
        (hashed.table, Rows { count: hashed.rows, hash: hashed.hash })
    };
    Ok(hashes.into_iter().map(row).collect())
}

/// Also before a replay: one that failed leaves its tables.
async fn drop_scratch(pool: &PgPool) -> anyhow::Result<()> {
    let query = AssertSqlSafe(format!("drop schema if exists {SCRATCH} cascade"));
    sqlx::query(query).execute(pool).await?;
    Ok(())
}
