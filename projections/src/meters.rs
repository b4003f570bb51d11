//! The directory of meters: their particulars and what they showed last.

mod apply;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use kontor_domain::{
    Quantity, TenantId,
    meter::{MeterKind, Zone},
};
use sqlx::{FromRow, PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use crate::{
    Page, PageRequest, QueryError,
    columns::{named, small, zones},
    paging::List,
};

/// The projection behind this directory; its follower is called `meters`.
#[derive(Clone, Copy, Debug)]
pub struct Meters;

/// The most meters that [`of_account`] returns: a household has a handful, a block of flats a few
/// dozen; longer lists are paged with [`list`].
pub const ACCOUNT_METERS_MAX: i64 = 200;

/// A meter as pages and replies see it.
#[derive(Clone, Debug, PartialEq)]
pub struct MeterRow {
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its id.
    pub id: Uuid,
    /// The account that it counts for.
    pub account_id: Uuid,
    /// What it counts.
    pub kind: MeterKind,
    /// How many tariff zones it shows.
    pub zones: u8,
    /// Digits before the decimal point.
    pub digits: u8,
    /// The number on its case.
    pub serial_number: String,
    /// Where it hangs.
    pub place: String,
    /// The last day on which its verification is valid.
    pub verification_due_on: Option<NaiveDate>,
    /// The tenant's local day on which it was put into service.
    pub registered_on: NaiveDate,
    /// Why and when it was taken out of service.
    pub archived: Option<Archival>,
    /// What each zone showed last; at registration until the first reading.
    pub last_values: BTreeMap<Zone, Quantity>,
    /// The day of the last reading; none until the first.
    pub last_taken_on: Option<NaiveDate>,
    /// The last reading; none until the first.
    pub last_reading_id: Option<Uuid>,
    /// The position of the event that registered it; lists are in this order.
    pub created_position: i64,
    /// The position of the last event in the row.
    pub position: i64,
    /// The aggregate's version after that event.
    pub version: i64,
}

/// That a meter was taken out of service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Archival {
    /// When.
    pub at: DateTime<Utc>,
    /// Why, in the sender's words; may be empty.
    pub reason: String,
}

/// Which meters of a tenant are wanted; all when empty.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct MeterFilter {
    /// Those of one account.
    pub account_id: Option<Uuid>,
    /// Those in service (`false`) or out of service (`true`).
    pub archived: Option<bool>,
}

macro_rules! select_meters {
    ($rest:literal) => {
        concat!(
            "select tenant, id, account_id, kind, zones, digits, serial_number, place, \
             verification_due_on, registered_on, archived_at, archived_reason, last_t1_milli, \
             last_t2_milli, last_t3_milli, last_taken_on, last_reading_id, created_position, \
             position, version from meter_directory ",
            $rest
        )
    };
}

use select_meters;

/// The meter of that id, when it belongs to the tenant.
///
/// # Errors
/// When the database fails.
pub async fn find(
    pool: &PgPool,
    tenant: &TenantId,
    id: Uuid,
) -> Result<Option<MeterRow>, QueryError> {
    let row = sqlx::query_as(select_meters!("where id = $1 and tenant = $2"))
        .bind(id)
        .bind(tenant.as_str());
    Ok(row.fetch_optional(pool).await?)
}

/// The meters of an account in the order of registration, archived ones too, at most
/// [`ACCOUNT_METERS_MAX`].
///
/// # Errors
/// When the database fails.
pub async fn of_account(
    pool: &PgPool,
    tenant: &TenantId,
    account_id: Uuid,
) -> Result<Vec<MeterRow>, QueryError> {
    let rows = sqlx::query_as(select_meters!(
        "where tenant = $1 and account_id = $2 order by created_position limit $3"
    ))
    .bind(tenant.as_str())
    .bind(account_id)
    .bind(ACCOUNT_METERS_MAX);
    Ok(rows.fetch_all(pool).await?)
}

/// The meters of an account that were registered after a position: id and position of registration,
/// in this order, a page at a time. Begin at 0; an empty page is the end.
///
/// # Errors
/// When the database fails.
pub async fn ids_of_account(
    pool: &PgPool,
    tenant: &TenantId,
    account_id: Uuid,
    after_position: i64,
) -> Result<Vec<(Uuid, i64)>, QueryError> {
    let rows = sqlx::query_as(
        "select id, created_position from meter_directory \
         where tenant = $1 and account_id = $2 and created_position > $3 \
         order by created_position limit $4",
    )
    .bind(tenant.as_str())
    .bind(account_id)
    .bind(after_position)
    .bind(ACCOUNT_METERS_MAX);
    Ok(rows.fetch_all(pool).await?)
}

/// The tenant's meters in the order of registration.
///
/// # Errors
/// When the cursor belongs to another list or the database fails.
pub async fn list(
    pool: &PgPool,
    tenant: &TenantId,
    filter: &MeterFilter,
    page: &PageRequest,
) -> Result<Page<MeterRow>, QueryError> {
    let rows = sqlx::query_as(select_meters!(
        "where tenant = $1 and created_position > $2 \
         and ($3::uuid is null or account_id = $3) \
         and ($4::boolean is null or (archived_at is not null) = $4) \
         order by created_position limit $5"
    ))
    .bind(tenant.as_str())
    .bind(page.key(List::Meters, 0)?)
    .bind(filter.account_id)
    .bind(filter.archived)
    .bind(page.rows_to_read())
    .fetch_all(pool)
    .await?;
    Ok(page.cut(List::Meters, rows, |row: &MeterRow| row.created_position))
}

impl FromRow<'_, PgRow> for MeterRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let archived_at: Option<DateTime<Utc>> = row.try_get("archived_at")?;
        let reason: Option<String> = row.try_get("archived_reason")?;
        Ok(Self {
            tenant: named(row, "tenant")?,
            id: row.try_get("id")?,
            account_id: row.try_get("account_id")?,
            kind: named(row, "kind")?,
            zones: small(row, "zones")?,
            digits: small(row, "digits")?,
            serial_number: row.try_get("serial_number")?,
            place: row.try_get("place")?,
            verification_due_on: row.try_get("verification_due_on")?,
            registered_on: row.try_get("registered_on")?,
            archived: archived_at.map(|at| Archival { at, reason: reason.unwrap_or_default() }),
            last_values: zones(row, ["last_t1_milli", "last_t2_milli", "last_t3_milli"])?,
            last_taken_on: row.try_get("last_taken_on")?,
            last_reading_id: row.try_get("last_reading_id")?,
            created_position: row.try_get("created_position")?,
            position: row.try_get("position")?,
            version: row.try_get("version")?,
        })
    }
}
