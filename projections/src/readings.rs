//! The history of readings: what each meter showed, when, and what was consumed in between.

mod apply;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use kontor_domain::{
    Quantity, TenantId,
    meter::{PhotoReference, ReadingSource, ReadingWarning, Zone},
};
use sqlx::{FromRow, PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    Page, PageRequest, QueryError,
    columns::{json, named, named_list, zones},
    paging::List,
};

/// The projection behind this history; its follower is called `readings`.
#[derive(Clone, Copy, Debug)]
pub struct Readings;

/// The most months that [`by_period`] returns: ten years, more than a chart can show.
pub const PERIODS_MAX: u32 = 120;

/// An accepted reading by its newest correction.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingRow {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The meter that was read.
    pub meter_id: Uuid,
    /// The account that the meter counts for.
    pub account_id: Uuid,
    /// The reading's own id.
    pub reading_id: Uuid,
    /// The meter's version at the submission; the history is in this order.
    pub version: i64,
    /// The position of the submission.
    pub position: i64,
    /// The tenant's local day on which it was read.
    pub taken_on: NaiveDate,
    /// The month it counts for, as its first day.
    pub period: NaiveDate,
    /// What each zone showed.
    pub values: BTreeMap<Zone, Quantity>,
    /// What was consumed since the reading before, per zone.
    pub consumption: BTreeMap<Zone, Quantity>,
    /// What is usual over as many days, over all zones; none while too little is known.
    pub usual: Option<Quantity>,
    /// How it came in; for a corrected reading, how the correction did.
    pub source: ReadingSource,
    /// The sender confirmed an unusual value or a rollover.
    pub confirmed: bool,
    /// The zones whose counter passed its largest value.
    pub rolled_over: Vec<Zone>,
    /// What the tenant's staff should look at.
    pub warnings: Vec<ReadingWarning>,
    /// A photo of the meter.
    pub photo: Option<PhotoReference>,
    /// When it was submitted.
    pub submitted_at: DateTime<Utc>,
    /// How often it was corrected.
    pub corrections: i32,
    /// When and why it was corrected last.
    pub corrected: Option<Correction>,
    /// The meter's version after the last event in the row.
    pub changed_version: i64,
}

/// The last correction of a reading.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Correction {
    /// When.
    pub at: DateTime<Utc>,
    /// Why, in the sender's words; may be empty.
    pub reason: String,
}

impl ReadingRow {
    /// What was consumed over all zones.
    pub fn consumption_total(&self) -> Quantity {
        total(&self.consumption)
    }
}

/// What was consumed in one month.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PeriodTotal {
    /// The month, as its first day.
    pub period: NaiveDate,
    /// What was consumed per zone, over all readings of the month.
    pub consumption: BTreeMap<Zone, Quantity>,
    /// How many readings the month has.
    pub readings: i64,
}

impl PeriodTotal {
    /// What was consumed over all zones.
    pub fn consumption_total(&self) -> Quantity {
        total(&self.consumption)
    }
}

macro_rules! select_readings {
    ($rest:literal) => {
        concat!(
            "select tenant, meter_id, account_id, reading_id, version, position, taken_on, period, \
             value_t1_milli, value_t2_milli, value_t3_milli, consumption_t1_milli, \
             consumption_t2_milli, consumption_t3_milli, usual_milli, source, confirmed, \
             rolled_over, warnings, photo, submitted_at, corrections, corrected_at, \
             correction_reason, changed_version from reading_history ",
            $rest
        )
    };
}

use select_readings;

/// A meter's readings, newest first, when the meter belongs to the tenant.
///
/// # Errors
/// When the cursor belongs to another list or the database fails.
pub async fn history(
    pool: &PgPool,
    tenant: &TenantId,
    meter_id: Uuid,
    page: &PageRequest,
) -> Result<Page<ReadingRow>, QueryError> {
    let rows = sqlx::query_as(select_readings!(
        "where meter_id = $1 and tenant = $2 and version < $3 order by version desc limit $4"
    ))
    .bind(meter_id)
    .bind(tenant.as_str())
    .bind(page.key(List::Readings, i64::MAX)?)
    .bind(page.rows_to_read())
    .fetch_all(pool)
    .await?;
    Ok(page.cut(List::Readings, rows, |row: &ReadingRow| row.version))
}

