//! Checkpoints and dead letters against the log.

use kontor_projections::Projection;
use sqlx::FromRow;
use uuid::Uuid;

use super::{Check, Verifier};
use crate::{DatabaseError, error::failed};

/// The most rows that one question returns; more would not be named anyway.
const ROWS_MAX: i64 = 1_000;

/// Both are read in one snapshot, so a checkpoint that moves meanwhile is never ahead by mistake.
const AHEAD: &str = "
    select c.name, c.version, c.segment, c.position, h.position as head
    from checkpoints c,
         (select coalesce(max(position), 0) as position from events) h
    where c.position > h.position or c.position < 0
    order by c.name, c.version, c.segment
    limit $1";

/// Letters whose event is missing, is of another stream, or was never reached by the follower. Of
/// several segments the one that is furthest counts.
const ASTRAY: &str = "
    select d.name, d.version, d.key, d.position,
           case when e.position is null then 'there is no event at that position'
                when e.stream_id <> d.key then 'the event there is of another stream'
                when c.position is null then 'the follower has no checkpoint'
                else 'the follower has not come so far' end as what
    from dead_letters d
    left join events e on e.position = d.position
    left join lateral (
        select max(position) as position from checkpoints c
        where c.name = d.name and c.version = d.version
    ) c on true
    where e.position is null or e.stream_id <> d.key or c.position is null
        or d.position > c.position
    order by d.name, d.version, d.position
    limit $1";

/// Events that should wait behind a parked one and do not.
const OVERTAKING: &str = "
    with heads as (
        select version, key, min(position) as position from dead_letters
        where name = $1 and state <> 'skipped' group by version, key
    )
    select $1 as name, h.version, h.key, e.position,
           'it does not wait behind position ' || h.position as what
    from heads h
    join events p on p.position = h.position and p.stream_id = h.key
    join events e on e.stream_id = h.key and e.version > p.version and e.event_type = any($2)
    where e.position <= (
              select min(c.position) from checkpoints c
              where c.name = $1 and c.version = h.version
          )
        and not exists (
            select from dead_letters d
            where d.name = $1 and d.version = h.version and d.key = h.key
                and d.position = e.position
        )
    order by e.position
    limit $3";

#[derive(FromRow)]
struct Ahead {
    name: String,
    version: i32,
    segment: i32,
    position: i64,
    head: i64,
}

#[derive(FromRow)]
struct Letter {
    name: String,
    version: i32,
    key: Uuid,
    position: i64,
    what: String,
}

impl Letter {
    fn place(&self) -> String {
        let Self { name, version, key, position, .. } = self;
        format!("dead letter follower:{name}:{version}:{key}:{position}")
    }
}

/// Whether a follower claims to have passed what does not exist.
pub(super) async fn check_checkpoints(verifier: &mut Verifier<'_>) -> Result<(), DatabaseError> {
    let ahead: Vec<Ahead> = sqlx::query_as(AHEAD)
        .bind(ROWS_MAX)
        .fetch_all(&mut verifier.db)
        .await
        .map_err(failed("read the checkpoints"))?;
    for row in ahead {
        let place = format!("checkpoint {} v{} segment {}", row.name, row.version, row.segment);
        let what = format!("it stands at {}, the log ends at {}", row.position, row.head);
        verifier.findings.damage(Check::Checkpoints, place, what);
    }
    let count = count(verifier, "select count(*) from checkpoints").await?;
    verifier.findings.looked(Check::Checkpoints, count);
    Ok(())
}

/// Whether parked events exist, and nothing of their streams went past them.
pub(super) async fn check(
    verifier: &mut Verifier<'_>,
    projections: &[&dyn Projection],
) -> Result<(), DatabaseError> {
    let mut letters: Vec<Letter> = sqlx::query_as(ASTRAY)
        .bind(ROWS_MAX)
        .fetch_all(&mut verifier.db)
        .await
        .map_err(failed("read the dead letters"))?;
    for projection in projections {
        let overtaking = sqlx::query_as(OVERTAKING)
            .bind(projection.name())
            .bind(projection.event_types())
            .bind(ROWS_MAX)
            .fetch_all(&mut verifier.db)
            .await
            .map_err(failed("look for events that overtook parked ones"))?;
        letters.extend::<Vec<Letter>>(overtaking);
    }
    for letter in letters {
        verifier.findings.damage(Check::DeadLetters, letter.place(), letter.what);
    }
    let count = count(verifier, "select count(*) from dead_letters").await?;
    verifier.findings.looked(Check::DeadLetters, count);
    Ok(())
}

async fn count(verifier: &mut Verifier<'_>, query: &'static str) -> Result<usize, DatabaseError> {
    let count: i64 = sqlx::query_scalar(query)
        .fetch_one(&mut verifier.db)
        .await
        .map_err(failed("count rows"))?;
    Ok(usize::try_from(count).unwrap_or(0))
}
