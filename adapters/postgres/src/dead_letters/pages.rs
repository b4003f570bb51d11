//! Dead letters with their events, page by page.

use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use super::LIST_MAX;
use crate::{DatabaseError, error::failed, matching::like};

/// The most events that are named of those that wait behind one.
const WAITING_MAX: i64 = 20;

/// Which dead letters are wanted.
#[derive(Clone, Debug, Default)]
pub struct LetterFilter {
    /// Of this follower; of all when absent.
    pub name: Option<String>,
    /// Of this tenant; of all when absent.
    pub tenant: Option<String>,
    /// Those that were given up, each, instead of the head of each parked stream.
    pub skipped: bool,
    /// Of this kind of aggregate.
    pub aggregate: Option<String>,
    /// Of this type of event; `meter.*` takes all that begin so.
    pub event_type: Option<String>,
    /// Parked from this instant on.
    pub from: Option<DateTime<Utc>>,
    /// Parked before this instant.
    pub until: Option<DateTime<Utc>>,
    /// Of the stream with this id, or the event at this position.
    pub about: Option<String>,
}

/// The place of a letter in the order of [`page`].
#[derive(Clone, Debug, Eq, FromRow, PartialEq)]
pub struct LetterPlace {
    /// The follower.
    pub name: String,
    /// The version of its rows, or the number of its generation.
    pub version: i32,
    /// The stream.
    pub key: Uuid,
    /// The event's position.
    pub position: i64,
}

/// A parked event with what the log says of it.
#[derive(Clone, Debug, FromRow, PartialEq)]
pub struct Letter {
    /// Its place.
    #[sqlx(flatten)]
    pub place: LetterPlace,
    /// Failed attempts.
    pub attempts: i32,
    /// Why the last one failed.
    pub error: String,
    /// `parked`, `retry` or `skipped`.
    pub state: String,
    /// When it was parked.
    pub first_at: DateTime<Utc>,
    /// When it is tried again, unless the attempts are used up.
    pub next_at: DateTime<Utc>,
    /// How many later events of the stream wait behind it.
    pub waiting: i64,
    /// The tenant; absent when the event is not in the log, which `kontor verify` tells.
    pub tenant: Option<String>,
    /// The event's type.
    pub event_type: Option<String>,
    /// The event's version in its stream.
    pub event_version: Option<i64>,
}

/// Letters by follower, version, stream and position: `$1` skipped, `$2` follower, `$3` tenant,
/// `$4` to `$7` the place before, `$9` to `$13` what else is wanted.
const PAGE: &str = "
    select p.name, p.version, p.key, p.position, p.attempts, p.error, p.state, p.first_at,
           p.next_at, case when $1 then 0 else p.waiting end as waiting, e.tenant, e.event_type,
           e.version as event_version
    from (
        select *,
               row_number() over (partition by name, version, key order by position) as place,
               count(*) over (partition by name, version, key) - 1 as waiting
        from dead_letters
        where (state = 'skipped') = $1 and ($2::text is null or name = $2)
    ) p
    left join events e on e.position = p.position
    where (p.place = 1 or $1) and ($3::text is null or e.tenant = $3)
        and ($4::text is null or (p.name, p.version, p.key, p.position) > ($4, $5, $6, $7))
        and ($9::text is null or e.stream_type = $9)
        and ($10::text is null or e.event_type like $10)
        and ($11::timestamptz is null or p.first_at >= $11)
        and ($12::timestamptz is null or p.first_at < $12)
        and ($13::text is null or p.key::text = $13 or p.position::text = $13)
    order by p.name, p.version, p.key, p.position
    limit $8";

/// The next letters behind a place, at most [`LIST_MAX`].
///
/// # Errors
/// When the database fails.
pub async fn page(
    pool: &PgPool,
    filter: &LetterFilter,
    after: Option<&LetterPlace>,
    limit: u32,
) -> Result<Vec<Letter>, DatabaseError> {
    sqlx::query_as(PAGE)
        .bind(filter.skipped)
        .bind(&filter.name)
        .bind(&filter.tenant)
        .bind(after.map(|place| &place.name))
        .bind(after.map_or(0, |place| place.version))
        .bind(after.map_or(Uuid::nil(), |place| place.key))
        .bind(after.map_or(0, |place| place.position))
        .bind(i64::from(limit.clamp(1, LIST_MAX)))
        .bind(&filter.aggregate)
        .bind(filter.event_type.as_deref().map(like))
        .bind(filter.from)
        .bind(filter.until)
        .bind(filter.about.as_ref().map(|about| about.to_lowercase()))
        .fetch_all(pool)
        .await
        .map_err(failed("list the dead letters"))
}

/// One letter, whether it is at the head of its stream, waits, or was given up.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &PgPool, place: &LetterPlace) -> Result<Option<Letter>, DatabaseError> {
    sqlx::query_as(
        "select d.name, d.version, d.key, d.position, d.attempts, d.error, d.state, d.first_at,
                d.next_at, e.tenant, e.event_type, e.version as event_version,
                (select count(*) from dead_letters b
                 where b.name = d.name and b.version = d.version and b.key = d.key
                     and b.position > d.position and b.state <> 'skipped') as waiting
         from dead_letters d left join events e on e.position = d.position
         where d.name = $1 and d.version = $2 and d.key = $3 and d.position = $4",
    )
    .bind(&place.name)
    .bind(place.version)
    .bind(place.key)
    .bind(place.position)
    .fetch_optional(pool)
    .await
    .map_err(failed("find a dead letter"))
}

/// The first positions that wait behind a letter, with the types of their events.
///
/// # Errors
/// When the database fails.
pub async fn behind(
    pool: &PgPool,
    place: &LetterPlace,
) -> Result<Vec<(i64, Option<String>)>, DatabaseError> {
    sqlx::query_as(
        "select d.position, e.event_type
         from dead_letters d left join events e on e.position = d.position
         where d.name = $1 and d.version = $2 and d.key = $3 and d.position > $4
             and d.state <> 'skipped'
         order by d.position limit $5",
    )
    .bind(&place.name)
    .bind(place.version)
    .bind(place.key)
    .bind(place.position)
    .bind(WAITING_MAX)
    .fetch_all(pool)
    .await
    .map_err(failed("read what waits behind a dead letter"))
}
