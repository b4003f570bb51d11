//! How far the followers are: for waiting until a read model shows a command's effect, and for the
//! pages and probes that watch them.

use std::time::Duration;

use sqlx::{FromRow, PgExecutor, PgPool};
use tokio::time::{Instant, sleep};

use crate::QueryError;

/// The first pause between two looks at a checkpoint; followers need a few milliseconds for a page.
const POLL_FIRST: Duration = Duration::from_millis(4);

/// The longest pause: short against a person's patience, long against the cost of one small query.
const POLL_MAX: Duration = Duration::from_millis(50);

/// The longest error text that leaves the database in a status; the rest is in the logs.
pub const ERROR_LENGTH_MAX: i32 = 500;

/// What a follower is for at a moment. Only a [`Duty::Live`] one has to keep up with the log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Duty {
    /// What it writes is read, or has its effect.
    Live,
    /// It fills a generation that nobody reads yet, from the beginning of the log.
    Building,
    /// It keeps a generation that was read before, so that it can be read again.
    Standby,
    /// An operator paused it.
    Paused,
}

impl Duty {
    /// Its word in figures and in what programs read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Building => "building",
            Self::Standby => "standby",
            Self::Paused => "paused",
        }
    }
}

/// How one follower stands.
#[derive(Clone, Debug, FromRow, PartialEq)]
pub struct FollowerLag {
    /// Its name, such as `readings`.
    pub name: String,
    /// The generation of its rows; of a follower without generations, the version of what it does.
    pub version: i32,
    /// `active`, `building` or `standby`, what a generation is for; none without generations.
    pub standing: Option<String>,
    /// In how many parts, by stream, it is followed side by side.
    pub segments: i64,
    /// Whether an operator paused it.
    pub paused: bool,
    /// The position up to which everything is applied.
    pub position: i64,
    /// The position of the log's last event.
    pub head: i64,
    /// How many events it has yet to pass.
    pub lag_events: i64,
    /// How long the next event has been waiting; 0 when there is none.
    pub lag_seconds: f64,
    /// Since when its process has not been heard of; none before its first start.
    pub heartbeat_age_seconds: Option<f64>,
    /// What it is doing, in the runtime's words; `missing` before its first start.
    pub state: String,
    /// What went wrong last, if it has not recovered; at most [`ERROR_LENGTH_MAX`] characters.
    pub last_error: Option<String>,
    /// How many events wait in its dead letters.
    pub parked: i64,
}

impl FollowerLag {
    /// What it is for. A pause is said first: nothing else matters until it ends.
    pub fn duty(&self) -> Duty {
        match self.standing.as_deref() {
            _ if self.paused => Duty::Paused,
            Some("building") => Duty::Building,
            Some("standby") => Duty::Standby,
            _ => Duty::Live,
        }
    }
}

/// The position of the log's last event; 0 while it is empty.
///
/// # Errors
/// When the database fails.
pub async fn head_position(pool: &PgPool) -> Result<i64, QueryError> {
    let head = sqlx::query_scalar("select coalesce(max(position), 0) from events");
    Ok(head.fetch_one(pool).await?)
}

/// The position that a follower has reached; 0 before its first start.
///
/// Of a read model the generation that is read counts; of several versions without generations the
/// one that is furthest; of several segments the one that is last.
///
/// # Errors
/// When the database fails.
pub async fn position(pool: &PgPool, name: &str) -> Result<i64, QueryError> {
    lowest_position(pool, &[name]).await
}

