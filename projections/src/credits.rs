//! Credits: what each customer has, what became of it, and the journal behind both.

mod apply;
mod usage;
mod write;

use chrono::{DateTime, Utc};
use kontor_domain::TenantId;
use sqlx::{FromRow, PgPool, Row, postgres::PgRow};
use uuid::Uuid;

pub use self::usage::{Intake, Usage, bought_since, intake, usage};
use crate::{Page, PageRequest, QueryError, columns::named, paging::List};

/// The projection behind these tables; its follower is called `credits`. The three of them come from
/// the same events and move together, so that a balance never disagrees with its journal.
#[derive(Clone, Copy, Debug)]
pub struct Credits;

/// What a customer has.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BalanceRow {
    /// The ledger.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The account it is kept for.
    pub account_id: Uuid,
    /// Credits on the customer's accounts. What has run out counts until that is booked; what cannot
    /// be used because its payment is disputed counts too.
    pub available: i64,
    /// Credits that wait for a delivery.
    pub held: i64,
    /// Credits that are owed.
    pub owed: i64,
    /// Credits that were spent and not given back.
    pub spent: i64,
    /// Messages that were sent, for credits and under passes.
    pub messages: i64,
    /// When the last pass ends; none without one.
    pub pass_ends_at: Option<DateTime<Utc>>,
    /// When the last event was booked.
    pub booked_at: DateTime<Utc>,
    /// The last hash of the ledger's chain.
    pub head: String,
    /// The position of the event that opened it.
    pub created_position: i64,
    /// The position of the last event in the row.
    pub position: i64,
    /// The ledger's version after that event.
    pub version: i64,
}

/// One fact of a ledger as its customer sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HistoryRow {
    /// The ledger.
    pub ledger_id: Uuid,
    /// The version of the fact; the history is in this order.
    pub version: i64,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its position in the log.
    pub position: i64,
    /// The event without its aggregate, such as `spent`.
    pub kind: String,
    /// The grant, pass, spend, hold, refund, reversal or dispute; none for the ledger as a whole.
    pub subject_id: Option<Uuid>,
    /// How many credits the customer has more, or less, by it.
    pub credits: i64,
    /// How many after it.
    pub available: i64,
    /// How many messages were sent by it.
    pub messages: i64,
    /// When it was booked.
    pub booked_at: DateTime<Utc>,
}

/// One line of the journal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EntryRow {
    /// The ledger.
    pub ledger_id: Uuid,
    /// Its place in the journal: [`LINES_MAX`] times the version of its booking, and its line.
    pub entry: i64,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The position of the booking in the log.
    pub position: i64,
    /// The version of the booking.
    pub version: i64,
    /// The account of the books, such as `equity:consumed`.
    pub account: String,
    /// `CR`, `MSG` or the code of a currency.
    pub unit: String,
    /// Debits are positive, in whole credits, messages or minor units.
    pub amount: i64,
    /// The grant or pass, where the account is divided by them.
    pub grant_id: Option<Uuid>,
    /// When it was booked.
    pub booked_at: DateTime<Utc>,
}

/// How many lines a booking may have. The largest is a capture: a hundred slices that are spent, as
/// many that are given back, each with two lines, and a few totals.
pub const LINES_MAX: i64 = 1000;

macro_rules! select_balances {
    ($rest:literal) => {
        concat!(
            "select id, tenant, account_id, available, held, owed, spent, messages, pass_ends_at, \
             booked_at, head, created_position, position, version from credit_balances ",
            $rest
        )
    };
}

use select_balances;

/// The ledger of that id, when it belongs to the tenant.
///
/// # Errors
/// When the database fails.
pub async fn find(
    pool: &PgPool,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<BalanceRow>, QueryError> {
    let row = sqlx::query_as(select_balances!("where id = $1 and tenant = $2"))
        .bind(id)
        .bind(tenant.as_str());
    Ok(row.fetch_optional(pool).await?)
}

/// A ledger's facts, newest first, when the ledger belongs to the tenant.
///
/// # Errors
/// When the cursor belongs to another list or the database fails.
pub async fn history(
    pool: &PgPool,
    tenant: &TenantId,
    ledger_id: Uuid,
    page: &PageRequest,
) -> Result<Page<HistoryRow>, QueryError> {
    let rows = sqlx::query_as(
        "select ledger_id, version, tenant, position, kind, subject_id, credits, available, \
         messages, booked_at from credit_history \
         where ledger_id = $1 and tenant = $2 and version < $3 order by version desc limit $4",
    )
    .bind(ledger_id)
    .bind(tenant.as_str())
    .bind(page.key(List::CreditHistory, i64::MAX)?)
    .bind(page.rows_to_read())
    .fetch_all(pool)
    .await?;
    Ok(page.cut(List::CreditHistory, rows, |row: &HistoryRow| row.version))
}

/// A ledger's journal from its beginning, when the ledger belongs to the tenant.
///
/// # Errors
/// When the cursor belongs to another list or the database fails.
pub async fn entries(
    pool: &PgPool,
    tenant: &TenantId,
    ledger_id: Uuid,
    page: &PageRequest,
) -> Result<Page<EntryRow>, QueryError> {
    let rows = sqlx::query_as(
        "select ledger_id, entry, tenant, position, version, account, unit, amount, grant_id, \
         booked_at from ledger_entries \
         where ledger_id = $1 and tenant = $2 and entry > $3 order by entry limit $4",
    )
    .bind(ledger_id)
    .bind(tenant.as_str())
    .bind(page.key(List::LedgerEntries, 0)?)
    .bind(page.rows_to_read())
    .fetch_all(pool)
    .await?;
    Ok(page.cut(List::LedgerEntries, rows, |row: &EntryRow| row.entry))
}

impl FromRow<'_, PgRow> for BalanceRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            tenant: named(row, "tenant")?,
            account_id: row.try_get("account_id")?,
            available: row.try_get("available")?,
            held: row.try_get("held")?,
            owed: row.try_get("owed")?,
            spent: row.try_get("spent")?,
            messages: row.try_get("messages")?,
            pass_ends_at: row.try_get("pass_ends_at")?,
            booked_at: row.try_get("booked_at")?,
            head: row.try_get("head")?,
            created_position: row.try_get("created_position")?,
            position: row.try_get("position")?,
            version: row.try_get("version")?,
        })
    }
}

impl FromRow<'_, PgRow> for HistoryRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            ledger_id: row.try_get("ledger_id")?,
            version: row.try_get("version")?,
            tenant: named(row, "tenant")?,
            position: row.try_get("position")?,
            kind: row.try_get("kind")?,
            subject_id: row.try_get("subject_id")?,
            credits: row.try_get("credits")?,
            available: row.try_get("available")?,
            messages: row.try_get("messages")?,
            booked_at: row.try_get("booked_at")?,
        })
    }
}

impl FromRow<'_, PgRow> for EntryRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            ledger_id: row.try_get("ledger_id")?,
            entry: row.try_get("entry")?,
            tenant: named(row, "tenant")?,
            position: row.try_get("position")?,
            version: row.try_get("version")?,
            account: row.try_get("account")?,
            unit: row.try_get("unit")?,
            amount: row.try_get("amount")?,
            grant_id: row.try_get("grant_id")?,
            booked_at: row.try_get("booked_at")?,
        })
    }
}
