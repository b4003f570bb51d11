//! Every table of the database, counted and hashed in one snapshot.

use anyhow::Context;
use kontor_postgres::{generations::hash_tables, verify::SCRATCH_PREFIX};
use sqlx::{Connection, PgConnection, PgPool, Postgres, Transaction};

use super::{KEYS_SCHEMA, manifest::Table};

/// Which tables are meant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Which {
    /// All of them.
    All,
    /// All but the keys of persons.
    ButKeys,
    /// The keys of persons.
    Keys,
}

/// A connection whose statements may take their time.
pub(super) async fn connection(pool: &PgPool) -> anyhow::Result<PgConnection> {
    PgConnection::connect_with(&pool.connect_options()).await.context("PostgreSQL")
}

/// A transaction in which nothing changes.
pub(super) async fn snapshot(db: &mut PgConnection) -> anyhow::Result<Transaction<'_, Postgres>> {
    db.begin_with("begin isolation level repeatable read read only").await.context("a snapshot")
}

/// Counts and hashes the tables, by schema and name.
pub(super) async fn tables(db: &mut PgConnection, which: Which) -> anyhow::Result<Vec<Table>> {
    // Partitions are tables of their own; what they are parts of holds no rows.
    let found: Vec<(String, String)> = sqlx::query_as(
        "select n.nspname::text, c.relname::text
         from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where c.relkind = 'r' and n.nspname <> 'information_schema'
             and not starts_with(n.nspname::text, 'pg_')
             and not starts_with(n.nspname::text, $1)
         order by 1, 2",
    )
    .bind(SCRATCH_PREFIX)
    .fetch_all(&mut *db)
    .await
    .context("the tables cannot be listed")?;
    let mut tables = Vec::new();
    for (schema, table) in found {
        let wanted = match which {
            Which::All => true,
            Which::ButKeys => schema != KEYS_SCHEMA,
            Which::Keys => schema == KEYS_SCHEMA,
        };
        if !wanted {
            continue;
        }
        let hashes = hash_tables(db, &schema, &[&table]).await?;
        tables.extend(hashes.into_iter().map(|hashed| Table {
            schema: schema.clone(),
            table: hashed.table,
            rows: hashed.rows,
            hash: hashed.hash,
        }));
    }
    Ok(tables)
}

/// Whether a database has nothing in it yet.
pub(super) async fn is_empty(db: &mut PgConnection) -> anyhow::Result<bool> {
    sqlx::query_scalar(
        "select not exists (
                    select from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where n.nspname <> 'information_schema'
                        and not starts_with(n.nspname::text, 'pg_')
                )
                and not exists (
                    select from pg_namespace n
                    where n.nspname not in ('information_schema', 'public')
                        and not starts_with(n.nspname::text, 'pg_')
                )",
    )
    .fetch_one(db)
    .await
    .context("the database cannot be read")
}
