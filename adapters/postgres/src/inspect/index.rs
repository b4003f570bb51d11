//! The index of correlations, for installations where people often ask what led to what.

use sqlx::{Connection, PgConnection, PgPool};

use crate::{DatabaseError, error::failed};

/// Whether the index can be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// It was never built: conversations are searched for.
    Missing,
    /// A build was interrupted; building again begins anew.
    Broken,
    /// It is used.
    Ready,
}

/// How the index stands.
///
/// # Errors
/// When the database cannot be read.
pub async fn state(pool: &PgPool) -> Result<State, DatabaseError> {
    let valid: Option<bool> = sqlx::query_scalar(
        "select indisvalid from pg_index where indexrelid = to_regclass('events_correlation')",
    )
    .fetch_optional(pool)
    .await
    .map_err(failed("look for the index of correlations"))?;
    Ok(match valid {
        None => State::Missing,
        Some(false) => State::Broken,
        Some(true) => State::Ready,
    })
}

/// Builds the index beside live writers, who do not wait for it. Takes as long as reading the log
/// twice.
///
/// # Errors
/// When the database fails; the next call begins anew.
pub async fn build(pool: &PgPool) -> Result<(), DatabaseError> {
    if state(pool).await? == State::Broken {
        drop_index(pool).await?;
    }
    run(
        pool,
        "create index concurrently if not exists events_correlation
             on events ((metadata ->> 'correlation_id'))",
    )
    .await
}

/// Drops the index beside live writers.
///
/// # Errors
/// When the database fails.
pub async fn drop_index(pool: &PgPool) -> Result<(), DatabaseError> {
    run(pool, "drop index concurrently if exists events_correlation").await
}

/// On a connection of its own, whose statements may take their time.
async fn run(pool: &PgPool, statement: &'static str) -> Result<(), DatabaseError> {
    let mut db = PgConnection::connect_with(&pool.connect_options())
        .await
        .map_err(failed("connect to the database"))?;
    let result = sqlx::raw_sql(statement).execute(&mut db).await;
    // Closing may fail only when the connection is gone already.
    drop(db.close().await);
    result.map(drop).map_err(failed("build or drop the index of correlations"))
}
