//! Seals and ends as rows.

use kontor_domain::seals::{Seal, SealedEnd};
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

use crate::{DatabaseError, error::failed};

/// The end of a ledger as it stands in the table.
#[derive(Debug, FromRow)]
pub(super) struct EndRow {
    pub(super) leaf: i64,
    pub(super) tenant: String,
    pub(super) ledger_id: Uuid,
    pub(super) version: i64,
    pub(super) head: String,
}

/// A row that is no end, or no seal: somebody wrote it by hand.
fn unreadable(err: impl std::error::Error + Send + Sync + 'static) -> DatabaseError {
    failed("read a seal as it was written")(sqlx::Error::Decode(Box::new(err)))
}

pub(super) fn seal_of(row: serde_json::Value) -> Result<Seal, DatabaseError> {
    serde_json::from_value(row).map_err(unreadable)
}

pub(super) fn ends_of(rows: Vec<EndRow>) -> Result<Vec<SealedEnd>, DatabaseError> {
    rows.into_iter().map(end_of).collect()
}

fn end_of(row: EndRow) -> Result<SealedEnd, DatabaseError> {
    let EndRow { leaf, tenant, ledger_id, version, head } = row;
    let tenant = tenant.parse().map_err(unreadable)?;
    let head = head.try_into().map_err(unreadable)?;
    Ok(SealedEnd { leaf, tenant, ledger_id, version, head })
}

/// The ends of all ledgers in a seal, in order of their leaves.
pub(super) async fn ends_at(
    db: impl PgExecutor<'_>,
    number: i64,
) -> Result<Vec<SealedEnd>, DatabaseError> {
    let rows: Vec<EndRow> = sqlx::query_as(
        "select distinct on (leaf) leaf, tenant, ledger_id, version, head from ledger_seal_ends \
         where number <= $1 order by leaf, number desc",
    )
    .bind(number)
    .fetch_all(db)
    .await
    .map_err(failed("read the ends in a seal"))?;
    ends_of(rows)
}

/// The ends of some ledgers in a seal.
pub(super) async fn ends_of_ledgers(
    db: impl PgExecutor<'_>,
    ledgers: &[Uuid],
    number: i64,
) -> Result<Vec<SealedEnd>, DatabaseError> {
    let rows: Vec<EndRow> = sqlx::query_as(
        "select distinct on (ledger_id) leaf, tenant, ledger_id, version, head \
         from ledger_seal_ends where ledger_id = any($1) and number <= $2 \
         order by ledger_id, number desc",
    )
    .bind(ledgers)
    .bind(number)
    .fetch_all(db)
    .await
    .map_err(failed("read the ends of ledgers"))?;
    ends_of(rows)
}
