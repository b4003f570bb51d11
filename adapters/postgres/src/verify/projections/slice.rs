//! A part of one read model against a fresh replay: those rows of one tenant, or up to a position.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use kontor_domain::TenantId;
use kontor_projections::Projection;
use sqlx::{AssertSqlSafe, Connection, PgConnection, PgPool, Postgres, Transaction};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{
    CompareError, SCRATCH_PREFIX, against_error, alone, comparable, connection, drop_schema, rows,
    stand,
};
use crate::{
    DatabaseError, Vault,
    error::failed,
    generations::{Generation, hash_tables, replay_into},
};

/// How long the end of an interrupted comparison is waited for.
const CLEAR_PATIENCE: Duration = Duration::from_secs(15);
/// The pause between two looks for it.
const CLEAR_EVERY: Duration = Duration::from_millis(100);

/// Which rows of a read model are compared. Its tables must have the columns `tenant` and `position`,
/// where those are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Slice<'a> {
    /// Of this tenant alone.
    pub tenant: Option<&'a TenantId>,
    /// Of events up to this position alone.
    pub until: Option<i64>,
    /// The tables whose rows never change: the only ones that can be compared at a position of
    /// before.
    pub journals: &'a [&'a str],
}

/// What came out.
#[derive(Clone, Debug, Default)]
pub struct Sliced {
    /// At which position the two were compared.
    pub position: i64,
    /// How many rows, and of which table.
    pub rows: Vec<(String, i64)>,
    /// What differs, as place and fault.
    pub damage: Vec<(String, String)>,
    /// Why something was not compared.
    pub left_out: Vec<String>,
}

/// Compares a slice of the active generation with a fresh replay in a scratch schema, which is dropped
/// afterwards. One call at a time.
///
/// # Errors
/// [`CompareError`]. A difference is not an error.
pub async fn compare_slice(
    (pool, vault): (&PgPool, &Vault),
    projection: &dyn Projection,
    slice: &Slice<'_>,
) -> Result<Sliced, CompareError> {
    let guard = alone(pool).await?;
    let not_compared = |why| Sliced { left_out: vec![why], ..Sliced::default() };
    let generation = match comparable(pool, projection).await? {
        Ok(generation) => generation,
        Err(why) => return Ok(not_compared(why)),
    };
    let mut live = connection(pool).await?;
    let (mut snapshot, position) = match stand(&mut live, &generation).await? {
        Ok(stand) => stand,
        Err(why) => return Ok(not_compared(why)),
    };
    let scratch = Scratch::new(projection.name());
    let live = (&mut snapshot, &generation, position);
    let compared = against((pool, vault), projection, live, (slice, &scratch));
    // A panic must not leave the tables behind any more than an error.
    let compared = AssertUnwindSafe(compared).catch_unwind().await;
    // Its locks on what it looked at end first.
    snapshot.rollback().await.map_err(failed("end a snapshot"))?;
    let mut db = connection(pool).await?;
    for schema in [&scratch.theirs, &scratch.ours, &scratch.tables] {
        drop_schema(&mut db, schema).await?;
    }
    // Closing may fail only when the connection is gone already; either way the lock is free.
    drop(guard.close().await);
    compared.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Drops what an interrupted comparison of this process left.
///
/// # Errors
/// [`CompareError::Busy`] when another process compares.
pub async fn clear_scratch(pool: &PgPool) -> Result<(), CompareError> {
    let waiting = async {
        loop {
            match alone(pool).await {
                // The server notices the end of the one that was interrupted in its own time.
                Err(CompareError::Busy) => sleep(CLEAR_EVERY).await,
                cleared => return cleared.map(drop),
            }
        }
    };
    timeout(CLEAR_PATIENCE, waiting).await.unwrap_or(Err(CompareError::Busy))
}

/// The schemas of one comparison: the replayed tables, and what is compared of both sides.
struct Scratch {
    tables: String,
    ours: String,
    theirs: String,
}

impl Scratch {
    fn new(name: &str) -> Self {
        let id = Uuid::now_v7().simple();
        let named = |part: &str| format!("{SCRATCH_PREFIX}{name}_{part}_{id}");
        Self { tables: named("replay"), ours: named("ours"), theirs: named("live") }
    }
}

async fn against(
    (pool, vault): (&PgPool, &Vault),
    projection: &dyn Projection,
    (snapshot, generation, stands): (&mut Transaction<'_, Postgres>, &Generation, i64),
    (slice, scratch): (&Slice<'_>, &Scratch),
) -> Result<Sliced, CompareError> {
    let position = slice.until.map_or(stands, |until| until.min(stands));
    let mut sliced = Sliced { position, ..Sliced::default() };
    let replayed = replay_into((pool, vault), projection, &scratch.tables, position).await;
    if let Err(error) = replayed {
        sliced.damage = against_error(projection.name(), error)?;
        return Ok(sliced);
    }
    let is_earlier = position < stands;
    let all = projection.tables().iter().copied();
    let (tables, left): (Vec<&str>, Vec<&str>) =
        all.partition(|table| !is_earlier || slice.journals.contains(table));
    sliced.left_out = left
        .iter()
        .map(|table| format!("{table}: its rows stand at position {stands} and no earlier"))
        .collect();
    let mut fresh = connection(pool).await?;
    show(&mut fresh, (&scratch.tables, &scratch.ours), &tables, (slice, position)).await?;
    show(&mut fresh, (&generation.schema(), &scratch.theirs), &tables, (slice, position)).await?;
    let ours = hash_tables(&mut fresh, &scratch.ours, &tables).await?;
    let theirs = hash_tables(snapshot, &scratch.theirs, &tables).await?;
    sliced.rows = ours.iter().map(|table| (table.table.clone(), table.rows)).collect();
    for (ours, theirs) in ours.iter().zip(&theirs).filter(|(ours, theirs)| ours != theirs) {
        let table = &theirs.table;
        let keys = generation.schema();
        let row = rows::first_difference(
            (&mut **snapshot, scratch.theirs.clone()),
            (&mut fresh, scratch.ours.clone()),
            (&keys, table),
        );
        let row = row.await?;
        let place = format!("read model {}, table {table}, row {}", projection.name(), row.key);
        let what = format!(
            "{} at position {position}: {} rows, a fresh replay has {}",
            row.fault, theirs.rows, ours.rows
        );
        sliced.damage.push((place, what));
    }
    Ok(sliced)
}

/// Makes views in a schema of their own that show the slice of each table.
async fn show(
    db: &mut PgConnection,
    (from, to): (&str, &str),
    tables: &[&str],
    (slice, position): (&Slice<'_>, i64),
) -> Result<(), DatabaseError> {
    // A tenant's slug has letters, digits and `_` alone; a schema's name is our own.
    let tenant =
        slice.tenant.map_or_else(String::new, |tenant| format!(" and tenant = '{tenant}'"));
    let until = slice.until.map_or_else(String::new, |_| format!(" and position <= {position}"));
    let mut sql = format!("create schema \"{to}\"; ");
    for table in tables {
        let view = format!(
            "create view \"{to}\".\"{table}\" as select * from \"{from}\".\"{table}\" \
             where true{tenant}{until}; "
        );
        sql.push_str(&view);
    }
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await.map_err(failed("show what is compared"))?;
    Ok(())
}
