//! Holds a database against what the log promises, and names the first places where it does not hold.
//!
//! Reads only, in pages: what is looked at was committed before the check began and never changes,
//! so live writers neither wait nor disturb. The one long statement is the search for repeated event
//! ids, which PostgreSQL sorts on its disk.

mod dead_letters;
mod events;
mod findings;
mod folds;
mod projections;
mod receipts;

use std::time::Duration;

use kontor_commands::Folds;
use kontor_projections::Projection;
use sqlx::{Connection, PgConnection, PgPool};

use self::findings::Findings;
pub use self::{
    findings::{Check, CheckReport, Damage, Report},
    projections::{
        CompareError, Comparison, SCRATCH_PREFIX, Slice, Sliced, clear_scratch, compare,
        compare_slice,
    },
};
use crate::{DatabaseError, Vault, error::failed};

/// What is looked at.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions {
    /// The first position to look at; 1 looks at everything. Streams that have events from there on
    /// are folded whole.
    pub from: i64,
    /// One of so many streams is folded, chosen by its id; 1 folds all.
    pub sample: u16,
    /// How long receipts are kept: a younger event without one is damage.
    pub receipts_kept: Duration,
}

/// How far a check is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Which one.
    pub check: Check,
    /// How many rows were looked at.
    pub done: i64,
    /// How many there are; 0 when that is not known.
    pub total: i64,
}

/// Told now and then how far the work is.
pub type OnProgress<'a> = &'a mut (dyn FnMut(Progress) + Send);

/// What the checks share.
struct Verifier<'a> {
    db: PgConnection,
    vault: &'a Vault,
    folds: &'a Folds,
    options: VerifyOptions,
    head: i64,
    findings: Findings,
    progress: OnProgress<'a>,
}

impl Verifier<'_> {
    fn tell(&mut self, check: Check, done: i64, total: i64) {
        (self.progress)(Progress { check, done, total });
    }
}

/// Checks the log, the receipts, the checkpoints and the dead letters up to the log's present end.
///
/// # Errors
/// When the database cannot be read. Damage is not an error: it stands in the report.
pub async fn verify(
    (pool, vault): (&PgPool, &Vault),
    folds: &Folds,
    projections: &[&dyn Projection],
    options: VerifyOptions,
    progress: OnProgress<'_>,
) -> Result<Report, DatabaseError> {
    let mut db = read_only(pool).await?;
    let head = sqlx::query_scalar("select coalesce(max(position), 0) from events")
        .fetch_one(&mut db)
        .await
        .map_err(failed("read the head of the log"))?;
    let options =
        VerifyOptions { from: options.from.max(1), sample: options.sample.max(1), ..options };
    let findings = Findings::default();
    let mut verifier = Verifier { db, vault, folds, options, head, findings, progress };
    events::check(&mut verifier).await?;
    events::check_ids(&mut verifier).await?;
    receipts::check(&mut verifier).await?;
    dead_letters::check_checkpoints(&mut verifier).await?;
    dead_letters::check(&mut verifier, projections).await?;
    // Closing may fail only when the connection is gone already.
    drop(verifier.db.close().await);
    Ok(verifier.findings.report(head, options))
}

/// A connection of its own that cannot write, and whose statements may take their time.
async fn read_only(pool: &PgPool) -> Result<PgConnection, DatabaseError> {
    let mut db = PgConnection::connect_with(&pool.connect_options())
        .await
        .map_err(failed("connect to the database"))?;
    sqlx::query(
        "select set_config('default_transaction_read_only', 'on', false),
                set_config('statement_timeout', '0', false),
                set_config('application_name', 'kontor-verify', false),
                set_config('jit', 'off', false)",
    )
    .execute(&mut db)
    .await
    .map_err(failed("prepare the connection"))?;
    Ok(db)
}
