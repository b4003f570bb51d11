//! The follower's side of the dead letters: parking, waiting behind, trying again.

use std::{collections::HashSet, time::Duration};

use kontor_domain::Recorded;
use kontor_projections::Projection;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::{FollowerSettings, Halt, Held, checkpoint::Checkpoint, isolate};
use crate::{
    DatabaseError, EventReader, backoff,
    error::{chain, failed, shorten},
};

/// The most parked streams that are tried again in one look, so that new events are not kept
/// waiting.
const STREAMS_PER_LOOK_MAX: usize = 16;

/// The most events of one parked stream that are applied in one transaction; the rest follows at the
/// next look.
const EVENTS_PER_RETRY_MAX: i64 = 200;

/// The parked streams of a follower.
pub(super) struct Parked {
    pub(super) streams: HashSet<Uuid>,
    due: Vec<Uuid>,
}

/// Reads which streams are parked, and which of them may be tried again.
pub(super) async fn look(
    pool: &PgPool,
    checkpoint: &Checkpoint,
    settings: &FollowerSettings,
) -> Result<Parked, DatabaseError> {
    let rows: Vec<(Uuid, bool)> = sqlx::query_as(
        "select key, due
         from (
             select distinct on (key) key, next_at,
                    state = 'retry' or (attempts < $3 and next_at <= clock_timestamp()) as due
             from dead_letters
             where name = $1 and version = $2 and state <> 'skipped'
                 and get_byte(uuid_send(key), 15) & $4 = $5
             order by key, position
         ) heads
         order by next_at",
    )
    .bind(checkpoint.place.name)
    .bind(checkpoint.place.version)
    .bind(i32::try_from(settings.parked_attempts_max).unwrap_or(i32::MAX))
    .bind(checkpoint.place.segment.mask())
    .bind(checkpoint.place.segment.index())
    .fetch_all(pool)
    .await
    .map_err(failed("read the dead letters"))?;
    let due = rows.iter().filter(|(_, due)| *due).map(|(key, _)| *key);
    Ok(Parked {
        due: due.take(STREAMS_PER_LOOK_MAX).collect(),
        streams: rows.iter().map(|(key, _)| *key).collect(),
    })
}

/// Puts events of parked streams behind what is parked already. They are due as soon as they are
/// the first of their stream.
pub(super) async fn queue_behind(
    db: &mut PgConnection,
    checkpoint: &Checkpoint,
    events: &[Recorded],
) -> Result<(), DatabaseError> {
    if events.is_empty() {
        return Ok(());
    }
    // A stored event that became several parts waits as one.
    let (keys, positions): (Vec<Uuid>, Vec<i64>) = events
        .chunk_by(|one, next| one.position == next.position)
        .filter_map(|parts| parts.first())
        .map(|event| (event.stream_id, event.position))
        .unzip();
    sqlx::query(
        "insert into dead_letters (name, version, key, position)
         select $1, $2, key, position from unnest($3, $4) as behind (key, position)",
    )
    .bind(checkpoint.place.name)
    .bind(checkpoint.place.version)
    .bind(keys)
    .bind(positions)
    .execute(db)
    .await
    .map_err(failed("queue events behind a parked one"))?;
    Ok(())
}

/// Parks an event after its first failed attempt.
pub(super) async fn park(
    db: &mut PgConnection,
    held: &Held,
    event: &Recorded,
    error: &str,
    settings: &FollowerSettings,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "insert into dead_letters (name, version, key, position, attempts, error, next_at)
         values ($1, $2, $3, $4, 1, $5, clock_timestamp() + $6 * interval '1 millisecond')",
    )
    .bind(held.checkpoint.place.name)
    .bind(held.checkpoint.place.version)
    .bind(event.stream_id)
    .bind(event.position)
    .bind(shorten(error.to_owned()))
    .bind(pause_ms(1, settings))
    .execute(db)
    .await
    .map_err(failed("park an event"))?;
    Ok(())
}

/// Tries the parked streams that are due, each in a transaction of its own, and refreshes the set
/// of parked streams.
pub(super) async fn retry_due(
    pool: &PgPool,
    reader: &EventReader,
    projection: &dyn Projection,
    held: &mut Held,
    settings: &FollowerSettings,
) -> Result<(), Halt> {
    let parked = look(pool, &held.checkpoint, settings).await?;
    held.parked = parked.streams;
    for stream in parked.due {
        let place = (&held.checkpoint, stream);
        if retry_stream((pool, reader), projection, place, settings).await? {
            held.parked.remove(&stream);
            tracing::info!(
                follower = projection.name(),
                stream = %stream,
                "A parked stream is in order again",
            );
        }
    }
    Ok(())
}

