//! Single streams, events and conversations, for those who ask why something is so.
//!
//! The log has no index by event id, command or correlation: each would cost every append for the
//! sake of a rare question. A time-ordered id tells when it was made, recorded times grow with the
//! positions, so a search by id is some forty probes of the primary key and a look at what was
//! written around then. Who asks often builds the index of correlations ([`index`]).

pub mod index;
mod search;
mod selected;

use kontor_commands::{CommandId, Receipt};
use kontor_domain::{Recorded, TenantId};
use sqlx::PgPool;
use uuid::Uuid;

pub use self::{
    search::{Conversation, Scope, Searched, conversation, event, events_of_command},
    selected::{StreamFilter, selected, versions_down, versions_up},
};
use crate::{
    DatabaseError,
    error::failed,
    limits::PAGE_EVENTS_MAX,
    log::{receipt, recorded, tenant},
};

/// The most receipts of one command id: ids are made once, and tenants that share one are rare.
const RECEIPTS_MAX: i64 = 20;

/// A stretch of a stream, whatever its tenant: `$1` stream, `$2` version, `$3` rows.
const STREAM: &str = "
    select position, tenant, stream_type, stream_id, version, event_id, event_type, schema_version,
           payload::text, metadata, occurred_at, recorded_at
    from events
    where stream_id = $1 and version > $2
    order by version
    limit $3";

/// The next events of a stream after a version as they are stored, at most [`PAGE_EVENTS_MAX`].
///
/// # Errors
/// When the database cannot be read.
pub async fn stream(
    pool: &PgPool,
    stream_id: Uuid,
    after_version: i64,
    limit: u32,
) -> Result<Vec<Recorded>, DatabaseError> {
    sqlx::query(STREAM)
        .bind(stream_id)
        .bind(after_version)
        .bind(i64::from(limit.clamp(1, PAGE_EVENTS_MAX)))
        .fetch_all(pool)
        .await
        .and_then(|rows| rows.iter().map(recorded).collect())
        .map_err(failed("read a page of the stream"))
}

/// The next events of a tenant's aggregates of one type as they are stored, in the order of the log,
/// at most [`PAGE_EVENTS_MAX`].
///
/// # Errors
/// When the database cannot be read.
pub async fn aggregates(
    pool: &PgPool,
    (tenant, stream_type): (&TenantId, &str),
    after: i64,
    limit: u32,
) -> Result<Vec<Recorded>, DatabaseError> {
    sqlx::query(
        "select position, tenant, stream_type, stream_id, version, event_id, event_type,
                schema_version, payload::text, metadata, occurred_at, recorded_at
         from events
         where position > $1 and tenant = $2 and stream_type = $3
         order by position
         limit $4",
    )
    .bind(after)
    .bind(tenant.as_str())
    .bind(stream_type)
    .bind(i64::from(limit.clamp(1, PAGE_EVENTS_MAX)))
    .fetch_all(pool)
    .await
    .and_then(|rows| rows.iter().map(recorded).collect())
    .map_err(failed("read a page of the log"))
}

/// The event at a position as it is stored.
///
/// # Errors
/// When the database cannot be read.
pub async fn at(pool: &PgPool, position: i64) -> Result<Option<Recorded>, DatabaseError> {
    sqlx::query(
        "select position, tenant, stream_type, stream_id, version, event_id, event_type,
                schema_version, payload::text, metadata, occurred_at, recorded_at
         from events where position = $1",
    )
    .bind(position)
    .fetch_optional(pool)
    .await
    .and_then(|row| row.as_ref().map(recorded).transpose())
    .map_err(failed("read an event"))
}

/// The receipts of a command id with their tenants; empty when it was never decided on, or longer
/// ago than receipts are kept.
///
/// # Errors
/// When the database cannot be read.
pub async fn receipts(
    pool: &PgPool,
    command_id: CommandId,
) -> Result<Vec<(TenantId, Receipt)>, DatabaseError> {
    sqlx::query(
        "select fingerprint, stream_type, stream_id, version, first_position, last_position,
                refusal::text, recorded_at, tenant
         from receipts where command_id = $1 order by tenant limit $2",
    )
    .bind(command_id)
    .bind(RECEIPTS_MAX)
    .fetch_all(pool)
    .await
    .and_then(|rows| {
        rows.iter()
            .map(|row| Ok((tenant(sqlx::Row::try_get(row, 8)?)?, receipt(command_id, row)?)))
            .collect()
    })
    .map_err(failed("read the receipts of a command"))
}
