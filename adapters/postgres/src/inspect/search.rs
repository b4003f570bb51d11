//! Searching the log for ids that have no index.

use chrono::{DateTime, Duration, Utc};
use kontor_domain::Recorded;
use sqlx::{AssertSqlSafe, PgPool};
use uuid::Uuid;

use super::index;
use crate::{DatabaseError, error::failed, log::recorded};

/// How many positions one statement looks at: some tens of milliseconds.
const STRIDE: i64 = 20_000;

/// The most events that are returned; a longer conversation is cut and says so.
const EVENTS_MAX: usize = 1_000;

/// An event is recorded this much after its id was made at most: its append may wait in a queue
/// while the database is restarted.
const LATE_MAX: Duration = Duration::minutes(15);

/// Clocks of processes and of the database differ by less.
const SKEW_MAX: Duration = Duration::minutes(1);

/// The columns of an event, in the order in which they are read.
const COLUMNS: &str = "position, tenant, stream_type, stream_id, version, event_id, event_type,
    schema_version, payload::text, metadata, occurred_at, recorded_at";

/// What is compared with the id that is looked for.
#[derive(Clone, Copy, Debug)]
enum By {
    EventId,
    Command,
    Correlation,
}

impl By {
    fn condition(self) -> &'static str {
        match self {
            Self::EventId => "event_id = $3::uuid",
            Self::Command => "metadata ->> 'command_id' = $3",
            Self::Correlation => "metadata ->> 'correlation_id' = $3",
        }
    }
}

/// How much of the log is searched when there is no index.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// What was written around the time in the id, and so many positions behind the last find.
    Near {
        /// How many.
        positions: i64,
    },
    /// Everything.
    Whole,
}

/// Which part of the log was searched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Searched {
    /// The first position.
    pub from: i64,
    /// The last position.
    pub to: i64,
    /// The log's end at that time.
    pub head: i64,
    /// The index was used, or everything was searched.
    pub complete: bool,
}

/// All events of one conversation, as far as they were found.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// In order of position.
    pub events: Vec<Recorded>,
    /// Where they were looked for.
    pub searched: Searched,
    /// There are more events than are returned.
    pub cut: bool,
}

/// The event with an id, if it stands where it was looked for.
///
/// # Errors
/// When the database cannot be read.
pub async fn event(
    pool: &PgPool,
    event_id: Uuid,
    scope: Scope,
) -> Result<Option<Recorded>, DatabaseError> {
    let Some((from, to)) = range(pool, event_id, scope).await? else { return Ok(None) };
    Ok(search(pool, By::EventId, event_id, (from, to), 1).await?.into_iter().next())
}

/// The events of a command whose receipt is gone, if they stand where they were looked for.
///
/// # Errors
/// When the database cannot be read.
pub async fn events_of_command(
    pool: &PgPool,
    command_id: Uuid,
    scope: Scope,
) -> Result<Vec<Recorded>, DatabaseError> {
    let Some((from, to)) = range(pool, command_id, scope).await? else { return Ok(Vec::new()) };
    search(pool, By::Command, command_id, (from, to), EVENTS_MAX).await
}

/// The conversation that an event belongs to. Without the index it is searched for from where its
/// first command may stand, up to so many positions behind the last event that was found.
///
/// # Errors
/// When the database cannot be read.
pub async fn conversation(
    pool: &PgPool,
    member: &Recorded,
    scope: Scope,
) -> Result<Conversation, DatabaseError> {
    let id = member.metadata.correlation_id;
    let head = head(pool).await?;
    if index::state(pool).await? == index::State::Ready {
        let events = indexed(pool, id).await?;
        let searched = Searched { from: 1, to: head, head, complete: true };
        return Ok(cut(events, searched));
    }
    let (from, reach) = match scope {
        Scope::Whole => (1, head),
        Scope::Near { positions } => (first_of(pool, member, positions).await?, positions),
    };
    let (mut events, mut after): (Vec<Recorded>, i64) = (Vec::new(), from - 1);
    // What is known to belong is reached in any case.
    let mut until = member.position.saturating_add(reach).min(head);
    while after < until && events.len() <= EVENTS_MAX {
        let end = after.saturating_add(STRIDE).min(until);
        let found = stride(pool, By::Correlation, id, (after, end)).await?;
        after = end;
        if let Some(last) = found.last() {
            until = until.max(last.position.saturating_add(reach)).min(head);
        }
        events.extend(found);
    }
    let complete = scope == Scope::Whole && after >= head;
    Ok(cut(events, Searched { from, to: after, head, complete }))
}

