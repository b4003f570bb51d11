//! The first row in which two tables differ, without holding either in memory.

use std::cmp::Ordering;

use futures::{TryStreamExt, stream::BoxStream};
use sqlx::{AssertSqlSafe, FromRow, PgConnection};

use crate::{DatabaseError, error::failed};

/// Where two tables differ first.
pub(super) struct Difference {
    /// The primary key of the row; never other columns, which may hold personal data.
    pub(super) key: String,
    /// In which way.
    pub(super) fault: &'static str,
}

/// A row by its key and the digest of all its columns.
#[derive(FromRow)]
struct Line {
    key: String,
    digest: String,
}

/// Walks through both tables in order of their keys, which are those of the table in `keys_of`: views
/// have none of their own.
pub(super) async fn first_difference(
    (live, live_schema): (&mut PgConnection, String),
    (fresh, fresh_schema): (&mut PgConnection, String),
    (keys_of, table): (&str, &str),
) -> Result<Difference, DatabaseError> {
    let keys: Vec<String> = sqlx::query_scalar(
        "select a.attname::text from pg_index i
         join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
         where i.indisprimary and i.indrelid = to_regclass($1)
         order by array_position(i.indkey::int2[], a.attnum)",
    )
    .bind(format!("{}.{}", quoted(keys_of), quoted(table)))
    .fetch_all(&mut *live)
    .await
    .map_err(failed("read the key of a read model"))?;
    let live_query = query(&live_schema, table, &keys);
    let fresh_query = query(&fresh_schema, table, &keys);
    let mut live_rows = lines(live, live_query);
    let mut fresh_rows = lines(fresh, fresh_query);
    let read = || failed("compare the rows of a read model");
    let mut left = live_rows.try_next().await.map_err(read())?;
    let mut right = fresh_rows.try_next().await.map_err(read())?;
    loop {
        let (key, fault) = match (left, right) {
            (Some(a), Some(b)) => match a.key.as_bytes().cmp(b.key.as_bytes()) {
                Ordering::Less => (a.key, "it should not be there"),
                Ordering::Greater => (b.key, "it is missing"),
                Ordering::Equal if a.digest != b.digest => (a.key, "it differs"),
                Ordering::Equal => {
                    left = live_rows.try_next().await.map_err(read())?;
                    right = fresh_rows.try_next().await.map_err(read())?;
                    continue;
                }
            },
            (Some(a), None) => (a.key, "it should not be there"),
            (None, Some(b)) => (b.key, "it is missing"),
            (None, None) => ("(unknown)".to_owned(), "it differs"),
        };
        return Ok(Difference { key, fault });
    }
}

fn lines(db: &mut PgConnection, query: String) -> BoxStream<'_, Result<Line, sqlx::Error>> {
    sqlx::query_as(AssertSqlSafe(query)).fetch(db)
}

/// A table without a primary key is compared by its digests.
fn query(schema: &str, table: &str, keys: &[String]) -> String {
    let key = if keys.is_empty() {
        "md5(t::text)".to_owned()
    } else {
        let columns: Vec<String> = keys.iter().map(|key| format!("t.{}", quoted(key))).collect();
        format!("concat_ws('/', {})", columns.join(", "))
    };
    let (schema, table) = (quoted(schema), quoted(table));
    format!(
        "select {key} collate \"C\" as key, md5(t::text) as digest from {schema}.{table} t
         order by 1, 2"
    )
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
