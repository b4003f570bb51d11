//! The months of a tenant's books: which are closed, with what report, and what a close would say now.

mod apply;
mod checks;
mod draft;
mod late;

use chrono::{DateTime, Utc};
use kontor_domain::{
    TenantId,
    accounting_period::{Closed, ClosedBounds, Month, ReopenReason},
};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, PgExecutor, PgPool, Row, postgres::PgRow};

pub use self::{
    draft::{Draft, draft, next_month},
    late::{LateScope, late_lines, placed},
};
use crate::{
    QueryError,
    columns::{json, named},
};

/// The projection behind this table; its follower is called `periods`.
#[derive(Clone, Copy, Debug)]
pub struct Periods;

/// The most closes that are read at once: those of a hundred years, with some opened again.
const ROWS_MAX: i64 = 2_000;

/// How a close stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodState {
    /// The month is closed.
    Closed,
    /// It is closed, and somebody asked to open it again.
    ReopenRequested,
    /// It was opened again; this close counts no more.
    Reopened,
}

impl PeriodState {
    /// Its name in addresses and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::ReopenRequested => "reopen_requested",
            Self::Reopened => "reopened",
        }
    }
}

/// Who wants a month open again, and why.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ReopenStep {
    /// Who: the name of their key.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: ReopenReason,
    /// Where more is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// One close of a month.
#[derive(Clone, Debug, PartialEq)]
pub struct PeriodRow {
    /// The position of the event that closed it.
    pub place: i64,
    /// The month.
    pub month: Month,
    /// How it stands.
    pub state: PeriodState,
    /// The event.
    pub closed: Closed,
    /// When it was closed.
    pub closed_at: DateTime<Utc>,
    /// Who asked to open it again.
    pub request: Option<ReopenStep>,
    /// Who agreed to that.
    pub approval: Option<ReopenStep>,
}

impl PeriodRow {
    /// Whether the month is closed by it.
    pub fn counts(&self) -> bool {
        self.state != PeriodState::Reopened
    }
}

/// All closes of a tenant, the latest month first; of one month the last one first.
///
/// # Errors
/// When the database fails.
pub async fn list(pool: &PgPool, tenant: &TenantId) -> Result<Vec<PeriodRow>, QueryError> {
    let rows = sqlx::query_as(
        "select * from period_closes where tenant = $1 order by month desc, revision desc limit $2",
    )
    .bind(tenant.as_str())
    .bind(ROWS_MAX);
    Ok(rows.fetch_all(pool).await?)
}

/// The closes of one month, the last one first.
///
/// # Errors
/// When the database fails.
pub async fn of_month(
    pool: &PgPool,
    tenant: &TenantId,
    month: Month,
) -> Result<Vec<PeriodRow>, QueryError> {
    let rows = sqlx::query_as(
        "select * from period_closes where tenant = $1 and month = $2 order by revision desc limit $3",
    )
    .bind(tenant.as_str())
    .bind(month.to_string())
    .bind(ROWS_MAX);
    Ok(rows.fetch_all(pool).await?)
}

/// The last closed month of a tenant; none when nothing is closed.
///
/// # Errors
/// When the database fails.
pub async fn last(pool: &PgPool, tenant: &TenantId) -> Result<Option<PeriodRow>, QueryError> {
    Ok(last_of(pool, tenant).await?)
}

async fn last_of(
    db: impl PgExecutor<'_>,
    tenant: &TenantId,
) -> Result<Option<PeriodRow>, sqlx::Error> {
    sqlx::query_as(
        "select * from period_closes where tenant = $1 and state <> 'reopened' \
         order by month desc limit 1",
    )
    .bind(tenant.as_str())
    .fetch_optional(db)
    .await
}

/// The closed months in their order, as far as placing bookings is concerned.
///
/// # Errors
/// When the database fails.
pub async fn closed_bounds(
    pool: &PgPool,
    tenant: &TenantId,
) -> Result<Vec<ClosedBounds>, QueryError> {
    let rows = sqlx::query(
        "select month, ends_at, position from period_closes \
         where tenant = $1 and state <> 'reopened' order by month limit $2",
    )
    .bind(tenant.as_str())
    .bind(ROWS_MAX)
    .fetch_all(pool)
    .await?;
    let bounds = |row: &PgRow| -> Result<ClosedBounds, sqlx::Error> {
        Ok(ClosedBounds {
            month: named(row, "month")?,
            ends_at: row.try_get("ends_at")?,
            position: row.try_get("position")?,
        })
    };
    Ok(rows.iter().map(bounds).collect::<Result<_, _>>()?)
}

/// Reads a value from JSON that may be absent.
fn step(row: &PgRow, column: &str) -> Result<Option<ReopenStep>, sqlx::Error> {
    let value: Option<serde_json::Value> = row.try_get(column)?;
    value.map(|_| json(row, column)).transpose()
}

impl FromRow<'_, PgRow> for PeriodRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            place: row.try_get("place")?,
            month: named(row, "month")?,
            state: named(row, "state")?,
            closed: json(row, "closed")?,
            closed_at: row.try_get("closed_at")?,
            request: step(row, "request")?,
            approval: step(row, "approval")?,
        })
    }
}
