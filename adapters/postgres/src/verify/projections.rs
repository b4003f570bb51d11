//! Every read model against a fresh replay of the log.
//!
//! One snapshot holds the rows and the checkpoint of a read model while the log is replayed up to
//! exactly that checkpoint beside it. Nothing of the live tables is touched.

mod rows;
mod slice;

use std::time::Duration;

use futures::FutureExt;
use kontor_projections::Projection;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, Transaction};
use tokio::time::sleep;
use uuid::Uuid;

pub use self::slice::{Slice, Sliced, clear_scratch, compare_slice};
use super::{Check, CheckReport, OnProgress, Progress, findings::Findings};
use crate::{
    DatabaseError, Vault,
    error::{chain, failed},
    generations::{self, Generation, ReplayError, Standing, hash_tables, replay_into},
};

/// What scratch schemas are called; a backup leaves them out.
pub const SCRATCH_PREFIX: &str = "verify_";

/// How often segments are looked at until all stand at one position.
const LOOKS_MAX: u32 = 50;

/// What the connections of a comparison are called.
const CONNECTION_NAME: &str = "kontor-compare";

/// How often it is looked whether those of a comparison that was killed are gone.
const ENDING_LOOKS_MAX: u32 = 100;

/// The pause between such looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Why the comparison did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The scratch tables could not be made.
    #[error("the scratch tables cannot be made")]
    Scratch(#[source] ReplayError),
    /// The leftovers of one are another's work.
    #[error("read models are being compared by another process; wait until it is done")]
    Busy,
}

/// What came out of comparing read models.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The check, to stand beside the others.
    pub report: CheckReport,
    /// What could not be compared, and why.
    pub left_out: Vec<String>,
}

/// Compares the active generation of each projection with a fresh replay. Needs as much room on the
/// disk as the largest read model, and one call at a time.
///
/// # Errors
/// [`CompareError`]. A difference is not an error: it stands in the report.
pub async fn compare(
    (pool, vault): (&PgPool, &Vault),
    projections: &[&dyn Projection],
    progress: OnProgress<'_>,
) -> Result<Comparison, CompareError> {
    let guard = alone(pool).await?;
    let (mut findings, mut left_out) = (Findings::default(), Vec::new());
    let total = i64::try_from(projections.len()).unwrap_or(i64::MAX);
    for (done, projection) in (0..).zip(projections) {
        progress(Progress { check: Check::Projections, done, total });
        if let Some(why) = compare_one((pool, vault), *projection, &mut findings).await? {
            left_out.push(format!("{} was not compared: {why}", projection.name()));
        }
    }
    // Closing may fail only when the connection is gone already; either way the lock is free.
    drop(guard.close().await);
    Ok(Comparison { report: findings.of(Check::Projections), left_out })
}

/// The connection whose lock keeps others from comparing, after the leftovers of those that were killed
/// are gone.
async fn alone(pool: &PgPool) -> Result<PgConnection, CompareError> {
    let mut guard = connection(pool).await?;
    let alone: bool = sqlx::query_scalar(
        "select pg_try_advisory_lock(hashtextextended('kontor.verify.projections', 0))",
    )
    .fetch_one(&mut guard)
    .await
    .map_err(failed("begin to compare read models"))?;
    if !alone {
        return Err(CompareError::Busy);
    }
    drop_leftovers(&mut guard).await?;
    Ok(guard)
}

/// Compares one; why not, when it cannot be compared.
async fn compare_one(
    (pool, vault): (&PgPool, &Vault),
    projection: &dyn Projection,
    findings: &mut Findings,
) -> Result<Option<String>, CompareError> {
    let generation = match comparable(pool, projection).await? {
        Ok(generation) => generation,
        Err(why) => return Ok(Some(why)),
    };
    let mut live = connection(pool).await?;
    let (mut snapshot, position) = match stand(&mut live, &generation).await? {
        Ok(stand) => stand,
        Err(why) => return Ok(Some(why)),
    };
    let scratch = format!("{SCRATCH_PREFIX}{}_{}", projection.name(), Uuid::now_v7().simple());
    let compared =
        against((pool, vault), projection, (&mut snapshot, &generation), (&scratch, position));
    // A panic must not leave the tables behind any more than an error.
    let compared = std::panic::AssertUnwindSafe(compared).catch_unwind().await;
    drop_schema(&mut connection(pool).await?, &scratch).await?;
    let damage = compared.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    findings.looked(Check::Projections, 1);
    for (place, what) in damage {
        findings.damage(Check::Projections, place, what);
    }
    Ok(None)
}

