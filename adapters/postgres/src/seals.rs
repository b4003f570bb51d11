//! Seals of the credit ledgers: what is new in the log is checked against the last seal and sealed.
//!
//! The process with the lease [`LEASE`] seals; that two of them never seal the same is made sure by the
//! number, which is the table's key. The tree is held in memory, some 64 bytes for each ledger, and read
//! again by whoever takes over.

mod rows;
mod sealer;

use chrono::{DateTime, Utc};
use kontor_domain::seals::{Digest32, Proof, Seal, SealedEnd, Tree};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use self::rows::{EndRow, ends_of, seal_of};
pub use self::sealer::{SealError, Sealed, Sealer};
use crate::{DatabaseError, error::failed};

/// The lease of the process that seals.
pub const LEASE: &str = "seals";

/// How sealing stands.
#[derive(Clone, Copy, Debug, FromRow, PartialEq)]
pub struct Standing {
    /// How far the log was looked through.
    pub position: i64,
    /// How long ago, in seconds.
    pub looked_seconds: f64,
    /// How often it should be.
    pub every_seconds: i64,
    /// How long the next look is overdue.
    pub overdue_seconds: f64,
    /// The number of the last seal; 0 when there is none.
    pub number: i64,
    /// Its age in seconds.
    pub age_seconds: Option<f64>,
    /// Its time.
    pub sealed_at: Option<DateTime<Utc>>,
}

impl Standing {
    /// Whether the next look is overdue by far, so that somebody must see to it.
    pub fn is_silent(&self) -> bool {
        let patience = self.every_seconds.saturating_mul(2).saturating_add(60);
        self.overdue_seconds > patience as f64
    }
}

/// How sealing stands; none when nobody ever looked.
///
/// # Errors
/// When the database fails.
pub async fn standing(pool: &PgPool) -> Result<Option<Standing>, DatabaseError> {
    sqlx::query_as(
        "select k.position, extract(epoch from clock_timestamp() - k.looked_at)::float8 \
                 as looked_seconds, \
             greatest(0, extract(epoch from clock_timestamp() - k.looked_at) - k.every_seconds) \
                 ::float8 as overdue_seconds, \
             k.every_seconds, coalesce(s.number, 0) as number, \
             extract(epoch from clock_timestamp() - s.sealed_at)::float8 as age_seconds, s.sealed_at \
         from ledger_sealer k \
         left join (select number, sealed_at from ledger_seals order by number desc limit 1) s \
             on true",
    )
    .fetch_optional(pool)
    .await
    .map_err(failed("look how sealing stands"))
}

/// A seal by its number.
///
/// # Errors
/// When the database fails, or holds what is no seal.
pub async fn find(pool: &PgPool, number: i64) -> Result<Option<Seal>, DatabaseError> {
    let row = sqlx::query_scalar("select seal from ledger_seals where number = $1")
        .bind(number)
        .fetch_optional(pool)
        .await
        .map_err(failed("read a seal"))?;
    row.map(seal_of).transpose()
}

/// The last seal; none when there is none.
///
/// # Errors
/// As [`find`].
pub async fn last(pool: &PgPool) -> Result<Option<Seal>, DatabaseError> {
    let row = sqlx::query_scalar("select seal from ledger_seals order by number desc limit 1")
        .fetch_optional(pool)
        .await
        .map_err(failed("read the last seal"))?;
    row.map(seal_of).transpose()
}

/// The last seal whose bookings all stand at or before a position; none when there is none.
///
/// # Errors
/// As [`find`].
pub async fn at(pool: &PgPool, position: i64) -> Result<Option<Seal>, DatabaseError> {
    let row = sqlx::query_scalar(
        "select seal from ledger_seals where position <= $1 order by number desc limit 1",
    )
    .bind(position)
    .fetch_optional(pool)
    .await
    .map_err(failed("read a seal"))?;
    row.map(seal_of).transpose()
}

/// The next seals behind a number with the ends that changed in each, oldest first.
///
/// # Errors
/// As [`find`].
pub async fn after(pool: &PgPool, number: i64, most: i64) -> Result<Vec<Sealed>, DatabaseError> {
    let rows: Vec<serde_json::Value> = sqlx::query_scalar(
        "select seal from ledger_seals where number > $1 order by number limit $2",
    )
    .bind(number)
    .bind(most)
    .fetch_all(pool)
    .await
    .map_err(failed("read seals"))?;
    let mut sealed = Vec::with_capacity(rows.len());
    for row in rows {
        let seal = seal_of(row)?;
        let ends: Vec<EndRow> = sqlx::query_as(
            "select leaf, tenant, ledger_id, version, head from ledger_seal_ends \
             where number = $1 order by leaf",
        )
        .bind(seal.number)
        .fetch_all(pool)
        .await
        .map_err(failed("read the ends of a seal"))?;
        sealed.push(Sealed { seal, changed: ends_of(ends)? });
    }
    Ok(sealed)
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProofLack {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// No seal has that number.
    #[error("there is no seal {0}")]
    NoSeal(i64),
    /// The ledger is in no seal up to that one.
    #[error(
        "the ledger {ledger_id} is not in seal {number}; it was opened later, or there is no such \
         ledger"
    )]
    NotSealed {
        /// The ledger.
        ledger_id: Uuid,
        /// The seal.
        number: i64,
    },
    /// The table does not lead to the root that was signed.
    #[error(
        "the ends that the database holds for seal {number} come to {found} and not to its root; they \
         were changed: run `kontor ledger verify --seals FILE`"
    )]
    OtherRoot {
        /// The seal.
        number: i64,
        /// The root of what stands there.
        found: Digest32,
    },
}

/// The proof that a ledger is in a seal; in the last one without a number.
///
/// # Errors
/// [`ProofLack`].
pub async fn prove(
    pool: &PgPool,
    ledger_id: Uuid,
    number: Option<i64>,
) -> Result<Proof, ProofLack> {
    let seal = match number {
        Some(number) => find(pool, number).await?,
        None => last(pool).await?,
    };
    let seal = seal.ok_or(ProofLack::NoSeal(number.unwrap_or(1)))?;
    let number = seal.number;
    let ends = rows::ends_at(pool, number).await?;
    let mut tree = Tree::of(ends.iter().map(SealedEnd::leaf_hash).collect());
    let found = tree.root();
    if found != seal.root {
        return Err(ProofLack::OtherRoot { number, found });
    }
    let own = ends.into_iter().enumerate().find(|(_, end)| end.ledger_id == ledger_id);
    let not_sealed = ProofLack::NotSealed { ledger_id, number };
    let Some((index, end)) = own else { return Err(not_sealed) };
    let Some(path) = tree.path(index) else { return Err(not_sealed) };
    Ok(Proof { leaf_hash: end.leaf_hash(), end, path, seal })
}
