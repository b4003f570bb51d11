//! One figure for all rows of a read model: equal rows, equal figure.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::schema::quoted;
use crate::{DatabaseError, error::failed};

/// What all rows of a table come to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TableHash {
    /// The table.
    pub table: String,
    /// How many rows it has.
    pub rows: i64,
    /// 32 hexadecimal digits over all columns of all rows, whatever their order.
    pub hash: String,
}

/// Hashes tables of a schema: equal when the same rows stand there, in whatever order. Reads each
/// table once; in a transaction that is `repeatable read` all tables and the checkpoints are of one
/// moment.
///
/// Equal tables are those of one version of a projection, because the columns are read in their order.
///
/// # Errors
/// When the database fails.
pub async fn hash_tables(
    db: &mut PgConnection,
    schema: &str,
    tables: &[&str],
) -> Result<Vec<TableHash>, DatabaseError> {
    let mut tx = db.begin().await.map_err(failed("begin to hash tables"))?;
    // A row as text depends on these.
    sqlx::query(
        "select set_config('timezone', 'UTC', true), set_config('datestyle', 'ISO', true),
                set_config('intervalstyle', 'iso_8601', true),
                set_config('extra_float_digits', '3', true), set_config('bytea_output', 'hex', true)",
    )
    .execute(&mut *tx)
    .await
    .map_err(failed("begin to hash tables"))?;
    let mut hashes = Vec::with_capacity(tables.len());
    for table in tables {
        // Sums of the halves of a digest: they need no order and no memory. The digest of a count
        // and two sums is of one length.
        let sql = format!(
            "select count(*),
                    md5(concat_ws(' ', count(*), sum(('x' || left(digest, 16))::bit(64)::bigint),
                                  sum(('x' || right(digest, 16))::bit(64)::bigint)))
             from (select md5(t::text) as digest from {}.{} as t) digests",
            quoted(schema),
            quoted(table),
        );
        let (rows, hash) = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_one(&mut *tx)
            .await
            .map_err(failed("hash a table"))?;
        hashes.push(TableHash { table: (*table).to_owned(), rows, hash });
    }
    // Back to the settings of before.
    tx.rollback().await.map_err(failed("end the hashing of tables"))?;
    Ok(hashes)
}