/// The generation that a fresh replay must equal, or why there is none.
async fn comparable(
    pool: &PgPool,
    projection: &dyn Projection,
) -> Result<Result<Generation, String>, CompareError> {
    if projection.tables().is_empty() {
        return Ok(Err("its effect must not come twice, so it is never replayed".to_owned()));
    }
    let active = generations::list(pool, Some(projection.name())).await?;
    let active = active.into_iter().find(|found| found.standing == Standing::Active);
    let Some(generation) = active else { return Ok(Err("no generation is active".to_owned())) };
    if generation.code_version != projection.version() {
        let (theirs, ours) = (generation.code_version, projection.version());
        let why = format!("code of version {theirs} fills it, this build has version {ours}");
        return Ok(Err(why));
    }
    Ok(Ok(generation))
}

/// A snapshot of it with its position, or why it stands nowhere.
async fn stand<'c>(
    live: &'c mut PgConnection,
    generation: &Generation,
) -> Result<Result<(Transaction<'c, Postgres>, i64), String>, CompareError> {
    let Some((mut snapshot, position)) = still(live, generation).await? else {
        return Ok(Err("its segments did not stand still at one position".to_owned()));
    };
    let parked: i64 =
        sqlx::query_scalar("select count(*) from dead_letters where name = $1 and version = $2")
            .bind(&generation.name)
            .bind(generation.number)
            .fetch_one(&mut *snapshot)
            .await
            .map_err(failed("count the dead letters"))?;
    if parked > 0 {
        let why = format!("{parked} events are parked or skipped (`kontor dead-letters list`)");
        return Ok(Err(why));
    }
    Ok(Ok((snapshot, position)))
}

/// What differs, as place and fault.
async fn against(
    (pool, vault): (&PgPool, &Vault),
    projection: &dyn Projection,
    (snapshot, generation): (&mut Transaction<'_, Postgres>, &Generation),
    (scratch, position): (&str, i64),
) -> Result<Vec<(String, String)>, CompareError> {
    let name = projection.name();
    if let Err(error) = replay_into((pool, vault), projection, scratch, position).await {
        return against_error(name, error);
    }
    let mut fresh = connection(pool).await?;
    let tables = projection.tables();
    let ours = hash_tables(&mut fresh, scratch, tables).await?;
    let theirs = hash_tables(snapshot, &generation.schema(), tables).await?;
    let mut damage = Vec::new();
    for (ours, theirs) in ours.iter().zip(&theirs).filter(|(ours, theirs)| ours != theirs) {
        let table = &theirs.table;
        let sides = ((&mut **snapshot, generation.schema()), (&mut fresh, scratch.to_owned()));
        let keys = generation.schema();
        let row = rows::first_difference(sides.0, sides.1, (&keys, table)).await?;
        let place = format!("read model {name}, table {table}, row {}", row.key);
        let what = format!(
            "{} at position {position}: {} rows, a fresh replay has {}",
            row.fault, theirs.rows, ours.rows
        );
        damage.push((place, what));
    }
    Ok(damage)
}

/// What a replay that ended early says: a fault of an event, or an error.
fn against_error(name: &str, error: ReplayError) -> Result<Vec<(String, String)>, CompareError> {
    match error {
        ReplayError::Database(error) => Err(error.into()),
        error @ ReplayError::Generation(_) => Err(CompareError::Scratch(error)),
        // The message of an error of an event may quote the event; the outer one names positions.
        error @ (ReplayError::Apply { .. } | ReplayError::Panicked { .. }) => {
            Ok(vec![(format!("read model {name}"), format!("in a fresh replay {error}"))])
        }
        error @ (ReplayError::LogEnds { .. } | ReplayError::Unreadable { .. }) => {
            Ok(vec![(format!("read model {name}"), chain(&error))])
        }
    }
}

/// A snapshot in which all segments of a generation stand at one position.
async fn still<'c>(
    db: &'c mut PgConnection,
    generation: &Generation,
) -> Result<Option<(Transaction<'c, Postgres>, i64)>, DatabaseError> {
    for _ in 0..LOOKS_MAX {
        if look(db, generation).await?.is_some() {
            break;
        }
        sleep(LOOK_EVERY).await;
    }
    let mut tx = begin(db).await?;
    let position = position(&mut tx, generation).await?;
    Ok(position.map(|position| (tx, position)))
}

