//! The schema of a generation: its tables, the search path to them and the views on them.

use kontor_projections::Projection;
use sqlx::{AssertSqlSafe, PgConnection};

use super::{GenerationError, NAME_MAX};
use crate::{DatabaseError, error::failed};

/// A name as SQL writes it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Lets unqualified names mean the tables of `schema`, for the rest of the transaction. The tables
/// of `public` stay in reach.
pub(crate) async fn enter(db: &mut PgConnection, schema: &str) -> Result<(), DatabaseError> {
    sqlx::query("select set_config('search_path', $1, true)")
        .bind(format!("{}, public", quoted(schema)))
        .execute(db)
        .await
        .map_err(failed("enter the schema of a generation"))?;
    Ok(())
}

/// Refuses a projection that cannot have generations.
pub(super) fn check(projection: &dyn Projection) -> Result<(), GenerationError> {
    let name = projection.name();
    if projection.tables().is_empty() {
        return Err(GenerationError::Plain(name.to_owned()));
    }
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(fits) {
        return Err(GenerationError::BadName(name.to_owned()));
    }
    Ok(())
}

/// Makes the schema with the projection's tables; the transaction's search path leads there.
pub(super) async fn make(
    db: &mut PgConnection,
    projection: &dyn Projection,
    schema: &str,
) -> Result<(), GenerationError> {
    check(projection)?;
    // A table of the same name in `public` would be out of reach for whoever follows the log there.
    let taken: Option<String> = sqlx::query_scalar(
        "select relname::text from pg_class
         where relnamespace = 'public'::regnamespace and relkind <> 'v' and relname = any($1)
         limit 1",
    )
    .bind(projection.tables())
    .fetch_optional(&mut *db)
    .await
    .map_err(failed("look for tables of the same name"))?;
    if let Some(table) = taken {
        return Err(GenerationError::TableTaken(table));
    }
    sqlx::raw_sql(AssertSqlSafe(format!("create schema {}", quoted(schema))))
        .execute(&mut *db)
        .await
        .map_err(failed("make the schema of a generation"))?;
    enter(db, schema).await?;
    sqlx::raw_sql(projection.tables_sql())
        .execute(&mut *db)
        .await
        .map_err(failed("make the tables of a generation"))?;
    let made: Vec<String> = sqlx::query_scalar(
        "select relname::text from pg_class
         where relnamespace = to_regnamespace($1) and relkind in ('r', 'p')",
    )
    .bind(quoted(schema))
    .fetch_all(&mut *db)
    .await
    .map_err(failed("look at the tables of a generation"))?;
    match projection.tables().iter().find(|table| !made.iter().any(|made| made == *table)) {
        None => Ok(()),
        Some(table) => Err(GenerationError::TableMissing {
            name: projection.name().to_owned(),
            table: (*table).to_owned(),
        }),
    }
}

/// Makes the views of `public` show the tables of `schema`.
pub(super) async fn show(
    db: &mut PgConnection,
    schema: &str,
    tables: &[String],
) -> Result<(), DatabaseError> {
    for table in tables {
        let view = format!("public.{}", quoted(table));
        let source = format!("{}.{}", quoted(schema), quoted(table));
        let (before, after) = (columns(db, &view).await?, columns(db, &source).await?);
        // A view that only grows keeps its identity, and whatever was granted on it.
        let drop =
            if after.starts_with(&before) { String::new() } else { format!("drop view {view}; ") };
        let sql = format!("{drop}create or replace view {view} as select * from {source}");
        sqlx::raw_sql(AssertSqlSafe(sql))
            .execute(&mut *db)
            .await
            .map_err(failed("show a generation's tables"))?;
    }
    Ok(())
}

/// Drops the views of tables that are shown no more.
pub(super) async fn hide(db: &mut PgConnection, tables: &[&String]) -> Result<(), DatabaseError> {
    for table in tables {
        sqlx::raw_sql(AssertSqlSafe(format!("drop view if exists public.{}", quoted(table))))
            .execute(&mut *db)
            .await
            .map_err(failed("hide a table that is gone"))?;
    }
    Ok(())
}

/// Names and types of a relation's columns, in order; none when it does not exist.
async fn columns(db: &mut PgConnection, relation: &str) -> Result<Vec<String>, DatabaseError> {
    sqlx::query_scalar(
        "select format('%s %s %s %s', attname, atttypid, atttypmod, attcollation)
         from pg_attribute
         where attrelid = to_regclass($1) and attnum > 0 and not attisdropped
         order by attnum",
    )
    .bind(relation)
    .fetch_all(db)
    .await
    .map_err(failed("read the columns of a read model"))
}
