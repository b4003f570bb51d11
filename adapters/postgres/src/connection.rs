//! The pool and the migrations.

use std::time::Duration;

use sqlx::{
    Connection, PgConnection, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::error::{DatabaseError, failed};

/// The longest wait for a free connection: a request that waits longer is better refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Idle connections are closed after this time, so that a quiet process is small.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// The longest statement of a pooled connection, in milliseconds: pages and queries take
/// milliseconds, so a longer one is a mistake that must not hold its locks.
const STATEMENT_TIMEOUT_MS: u32 = 30_000;

/// The longest silence inside a transaction, unless the pool has a bound of its own.
const IDLE_IN_TRANSACTION: Duration = Duration::from_secs(60);

/// All migrations of the workspace, compiled in.
static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");

/// Opens a pool of at most `connections_max` connections, with bounds on statements, transactions
/// and waiting. `url` is a PostgreSQL connection URL.
///
/// # Errors
/// When the URL cannot be read or the server cannot be reached.
pub async fn connect(url: &str, connections_max: u32) -> Result<PgPool, DatabaseError> {
    connect_bounded(url, connections_max, IDLE_IN_TRANSACTION).await
}

/// The same with a bound of its own on the silence inside a transaction.
///
/// Work under leases takes their time to live: a process that stands still in the middle of a page must not hold its rows
/// longer than its lease, or whoever takes over waits for it.
///
/// # Errors
/// As [`connect`].
pub async fn connect_bounded(
    url: &str,
    connections_max: u32,
    idle_in_transaction: Duration,
) -> Result<PgPool, DatabaseError> {
    let options: PgConnectOptions = url.parse().map_err(failed("read the database URL"))?;
    PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(IDLE_TIMEOUT)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                bound_session(connection, STATEMENT_TIMEOUT_MS, "kontor").await?;
                bound_silence(connection, idle_in_transaction).await
            })
        })
        .connect_with(options)
        .await
        .map_err(failed("connect to the database"))
}

/// Sets a session's bounds. By statement and not by start-up options, which connection poolers
/// refuse.
pub(crate) async fn bound_session(
    connection: &mut PgConnection,
    statement_timeout_ms: u32,
    application_name: &str,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "select set_config('statement_timeout', $1, false),
                set_config('application_name', $2, false),
                set_config('synchronous_commit', 'on', false),
                set_config('jit', 'off', false)",
    )
    .bind(statement_timeout_ms.to_string())
    .bind(application_name)
    .execute(&mut *connection)
    .await?;
    bound_silence(connection, IDLE_IN_TRANSACTION).await
}

async fn bound_silence(
    connection: &mut PgConnection,
    longest: Duration,
) -> Result<(), sqlx::Error> {
    sqlx::query("select set_config('idle_in_transaction_session_timeout', $1, false)")
        .bind(longest.as_millis().to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// Why the migrations did not run.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A migration failed, or an applied one was edited afterwards.
    #[error("cannot migrate the database")]
    Migration(#[source] sqlx::migrate::MigrateError),
}

/// A migration that this build brings and the database does not have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PendingMigration {
    /// Its number.
    pub version: i64,
    /// Its name, with spaces.
    pub description: String,
}

/// Applies all migrations that the database does not have yet. Safe to call from many processes at
/// once. Migrations of a newer build are left alone, so that an older process starts beside it.
///
/// # Errors
/// [`MigrateError`].
pub async fn migrate(pool: &PgPool) -> Result<(), MigrateError> {
    // A connection of its own: a migration may take longer than a pooled statement.
    let mut connection = PgConnection::connect_with(&pool.connect_options())
        .await
        .map_err(failed("connect to the database"))?;
    let result = migrator().run(&mut connection).await.map_err(MigrateError::Migration);
    // Closing may fail only when the connection is gone already.
    drop(connection.close().await);
    result
}

/// The migrations that [`migrate`] would apply, in order.
///
/// # Errors
/// When the database cannot be read.
pub async fn pending_migrations(pool: &PgPool) -> Result<Vec<PendingMigration>, DatabaseError> {
    let known: bool = sqlx::query_scalar("select to_regclass('_sqlx_migrations') is not null")
        .fetch_one(pool)
        .await
        .map_err(failed("look for the table of migrations"))?;
    let applied: Vec<i64> = if known {
        sqlx::query_scalar("select version from _sqlx_migrations where success")
            .fetch_all(pool)
            .await
            .map_err(failed("read the applied migrations"))?
    } else {
        Vec::new()
    };
    Ok(migrator()
        .iter()
        .filter(|migration| !applied.contains(&migration.version))
        .map(|migration| PendingMigration {
            version: migration.version,
            description: migration.description.clone().into_owned(),
        })
        .collect())
}

fn migrator() -> Migrator {
    let mut migrator = Migrator { migrations: MIGRATOR.migrations.clone(), ..Migrator::DEFAULT };
    migrator.set_ignore_missing(true);
    migrator
}
