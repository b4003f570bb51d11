//! What a follower is told from outside while it holds its lease: to stand still, or to give way.

use sqlx::PgPool;

use super::{Follower, Halt, Held, Step, checkpoint::State, place::Place};
use crate::{DatabaseError, error::failed};

/// What a follower shall do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Order {
    /// Its work.
    Go,
    /// Nothing, and keep its place.
    Pause,
    /// Leave its place to another version.
    GiveWay,
}

/// Reads the orders for a follower.
pub(super) async fn look(pool: &PgPool, place: &Place) -> Result<Order, DatabaseError> {
    let (paused, superseded): (bool, bool) = sqlx::query_as(
        "select exists (select from follower_pauses where name = $1 and version in (0, $2)),
                exists (select from checkpoints where name = $1 and version = $2 and segment = $3
                    and superseded_by is not null)",
    )
    .bind(place.name)
    .bind(place.version)
    .bind(place.segment.index())
    .fetch_one(pool)
    .await
    .map_err(failed("read the orders for a follower"))?;
    Ok(match (superseded, paused) {
        (true, _) => Order::GiveWay,
        (false, true) => Order::Pause,
        (false, false) => Order::Go,
    })
}

impl Follower {
    /// Keeps the place and shows that the follower is alive.
    pub(super) async fn pause(&self, held: &mut Held) -> Result<Step, Halt> {
        let now = tokio::time::Instant::now();
        if held.checkpoint.state != State::Paused || now >= held.heartbeat_at {
            if held.checkpoint.state != State::Paused {
                tracing::info!(follower = self.name(), "The follower {} is paused", self.name());
            }
            if !held.checkpoint.beat(&self.pool, State::Paused).await? {
                return Err(Halt::Fenced);
            }
            held.heartbeat_at = now + self.settings.heartbeat_every;
        }
        Ok(Step::Paused)
    }
}
