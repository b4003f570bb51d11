//! A page for a projection: read model and checkpoint in one transaction.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use kontor_domain::Recorded;
use kontor_faults::Point;
use kontor_projections::{ApplyError, Projection};
use sqlx::{PgConnection, PgPool};
use tracing::Instrument;

use super::{Follower, FollowerError, Halt, Held, checkpoint::State, isolate, parking};
use crate::{
    Page,
    error::{Blame, blame, failed},
};

/// The projection panicked. The panic's text stays out of the tables: it may quote an event.
#[derive(Debug, thiserror::Error)]
#[error("the projection panicked")]
struct Panicked;

/// Why a projection did not take events.
pub(super) enum Refused {
    /// The events are to blame.
    Poison(ApplyError),
    /// The database is.
    Failed(FollowerError),
}

/// Tells a projection that a follower has taken its place.
pub(super) async fn begin(pool: &PgPool, projection: &dyn Projection) -> Result<(), FollowerError> {
    let mut tx = pool.begin().await.map_err(failed("begin to follow"))?;
    projection.begin(&mut tx).await.map_err(FollowerError::Apply)?;
    tx.commit().await.map_err(failed("begin to follow"))?;
    Ok(())
}

/// Lets a projection apply events, and finds out who is to blame when it does not.
pub(super) async fn apply(
    projection: &dyn Projection,
    db: &mut PgConnection,
    events: &[Recorded],
) -> Result<(), Refused> {
    if events.is_empty() {
        return Ok(());
    }
    match AssertUnwindSafe(projection.apply(db, events)).catch_unwind().await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(ApplyError::Database(error))) if blame(&error) == Blame::Database => {
            Err(Refused::Failed(FollowerError::Apply(ApplyError::Database(error))))
        }
        Ok(Err(error)) => Err(Refused::Poison(error)),
        Err(_) => Err(Refused::Poison(ApplyError::Event(Box::new(Panicked)))),
    }
}

impl Follower {
    /// Carries a page out. Reads the next one meanwhile when there is more.
    pub(super) async fn project(
        &self,
        held: &mut Held,
        projection: &dyn Projection,
        page: Page,
        last: i64,
    ) -> Result<(), Halt> {
        if page.full {
            self.prefetch(held, last);
        }
        let state = if page.full { State::CatchingUp } else { State::Live };
        let (behind, fresh): (Vec<_>, Vec<_>) =
            page.events.into_iter().partition(|event| held.parked.contains(&event.stream_id));
        let span = tracing::debug_span!(
            "apply",
            otel.kind = "consumer",
            follower = projection.name(),
            events = fresh.len(),
            position = last,
        );
        kontor_traces::join(&span, fresh.iter().map(|event| event.metadata.trace.as_deref()));
        let page = whole(&self.pool, held, projection, (&behind, &fresh), (last, state));
        match page.instrument(span).await {
            Ok(()) => {}
            Err(Early::Halt(halt)) => return Err(halt),
            Err(Early::Poison(error)) => {
                tracing::warn!(
                    follower = projection.name(),
                    page_end = last,
                    events = fresh.len(),
                    "A page of {} events could not be applied, they are tried one by one",
                    fresh.len(),
                );
                // What the page said is said again by the event that is to blame.
                drop(error);
                let parked =
                    isolate::one_by_one(self, held, projection, (&behind, &fresh), (last, state))
                        .await?;
                held.parked.extend(parked);
            }
        }
        held.checkpoint.moved(last, state);
        Ok(())
    }
}

/// How the page ends when it is not applied as a whole.
enum Early {
    Halt(Halt),
    Poison(ApplyError),
}

impl<E: Into<Halt>> From<E> for Early {
    fn from(error: E) -> Self {
        Self::Halt(error.into())
    }
}

/// The page as a whole, in one transaction.
async fn whole(
    pool: &PgPool,
    held: &Held,
    projection: &dyn Projection,
    (behind, fresh): (&[Recorded], &[Recorded]),
    (last, state): (i64, State),
) -> Result<(), Early> {
    let mut tx = pool.begin().await.map_err(failed("begin a page"))?;
    if !held.checkpoint.advance(&mut tx, last, state).await? {
        return Err(Early::Halt(Halt::Fenced));
    }
    parking::queue_behind(&mut tx, &held.checkpoint, behind).await?;
    held.checkpoint.place.enter(&mut tx).await?;
    match apply(projection, &mut tx, fresh).await {
        Ok(()) => {}
        Err(Refused::Poison(error)) => {
            tx.rollback().await.map_err(failed("roll a page back"))?;
            return Err(Early::Poison(error));
        }
        Err(Refused::Failed(error)) => return Err(Early::Halt(Halt::Failed(error))),
    }
    kontor_faults::reach(Point::ProjectBeforeCommit);
    tx.commit().await.map_err(failed("commit a page"))?;
    kontor_faults::reach(Point::ProjectAfterCommit);
    Ok(())
}