fn cut(mut events: Vec<Recorded>, searched: Searched) -> Conversation {
    let cut = events.len() > EVENTS_MAX;
    events.truncate(EVENTS_MAX);
    Conversation { events, searched, cut }
}

async fn indexed(pool: &PgPool, id: Uuid) -> Result<Vec<Recorded>, DatabaseError> {
    let query = format!(
        "select {COLUMNS} from events where metadata ->> 'correlation_id' = $1
         order by position limit $2"
    );
    sqlx::query(AssertSqlSafe(query))
        .bind(id.to_string())
        .bind(i64::try_from(EVENTS_MAX + 1).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await
        .and_then(|rows| rows.iter().map(recorded).collect())
        .map_err(failed("read a conversation"))
}

/// Where the first event of a conversation may stand: its correlation is the id of its first
/// command, which has a receipt, or tells its time.
async fn first_of(pool: &PgPool, member: &Recorded, positions: i64) -> Result<i64, DatabaseError> {
    let id = member.metadata.correlation_id;
    let claimed: Option<i64> = sqlx::query_scalar(
        "select min(first_position) from receipts where command_id = $1 and tenant = $2",
    )
    .bind(id)
    .bind(member.tenant.as_str())
    .fetch_one(pool)
    .await
    .map_err(failed("read the receipt of a conversation"))?;
    if let Some(first) = claimed {
        return Ok(first.min(member.position));
    }
    let oldest = member.position.saturating_sub(positions).max(1);
    let by_time = match made_at(id) {
        Some(at) => position_at(pool, at - SKEW_MAX).await?,
        None => oldest,
    };
    Ok(by_time.clamp(oldest, member.position))
}

/// The positions that an id may stand at; `None` when it does not tell its time.
async fn range(pool: &PgPool, id: Uuid, scope: Scope) -> Result<Option<(i64, i64)>, DatabaseError> {
    if scope == Scope::Whole {
        return Ok(Some((1, head(pool).await?)));
    }
    let Some(at) = made_at(id) else { return Ok(None) };
    let from = position_at(pool, at - SKEW_MAX).await?;
    let to = position_at(pool, at + LATE_MAX).await?;
    Ok(Some((from, to)))
}

/// When a time-ordered id was made.
fn made_at(id: Uuid) -> Option<DateTime<Utc>> {
    if id.get_version_num() != 7 {
        return None;
    }
    let (seconds, nanoseconds) = id.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanoseconds)
}

async fn search(
    pool: &PgPool,
    by: By,
    id: Uuid,
    (from, to): (i64, i64),
    limit: usize,
) -> Result<Vec<Recorded>, DatabaseError> {
    let (mut found, mut after) = (Vec::new(), from - 1);
    while after < to && found.len() < limit {
        let end = after.saturating_add(STRIDE).min(to);
        found.extend(stride(pool, by, id, (after, end)).await?);
        after = end;
    }
    found.truncate(limit);
    Ok(found)
}

async fn stride(
    pool: &PgPool,
    by: By,
    id: Uuid,
    (after, end): (i64, i64),
) -> Result<Vec<Recorded>, DatabaseError> {
    let query = format!(
        "select {COLUMNS} from events where position > $1 and position <= $2 and {}
         order by position limit $4",
        by.condition()
    );
    sqlx::query(AssertSqlSafe(query))
        .bind(after)
        .bind(end)
        .bind(id.to_string())
        .bind(i64::try_from(EVENTS_MAX + 1).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await
        .and_then(|rows| rows.iter().map(recorded).collect())
        .map_err(failed("search the log"))
}

/// The first position that was recorded at an instant or later; the head when there is none. Halves
/// the log again and again: recorded times grow with the positions.
async fn position_at(pool: &PgPool, at: DateTime<Utc>) -> Result<i64, DatabaseError> {
    let (mut low, mut high) = (1, head(pool).await?.max(1));
    while low < high {
        let middle = low + (high - low) / 2;
        let recorded_at: Option<DateTime<Utc>> = sqlx::query_scalar(
            "select recorded_at from events where position >= $1 order by position limit 1",
        )
        .bind(middle)
        .fetch_optional(pool)
        .await
        .map_err(failed("read the time of a position"))?;
        if recorded_at.is_some_and(|recorded_at| recorded_at < at) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

async fn head(pool: &PgPool) -> Result<i64, DatabaseError> {
    sqlx::query_scalar("select coalesce(max(position), 0) from events")
        .fetch_one(pool)
        .await
        .map_err(failed("read the head of the log"))
}
