//! Finding the events of a page that a projection cannot apply.

use std::collections::HashSet;

use kontor_domain::Recorded;
use kontor_projections::{ApplyError, Projection};
use sqlx::{Acquire, PgConnection};
use uuid::Uuid;

use super::{
    Follower, FollowerError, Halt, Held,
    checkpoint::State,
    parking,
    project::{Refused, apply},
};
use crate::error::{chain, failed};

/// Applies the page again, one event at a time, each in a savepoint. An event that fails is parked,
/// and the later ones of its stream behind it; all others are applied. Everything is in one
/// transaction with the checkpoint. Returns the streams newly parked.
pub(super) async fn one_by_one(
    follower: &Follower,
    held: &Held,
    projection: &dyn Projection,
    (behind, fresh): (&[Recorded], &[Recorded]),
    (last, state): (i64, State),
) -> Result<HashSet<Uuid>, Halt> {
    let mut tx = follower.pool.begin().await.map_err(failed("begin a page"))?;
    if !held.checkpoint.advance(&mut tx, last, state).await? {
        return Err(Halt::Fenced);
    }
    parking::queue_behind(&mut tx, &held.checkpoint, behind).await?;
    held.checkpoint.place.enter(&mut tx).await?;
    let mut parked: HashSet<Uuid> = HashSet::new();
    let mut poison: Vec<&Recorded> = Vec::new();
    let mut waiting: Vec<Recorded> = Vec::new();
    // The parts of one stored event stand and fall together.
    for parts in fresh.chunk_by(|one, next| one.position == next.position) {
        let [event, ..] = parts else { continue };
        if parked.contains(&event.stream_id) {
            waiting.push(event.clone());
            continue;
        }
        if let Some(error) = attempt(projection, &mut tx, parts).await? {
            let limit = follower.settings.parked_streams_max;
            if held.parked.len() + parked.len() >= limit {
                return Err(Halt::Failed(FollowerError::TooManyParked { limit }));
            }
            parking::park(&mut tx, held, event, &chain(&error), &follower.settings).await?;
            parked.insert(event.stream_id);
            poison.push(event);
        }
    }
    parking::queue_behind(&mut tx, &held.checkpoint, &waiting).await?;
    tx.commit().await.map_err(failed("commit a page"))?;
    for event in poison {
        tell(projection, event, "An event could not be applied; its stream is parked");
    }
    Ok(parked)
}

/// Says of one event what became of it. Why, which may quote the event, stands in the dead letter.
pub(super) fn tell(projection: &dyn Projection, event: &Recorded, what: &'static str) {
    let metadata = &event.metadata;
    tracing::warn!(
        follower = projection.name(),
        position = event.position,
        event.id = %event.event_id,
        event.type = event.event_type,
        stream = %event.stream_id,
        command.id = %metadata.command_id,
        correlation.id = %metadata.correlation_id,
        trace.id = metadata.trace_id(),
        "{what}"
    );
}

/// Applies one event in a savepoint, with all parts that it became; what it says when it is to blame
/// itself.
pub(super) async fn attempt(
    projection: &dyn Projection,
    db: &mut PgConnection,
    parts: &[Recorded],
) -> Result<Option<ApplyError>, Halt> {
    let mut savepoint = db.begin().await.map_err(failed("set a savepoint"))?;
    match apply(projection, &mut savepoint, parts).await {
        Ok(()) => {
            savepoint.commit().await.map_err(failed("release a savepoint"))?;
            Ok(None)
        }
        Err(Refused::Poison(error)) => {
            savepoint.rollback().await.map_err(failed("roll back to a savepoint"))?;
            Ok(Some(error))
        }
        Err(Refused::Failed(error)) => Err(Halt::Failed(error)),
    }
}