async fn look(
    db: &mut PgConnection,
    generation: &Generation,
) -> Result<Option<i64>, DatabaseError> {
    let mut tx = begin(db).await?;
    position(&mut tx, generation).await
}

async fn begin(db: &mut PgConnection) -> Result<Transaction<'_, Postgres>, DatabaseError> {
    db.begin_with("begin isolation level repeatable read read only")
        .await
        .map_err(failed("begin a snapshot"))
}

/// Where all segments stand; `None` when they do not stand together.
async fn position(
    db: &mut PgConnection,
    generation: &Generation,
) -> Result<Option<i64>, DatabaseError> {
    let (segments, least, most): (i64, Option<i64>, Option<i64>) = sqlx::query_as(
        "select count(*), min(position), max(position) from checkpoints
         where name = $1 and version = $2",
    )
    .bind(&generation.name)
    .bind(generation.number)
    .fetch_one(db)
    .await
    .map_err(failed("read the checkpoints of a read model"))?;
    // Before a follower's first start its tables are empty.
    let at = least.or(if segments == 0 { Some(0) } else { None });
    Ok(at.filter(|_| least == most))
}

/// Rows as text depend on these settings; statements may take their time.
async fn connection(pool: &PgPool) -> Result<PgConnection, DatabaseError> {
    let mut db = PgConnection::connect_with(&pool.connect_options())
        .await
        .map_err(failed("connect to the database"))?;
    sqlx::query(
        "select set_config('statement_timeout', '0', false), set_config('jit', 'off', false),
                set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO', false),
                set_config('intervalstyle', 'iso_8601', false),
                set_config('extra_float_digits', '3', false),
                set_config('bytea_output', 'hex', false),
                set_config('application_name', $1, false)",
    )
    .bind(CONNECTION_NAME)
    .execute(&mut db)
    .await
    .map_err(failed("prepare the connection"))?;
    Ok(db)
}

/// Schemas of comparisons that were killed, after what the server still carries out for them is ended:
/// a statement that waits for a lock notices nothing of the death of its client. Whoever holds the lock
/// of comparisons is the only one.
async fn drop_leftovers(db: &mut PgConnection) -> Result<(), DatabaseError> {
    for _ in 0..ENDING_LOOKS_MAX {
        let ended: Vec<bool> = sqlx::query_scalar(
            "select pg_terminate_backend(pid) from pg_stat_activity
             where datname = current_database() and usename = current_user
                 and application_name = $1 and pid <> pg_backend_pid()",
        )
        .bind(CONNECTION_NAME)
        .fetch_all(&mut *db)
        .await
        .map_err(failed("end a comparison that was killed"))?;
        if ended.is_empty() {
            break;
        }
        sleep(LOOK_EVERY).await;
    }
    let left: Vec<String> = sqlx::query_scalar(
        "select nspname::text from pg_namespace where starts_with(nspname::text, $1)",
    )
    .bind(SCRATCH_PREFIX)
    .fetch_all(&mut *db)
    .await
    .map_err(failed("look for scratch tables"))?;
    for schema in left {
        drop_schema(db, &schema).await?;
    }
    Ok(())
}

async fn drop_schema(db: &mut PgConnection, schema: &str) -> Result<(), DatabaseError> {
    let quoted = schema.replace('"', "\"\"");
    sqlx::query(AssertSqlSafe(format!("drop schema if exists \"{quoted}\" cascade")))
        .execute(db)
        .await
        .map_err(failed("drop the scratch tables"))?;
    Ok(())
}
