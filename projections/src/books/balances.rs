//! What is on the accounts at an instant: whole days from the sums, the day at the edge line by line.

use chrono::{DateTime, NaiveTime, Utc};
use kontor_domain::{TenantId, credit_ledger::BookAccount};
use sqlx::{PgConnection, PgPool};

use super::{AccountBalance, AsOf};
use crate::QueryError;

/// The balances of all accounts that anything went over, by account and unit. In each unit debits and
/// credits are the same in sum.
///
/// # Errors
/// When the database fails.
pub async fn trial_balance(
    pool: &PgPool,
    tenant: &TenantId,
    as_of: AsOf,
) -> Result<Vec<AccountBalance>, QueryError> {
    account_balances(pool, tenant, &BookAccount::ALL, as_of).await
}

/// The balances of some accounts, by account and unit, in the order of the chart.
///
/// # Errors
/// When the database fails.
pub async fn account_balances(
    pool: &PgPool,
    tenant: &TenantId,
    accounts: &[BookAccount],
    as_of: AsOf,
) -> Result<Vec<AccountBalance>, QueryError> {
    let mut db = pool.acquire().await?;
    Ok(of(&mut db, tenant, accounts, as_of).await?)
}

pub(super) async fn of(
    db: &mut PgConnection,
    tenant: &TenantId,
    accounts: &[BookAccount],
    as_of: AsOf,
) -> Result<Vec<AccountBalance>, sqlx::Error> {
    let AsOf { effective_before, recorded_before } = as_of;
    let names: Vec<&str> = accounts.iter().map(|account| account.name()).collect();
    let mut balances: Vec<AccountBalance> = sqlx::query_as(
        "select account, unit, sum(debits)::text as debits, sum(credits)::text as credits from ( \
             select account, unit, debits, credits from book_days \
             where tenant = $1 and account = any($2) \
                 and effective_on < coalesce($3, 'infinity'::date) \
                 and recorded_on < coalesce($4, 'infinity'::date) \
             union all \
             select account, unit, greatest(amount::numeric, 0), greatest(-amount::numeric, 0) \
             from book_lines where tenant = $1 and account = any($2) \
                 and effective_at >= $5 and effective_at < $6 \
                 and recorded_at < coalesce($8, 'infinity'::timestamptz) \
             union all \
             select account, unit, greatest(amount::numeric, 0), greatest(-amount::numeric, 0) \
             from book_lines where tenant = $1 and account = any($2) \
                 and recorded_at >= $7 and recorded_at < $8 \
                 and effective_at < coalesce($5, 'infinity'::timestamptz) \
         ) as parts group by account, unit",
    )
    .bind(tenant.as_str())
    .bind(names)
    .bind(effective_before.map(|at| at.date_naive()))
    .bind(recorded_before.map(|at| at.date_naive()))
    .bind(effective_before.map(day_begins))
    .bind(effective_before)
    .bind(recorded_before.map(day_begins))
    .bind(recorded_before)
    .fetch_all(db)
    .await?;
    balances.sort_unstable_by_key(|row| (row.account, row.unit));
    Ok(balances)
}

/// The first instant of a day of UTC.
fn day_begins(at: DateTime<Utc>) -> DateTime<Utc> {
    at.date_naive().and_time(NaiveTime::MIN).and_utc()
}