/// Applies a parked stream's events in order until one fails. Whether none is left.
async fn retry_stream(
    (pool, reader): (&PgPool, &EventReader),
    projection: &dyn Projection,
    (checkpoint, stream): (&Checkpoint, Uuid),
    settings: &FollowerSettings,
) -> Result<bool, Halt> {
    let mut tx = pool.begin().await.map_err(failed("begin a retry"))?;
    if !checkpoint.lock(&mut tx).await? {
        return Err(Halt::Fenced);
    }
    // Locked, so that an operator's verb waits for the outcome.
    let rows: Vec<(i64, i32)> = sqlx::query_as(
        "select position, attempts from dead_letters
         where name = $1 and version = $2 and key = $3 and state <> 'skipped'
         order by position
         limit $4
         for update",
    )
    .bind(checkpoint.place.name)
    .bind(checkpoint.place.version)
    .bind(stream)
    .bind(EVENTS_PER_RETRY_MAX)
    .fetch_all(&mut *tx)
    .await
    .map_err(failed("read a parked stream"))?;
    let positions: Vec<i64> = rows.iter().map(|(position, _)| *position).collect();
    let events = reader.events_at(&mut tx, &positions, projection.event_types()).await?;
    checkpoint.place.enter(&mut tx).await?;
    let mut applied: Vec<i64> = Vec::new();
    let mut stuck: Option<Recorded> = None;
    for (position, attempts) in &rows {
        // All parts of it; none when a newer build dropped it or made it another type.
        let parts: Vec<Recorded> =
            events.iter().filter(|event| event.position == *position).cloned().collect();
        if let Some(error) = isolate::attempt(projection, &mut tx, &parts).await? {
            let failure = (*position, attempts.saturating_add(1), chain(&error));
            note_failure(&mut tx, checkpoint, stream, failure, settings).await?;
            stuck = parts.into_iter().next();
            break;
        }
        applied.push(*position);
    }
    remove(&mut tx, checkpoint, stream, &applied).await?;
    tx.commit().await.map_err(failed("commit a retry"))?;
    if let Some(event) = &stuck {
        isolate::tell(projection, event, "A parked event could not be applied again");
    }
    // Fewer rows than asked for: there were no others, and only this follower adds some.
    let all = i64::try_from(rows.len()).is_ok_and(|rows| rows < EVENTS_PER_RETRY_MAX);
    Ok(all && stuck.is_none())
}

async fn note_failure(
    db: &mut PgConnection,
    checkpoint: &Checkpoint,
    stream: Uuid,
    (position, attempts, error): (i64, i32, String),
    settings: &FollowerSettings,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "update dead_letters
         set state = 'parked', attempts = $5, error = $6,
             next_at = clock_timestamp() + $7 * interval '1 millisecond'
         where name = $1 and version = $2 and key = $3 and position = $4",
    )
    .bind(checkpoint.place.name)
    .bind(checkpoint.place.version)
    .bind(stream)
    .bind(position)
    .bind(attempts)
    .bind(shorten(error))
    .bind(pause_ms(attempts, settings))
    .execute(db)
    .await
    .map_err(failed("note a failed retry"))?;
    Ok(())
}

async fn remove(
    db: &mut PgConnection,
    checkpoint: &Checkpoint,
    stream: Uuid,
    positions: &[i64],
) -> Result<(), DatabaseError> {
    sqlx::query(
        "delete from dead_letters
         where name = $1 and version = $2 and key = $3 and position = any($4)",
    )
    .bind(checkpoint.place.name)
    .bind(checkpoint.place.version)
    .bind(stream)
    .bind(positions)
    .execute(db)
    .await
    .map_err(failed("remove applied dead letters"))?;
    Ok(())
}

fn pause_ms(attempts: i32, settings: &FollowerSettings) -> i64 {
    let attempts = u32::try_from(attempts).unwrap_or(1);
    let pause: Duration =
        backoff::pause(attempts, settings.parked_pause_first, settings.parked_pause_max);
    i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)
}