/// How all followers stand, by name: of read models the generation that is read, those that are being
/// built, and those that stand by. A read model of this build that never ran is fully behind.
///
/// # Errors
/// When the database fails.
pub async fn lag(pool: &PgPool) -> Result<Vec<FollowerLag>, QueryError> {
    let (names, versions): (Vec<&str>, Vec<i32>) =
        crate::all().iter().map(|projection| (projection.name(), projection.version())).unzip();
    let rows = sqlx::query_as(
        "with head as (select coalesce(max(position), 0) as position from events), \
         followers as ( \
             select c.name, c.version, g.state as standing, count(*) as segments, \
                 min(c.position) as position, \
                 min(c.heartbeat_at) as heartbeat_at, \
                 (array_agg(c.state order by c.position, c.segment))[1] as state, \
                 max(c.last_error) as last_error \
             from checkpoints as c \
             left join projection_generations as g \
                 on g.name = c.name and g.generation = c.version \
             where c.state <> 'superseded' \
                 and (g.name is null or g.state in ('active', 'building', 'standby')) \
             group by c.name, c.version, g.state \
             union all \
             select known.name, coalesce(g.generation, known.version), g.state, 1, 0, null, \
                 'missing', null \
             from unnest($1::text[], $2::integer[]) as known (name, version) \
             left join projection_generations as g \
                 on g.name = known.name and g.state = 'active' \
             where not exists (select from checkpoints as c where c.name = known.name \
                 and c.version = coalesce(g.generation, known.version)) \
         ) \
         select f.name, f.version, f.standing, f.segments, f.position, \
             head.position as head, \
             greatest(head.position - f.position, 0) as lag_events, \
             coalesce((select greatest(extract(epoch from clock_timestamp() - e.recorded_at), 0) \
                 from events as e where e.position = f.position + 1), 0)::float8 as lag_seconds, \
             case when f.heartbeat_at is not null then greatest(extract(epoch from \
                 clock_timestamp() - f.heartbeat_at), 0)::float8 end as heartbeat_age_seconds, \
             f.state, left(f.last_error, $3) as last_error, \
             (select count(*) from dead_letters as d where d.name = f.name \
                 and d.version = f.version and d.state = 'parked') as parked, \
             exists (select from follower_pauses as p where p.name = f.name \
                 and p.version in (0, f.version)) as paused \
         from followers as f, head order by f.name, f.version",
    )
    .bind(names)
    .bind(versions)
    .bind(ERROR_LENGTH_MAX);
    Ok(rows.fetch_all(pool).await?)
}

/// Waits until all named followers have reached a position; `false` when `timeout` passed first.
///
/// # Errors
/// When the database fails.
pub async fn wait_for(
    pool: &PgPool,
    names: &[&str],
    min_position: i64,
    timeout: Duration,
) -> Result<bool, QueryError> {
    let deadline = Instant::now() + timeout;
    let mut pause = POLL_FIRST;
    loop {
        if names.is_empty() || lowest_position(pool, names).await? >= min_position {
            return Ok(true);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        sleep(pause.min(left)).await;
        pause = (pause * 2).min(POLL_MAX);
    }
}

/// The position that all named followers have reached.
pub(crate) async fn lowest_position(
    db: impl PgExecutor<'_>,
    names: &[&str],
) -> Result<i64, QueryError> {
    let lowest = sqlx::query_scalar(
        "select coalesce(min(coalesce(reached.position, 0)), 0) from unnest($1::text[]) as wanted (name) \
         left join lateral (select max(segments.position) as position from ( \
             select min(c.position) as position from checkpoints as c \
             where c.name = wanted.name and not exists ( \
                 select from projection_generations as g where g.name = c.name \
                     and g.generation = c.version and g.state <> 'active') \
             group by c.version) as segments) as reached on true",
    )
    .bind(names);
    Ok(lowest.fetch_one(db).await?)
}

/// The read models of this build that must not be read by it yet, because an older version of the code
/// fills the generation that is read.
///
/// # Errors
/// When the database fails.
pub async fn not_readable_yet(pool: &PgPool) -> Result<Vec<String>, QueryError> {
    let (names, versions): (Vec<&str>, Vec<i32>) =
        crate::all().iter().map(|projection| (projection.name(), projection.version())).unzip();
    let rows = sqlx::query_scalar(
        "select known.name from unnest($1::text[], $2::integer[]) as known (name, version) \
         join projection_generations as g on g.name = known.name and g.state = 'active' \
             and g.code_version < known.version \
         order by known.name",
    )
    .bind(names)
    .bind(versions);
    Ok(rows.fetch_all(pool).await?)
}
