//! Some events of a stream: of a type, of a time, or with an id.

use chrono::{DateTime, Utc};
use kontor_domain::Recorded;
use sqlx::{
    AssertSqlSafe, PgPool, Postgres,
    postgres::PgArguments,
    query::{Query, QueryScalar},
};
use uuid::Uuid;

use crate::{DatabaseError, error::failed, limits::PAGE_EVENTS_MAX, log::recorded, matching::like};

/// Which events of a stream are wanted; by default all.
#[derive(Clone, Debug, Default)]
pub struct StreamFilter {
    /// Of this type; `meter.*` takes all that begin so.
    pub event_type: Option<String>,
    /// Recorded from this instant on.
    pub from: Option<DateTime<Utc>>,
    /// Recorded before this instant.
    pub until: Option<DateTime<Utc>>,
    /// With this id: the event's own, or of its command, its conversation or its cause.
    pub about: Option<Uuid>,
}

/// `$1` stream, `$2` to `$5` the filter.
const WANTED: &str = "stream_id = $1
    and ($2::text is null or event_type like $2)
    and ($3::timestamptz is null or recorded_at >= $3)
    and ($4::timestamptz is null or recorded_at < $4)
    and ($5::text is null or event_id::text = $5
        or $5 in (metadata ->> 'command_id', metadata ->> 'correlation_id',
            metadata ->> 'causation_id'))";

/// The versions of the wanted events, from a version on downwards, at most [`PAGE_EVENTS_MAX`].
///
/// # Errors
/// When the database cannot be read.
pub async fn versions_down(
    pool: &PgPool,
    stream_id: Uuid,
    filter: &StreamFilter,
    (from, limit): (i64, u32),
) -> Result<Vec<i64>, DatabaseError> {
    versions(pool, (stream_id, filter), "version <= $6 order by version desc", (from, limit)).await
}

/// The versions of the wanted events behind a version, upwards, at most [`PAGE_EVENTS_MAX`].
///
/// # Errors
/// When the database cannot be read.
pub async fn versions_up(
    pool: &PgPool,
    stream_id: Uuid,
    filter: &StreamFilter,
    (after, limit): (i64, u32),
) -> Result<Vec<i64>, DatabaseError> {
    versions(pool, (stream_id, filter), "version > $6 order by version", (after, limit)).await
}

async fn versions(
    pool: &PgPool,
    (stream_id, filter): (Uuid, &StreamFilter),
    place: &'static str,
    (from, limit): (i64, u32),
) -> Result<Vec<i64>, DatabaseError> {
    let text = format!("select version from events where {WANTED} and {place} limit $7");
    // The text is put together from constants.
    let query: QueryScalar<'_, Postgres, i64, PgArguments> =
        sqlx::query_scalar(AssertSqlSafe(text));
    query
        .bind(stream_id)
        .bind(filter.event_type.as_deref().map(like))
        .bind(filter.from)
        .bind(filter.until)
        .bind(filter.about.map(|about| about.to_string()))
        .bind(from)
        .bind(i64::from(limit.clamp(1, PAGE_EVENTS_MAX)))
        .fetch_all(pool)
        .await
        .map_err(failed("select events of the stream"))
}

/// The next wanted events behind a version as they are stored, at most [`PAGE_EVENTS_MAX`].
///
/// # Errors
/// When the database cannot be read.
pub async fn selected(
    pool: &PgPool,
    stream_id: Uuid,
    filter: &StreamFilter,
    (after, limit): (i64, u32),
) -> Result<Vec<Recorded>, DatabaseError> {
    let text = format!(
        "select position, tenant, stream_type, stream_id, version, event_id, event_type,
                schema_version, payload::text, metadata, occurred_at, recorded_at
         from events where {WANTED} and version > $6 order by version limit $7"
    );
    let query: Query<'_, Postgres, PgArguments> = sqlx::query(AssertSqlSafe(text));
    query
        .bind(stream_id)
        .bind(filter.event_type.as_deref().map(like))
        .bind(filter.from)
        .bind(filter.until)
        .bind(filter.about.map(|about| about.to_string()))
        .bind(after)
        .bind(i64::from(limit.clamp(1, PAGE_EVENTS_MAX)))
        .fetch_all(pool)
        .await
        .and_then(|rows| rows.iter().map(recorded).collect())
        .map_err(failed("read some events of the stream"))
}