/// One reading of a meter.
///
/// # Errors
/// When the database fails.
pub async fn find(
    pool: &PgPool,
    tenant: &TenantId,
    meter_id: Uuid,
    reading_id: Uuid,
) -> Result<Option<ReadingRow>, QueryError> {
    let row = sqlx::query_as(select_readings!(
        "where meter_id = $1 and tenant = $2 and reading_id = $3 order by version desc limit 1"
    ))
    .bind(meter_id)
    .bind(tenant.as_str())
    .bind(reading_id);
    Ok(row.fetch_optional(pool).await?)
}

/// What a meter consumed month by month, newest first; months without readings are absent.
/// `limit` is 1 to [`PERIODS_MAX`]; other numbers count as the nearest bound.
///
/// # Errors
/// When the database fails.
pub async fn by_period(
    pool: &PgPool,
    tenant: &TenantId,
    meter_id: Uuid,
    limit: u32,
) -> Result<Vec<PeriodTotal>, QueryError> {
    let rows = sqlx::query_as(
        "select period, sum(consumption_t1_milli)::bigint as consumption_t1_milli, \
             sum(consumption_t2_milli)::bigint as consumption_t2_milli, \
             sum(consumption_t3_milli)::bigint as consumption_t3_milli, count(*) as readings \
         from reading_history where meter_id = $1 and tenant = $2 \
         group by period order by period desc limit $3",
    )
    .bind(meter_id)
    .bind(tenant.as_str())
    .bind(i64::from(limit.clamp(1, PERIODS_MAX)));
    Ok(rows.fetch_all(pool).await?)
}

const CONSUMPTION: [&str; 3] =
    ["consumption_t1_milli", "consumption_t2_milli", "consumption_t3_milli"];

fn total(values: &BTreeMap<Zone, Quantity>) -> Quantity {
    Quantity(values.values().fold(0, |sum, value| sum.saturating_add(value.milli())))
}

impl FromRow<'_, PgRow> for PeriodTotal {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            period: row.try_get("period")?,
            consumption: zones(row, CONSUMPTION)?,
            readings: row.try_get("readings")?,
        })
    }
}

impl FromRow<'_, PgRow> for ReadingRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let corrected_at: Option<DateTime<Utc>> = row.try_get("corrected_at")?;
        let reason: Option<String> = row.try_get("correction_reason")?;
        let photo: Option<serde_json::Value> = row.try_get("photo")?;
        Ok(Self {
            tenant: named(row, "tenant")?,
            meter_id: row.try_get("meter_id")?,
            account_id: row.try_get("account_id")?,
            reading_id: row.try_get("reading_id")?,
            version: row.try_get("version")?,
            position: row.try_get("position")?,
            taken_on: row.try_get("taken_on")?,
            period: row.try_get("period")?,
            values: zones(row, ["value_t1_milli", "value_t2_milli", "value_t3_milli"])?,
            consumption: zones(row, CONSUMPTION)?,
            usual: row.try_get::<Option<i64>, _>("usual_milli")?.map(Quantity),
            source: named(row, "source")?,
            confirmed: row.try_get("confirmed")?,
            rolled_over: named_list(row, "rolled_over")?,
            warnings: named_list(row, "warnings")?,
            photo: photo.map(|_| json(row, "photo")).transpose()?,
            submitted_at: row.try_get("submitted_at")?,
            corrections: row.try_get("corrections")?,
            corrected: corrected_at.map(|at| Correction { at, reason: reason.unwrap_or_default() }),
            changed_version: row.try_get("changed_version")?,
        })
    }
}
