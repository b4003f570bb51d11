//! The directory of tenants: names, languages, time zones and rules.

mod apply;

use chrono::{DateTime, Utc};
use kontor_domain::{
    DisplayName, Language, TenantId,
    credit_ledger::CreditRules,
    meter::MeterRules,
    tenant::{ReadingReminders, TenantKind},
};
use sqlx::{FromRow, PgPool, Row, postgres::PgRow};

use crate::{
    Page, PageRequest, QueryError,
    columns::{json, named},
    paging::List,
};

/// The projection behind this directory; its follower is called `tenants`.
#[derive(Clone, Copy, Debug)]
pub struct Tenants;

/// A tenant as pages and replies see it.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantRow {
    /// The slug.
    pub id: TenantId,
    /// What it is called.
    pub name: DisplayName,
    /// Its line of business.
    pub kind: TenantKind,
    /// The language that replies start in.
    pub language: Language,
    /// The time zone in which its days and months begin and end.
    pub time_zone: chrono_tz::Tz,
    /// How readings are taken.
    pub meter_rules: MeterRules,
    /// How customers are reminded of readings.
    pub reading_reminders: ReadingReminders,
    /// How it deals with credits.
    pub credit_rules: CreditRules,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// The position of the event that opened it; lists are in this order.
    pub created_position: i64,
    /// The position of the last event in the row.
    pub position: i64,
    /// The aggregate's version after that event.
    pub version: i64,
}

macro_rules! select_tenants {
    ($rest:literal) => {
        concat!(
            "select id, name, kind, language, time_zone, meter_rules, reading_reminders, \
             credit_rules, created_at, created_position, position, version from tenant_directory ",
            $rest
        )
    };
}

use select_tenants;

/// The tenant of that slug.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &PgPool, id: &TenantId) -> Result<Option<TenantRow>, QueryError> {
    let row = sqlx::query_as(select_tenants!("where id = $1")).bind(id.as_str());
    Ok(row.fetch_optional(pool).await?)
}

/// All tenants in the order in which they were opened.
///
/// # Errors
/// When the cursor belongs to another list or the database fails.
pub async fn list(pool: &PgPool, page: &PageRequest) -> Result<Page<TenantRow>, QueryError> {
    let rows = sqlx::query_as(select_tenants!(
        "where created_position > $1 order by created_position limit $2"
    ))
    .bind(page.key(List::Tenants, 0)?)
    .bind(page.rows_to_read())
    .fetch_all(pool)
    .await?;
    Ok(page.cut(List::Tenants, rows, |row: &TenantRow| row.created_position))
}

impl FromRow<'_, PgRow> for TenantRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: named(row, "id")?,
            name: named(row, "name")?,
            kind: named(row, "kind")?,
            language: named(row, "language")?,
            time_zone: named(row, "time_zone")?,
            meter_rules: json(row, "meter_rules")?,
            reading_reminders: json(row, "reading_reminders")?,
            credit_rules: json(row, "credit_rules")?,
            created_at: row.try_get("created_at")?,
            created_position: row.try_get("created_position")?,
            position: row.try_get("position")?,
            version: row.try_get("version")?,
        })
    }
}
