//! The followers without generations, for lists: reactors, policies, and whoever writes into a queue.

use serde::Serialize;
use sqlx::{FromRow, PgPool};

use crate::{DatabaseError, error::failed};

/// The most that [`list_others`] returns; there are a few for each name.
const LIST_MAX: i64 = 1_000;

/// A version of a follower without generations.
#[derive(Clone, Debug, FromRow, PartialEq, Serialize)]
pub struct OtherFollower {
    /// Its name.
    pub name: String,
    /// The version of its code.
    pub version: i32,
    /// `acts`; `remembers`: a policy that has not passed its mark; `gives_way`: a reactor that another
    /// version asked to; `replaced`.
    pub standing: String,
    /// What it does, in the runtime's words.
    pub doing: String,
    /// The position up to which it has seen everything.
    pub position: i64,
    /// How many positions it has yet to pass.
    pub behind: i64,
    /// How many of its events are parked.
    pub parked: i64,
    /// Whether an operator paused it.
    pub paused: bool,
    /// What went wrong last, when it has not recovered.
    pub last_error: Option<String>,
    /// Since when it has not been heard of.
    pub heartbeat_age_seconds: Option<f64>,
}

/// The followers without generations, of one name or all, by name and version.
///
/// # Errors
/// When the database fails.
pub async fn list_others(
    pool: &PgPool,
    name: Option<&str>,
) -> Result<Vec<OtherFollower>, DatabaseError> {
    sqlx::query_as(
        "with head as (select coalesce(max(position), 0) as position from events)
         select c.name, c.version, c.state as doing, c.position, c.last_error,
                case
                    when c.state = 'superseded' then 'replaced'
                    when c.superseded_by is not null then 'gives_way'
                    when p.name is null then 'acts'
                    when exists (select from policies n where n.name = p.name
                        and n.version > p.version and n.live_at is not null) then 'replaced'
                    when p.live_at is null then 'remembers'
                    else 'acts'
                end as standing,
                greatest(head.position - c.position, 0) as behind,
                (select count(*) from dead_letters d where d.name = c.name
                     and d.version = c.version and d.state <> 'skipped') as parked,
                exists (select from follower_pauses f where f.name = c.name
                     and f.version in (0, c.version)) as paused,
                extract(epoch from clock_timestamp() - c.heartbeat_at)::float8
                    as heartbeat_age_seconds
         from checkpoints c
         cross join head
         left join policies p on p.name = c.name and p.version = c.version
         where c.segment = 0 and ($1::text is null or c.name = $1)
             and not exists (select from projection_generations g where g.name = c.name)
         order by c.name, c.version limit $2",
    )
    .bind(name)
    .bind(LIST_MAX)
    .fetch_all(pool)
    .await
    .map_err(failed("list the followers"))
}
