//! One statement per table and page.

use sqlx::PgConnection;

use super::{BalanceRow, EntryRow, HistoryRow};
use crate::{ApplyError, columns::column};

/// Inserts new balances and replaces older ones.
pub(super) async fn balances(db: &mut PgConnection, rows: &[BalanceRow]) -> Result<(), ApplyError> {
    sqlx::query(
        "insert into credit_balances as row (id, tenant, account_id, available, held, owed, spent, \
             messages, pass_ends_at, booked_at, head, created_position, position, version) \
         select * from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::bigint[], \
             $6::bigint[], $7::bigint[], $8::bigint[], $9::timestamptz[], $10::timestamptz[], \
             $11::text[], $12::bigint[], $13::bigint[], $14::bigint[]) \
         on conflict (id) do update set available = excluded.available, held = excluded.held, \
             owed = excluded.owed, spent = excluded.spent, messages = excluded.messages, \
             pass_ends_at = excluded.pass_ends_at, booked_at = excluded.booked_at, \
             head = excluded.head, position = excluded.position, version = excluded.version \
         where row.version < excluded.version",
    )
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.tenant.as_str()))
    .bind(column(rows, |row| row.account_id))
    .bind(column(rows, |row| row.available))
    .bind(column(rows, |row| row.held))
    .bind(column(rows, |row| row.owed))
    .bind(column(rows, |row| row.spent))
    .bind(column(rows, |row| row.messages))
    .bind(column(rows, |row| row.pass_ends_at))
    .bind(column(rows, |row| row.booked_at))
    .bind(column(rows, |row| row.head.as_str()))
    .bind(column(rows, |row| row.created_position))
    .bind(column(rows, |row| row.position))
    .bind(column(rows, |row| row.version))
    .execute(db)
    .await?;
    Ok(())
}

/// Adds facts to the history; it never changes.
pub(super) async fn history(db: &mut PgConnection, rows: &[HistoryRow]) -> Result<(), ApplyError> {
    sqlx::query(
        "insert into credit_history (ledger_id, version, tenant, position, kind, subject_id, \
             credits, available, messages, booked_at) \
         select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], \
             $6::uuid[], $7::bigint[], $8::bigint[], $9::bigint[], $10::timestamptz[]) \
         on conflict do nothing",
    )
    .bind(column(rows, |row| row.ledger_id))
    .bind(column(rows, |row| row.version))
    .bind(column(rows, |row| row.tenant.as_str()))
    .bind(column(rows, |row| row.position))
    .bind(column(rows, |row| row.kind.as_str()))
    .bind(column(rows, |row| row.subject_id))
    .bind(column(rows, |row| row.credits))
    .bind(column(rows, |row| row.available))
    .bind(column(rows, |row| row.messages))
    .bind(column(rows, |row| row.booked_at))
    .execute(db)
    .await?;
    Ok(())
}

/// Adds lines to the journal; it never changes.
pub(super) async fn entries(db: &mut PgConnection, rows: &[EntryRow]) -> Result<(), ApplyError> {
    sqlx::query(
        "insert into ledger_entries (ledger_id, entry, tenant, position, version, account, unit, \
             amount, grant_id, booked_at) \
         select * from unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[], \
             $6::text[], $7::text[], $8::bigint[], $9::uuid[], $10::timestamptz[]) \
         on conflict do nothing",
    )
    .bind(column(rows, |row| row.ledger_id))
    .bind(column(rows, |row| row.entry))
    .bind(column(rows, |row| row.tenant.as_str()))
    .bind(column(rows, |row| row.position))
    .bind(column(rows, |row| row.version))
    .bind(column(rows, |row| row.account.as_str()))
    .bind(column(rows, |row| row.unit.as_str()))
    .bind(column(rows, |row| row.amount))
    .bind(column(rows, |row| row.grant_id))
    .bind(column(rows, |row| row.booked_at))
    .execute(db)
    .await?;
    Ok(())
}
