//! How far the generations are: for the list, and for watching a build.

use sqlx::{FromRow, PgPool, Row, postgres::PgRow};

use super::Generation;
use crate::{DatabaseError, error::failed};

/// A generation and how far it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// The generation.
    pub generation: Generation,
    /// The position that all its segments have reached.
    pub position: i64,
    /// The sum of its segments' positions, each at most the head: what a rate is measured with.
    pub positions_sum: i64,
    /// The position of the log's last event.
    pub head: i64,
    /// How many of its events are parked.
    pub parked: i64,
    /// Whether an operator paused it.
    pub paused: bool,
    /// What its slowest segment is doing, in the runtime's words.
    pub state: Option<String>,
    /// What went wrong last, when it has not recovered.
    pub last_error: Option<String>,
    /// Since when the longest silent of its followers has not been heard of; none before the first
    /// start.
    pub heartbeat_age_seconds: Option<f64>,
}

impl Progress {
    /// How many positions it has yet to pass.
    pub fn behind(&self) -> i64 {
        (self.head - self.position).max(0)
    }
}

impl FromRow<'_, PgRow> for Progress {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            generation: Generation::from_row(row)?,
            position: row.try_get("position")?,
            positions_sum: row.try_get("positions_sum")?,
            head: row.try_get("head")?,
            parked: row.try_get("parked")?,
            paused: row.try_get("paused")?,
            state: row.try_get("doing")?,
            last_error: row.try_get("last_error")?,
            heartbeat_age_seconds: row.try_get("heartbeat_age_seconds")?,
        })
    }
}

/// The generations that have tables, of one projection or of all, and how far they are.
///
/// # Errors
/// When the database fails.
pub async fn progress(pool: &PgPool, name: Option<&str>) -> Result<Vec<Progress>, DatabaseError> {
    sqlx::query_as(
        "with head as (select coalesce(max(position), 0) as position from events)
         select g.name, g.generation, g.code_version, g.state, g.segments, g.auto_promote, g.tables,
                g.created_at, g.promoted_at, g.retired_at,
                coalesce(c.position, 0) as position, coalesce(c.positions_sum, 0) as positions_sum,
                head.position as head, c.doing, c.last_error,
                extract(epoch from clock_timestamp() - c.heartbeat_at)::float8
                    as heartbeat_age_seconds,
                (select count(*) from dead_letters d where d.name = g.name
                     and d.version = g.generation and d.state <> 'skipped') as parked,
                exists (select from follower_pauses p where p.name = g.name
                     and p.version in (0, g.generation)) as paused
         from projection_generations g
         cross join head
         left join lateral (
             select min(s.position) as position,
                    sum(least(s.position, head.position))::bigint as positions_sum,
                    (array_agg(s.state order by s.position, s.segment))[1] as doing,
                    max(s.last_error) as last_error,
                    -- A row that no follower has claimed yet has no epoch.
                    min(s.heartbeat_at) filter (where s.epoch > 0) as heartbeat_at
             from checkpoints s where s.name = g.name and s.version = g.generation
         ) c on true
         where g.state <> 'retired' and ($1::text is null or g.name = $1)
         order by g.name, g.generation",
    )
    .bind(name)
    .fetch_all(pool)
    .await
    .map_err(failed("look at the generations"))
}
