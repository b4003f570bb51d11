//! Stretches of the log that hold nothing for a follower.
//!
//! Most events are for one or two followers. If each of the others moved its checkpoint for every one
//! of them, a command would cost as many commits as there are followers. So a follower that is up to
//! date reads on in memory, and its checkpoint comes after within [`FollowerSettings::skim_max`].
//!
//! [`FollowerSettings::skim_max`]: super::FollowerSettings::skim_max

use std::time::Duration;

use tokio::time::Instant;

use super::{Follower, Halt, Held, checkpoint::State};
use crate::{Page, error::failed};

/// How far the log was read without an event for this follower. Forgetting it costs reading again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Skimmed {
    position: i64,
    /// When the checkpoint has to follow.
    due_at: Instant,
}

impl Held {
    /// The position behind which the next page begins.
    pub(super) fn read_up_to(&self) -> i64 {
        self.skimmed.map_or(self.checkpoint.position, |skimmed| skimmed.position)
    }

    /// Whether a page needs no transaction. A full one gets its own: it is a step of catching up, and
    /// shows how far that is.
    pub(super) fn may_skim(&self, page: &Page) -> bool {
        page.events.is_empty()
            && page.unreadable.is_empty()
            && !page.full
            && self.checkpoint.state == State::Live
    }

    /// How long the checkpoint may still stay behind; `None` when it is not behind.
    pub(super) fn skim_left(&self) -> Option<Duration> {
        self.skimmed.map(|skimmed| skimmed.due_at.saturating_duration_since(Instant::now()))
    }
}

impl Follower {
    /// Remembers that there is nothing up to `last`.
    pub(super) async fn skim(&self, held: &mut Held, last: i64) -> Result<(), Halt> {
        let due_at = held
            .skimmed
            .map_or_else(|| Instant::now() + self.settings.skim_max, |skimmed| skimmed.due_at);
        held.skimmed = Some(Skimmed { position: last, due_at });
        self.write_skimmed(held).await
    }

    /// Lets the checkpoint follow when that is due.
    pub(super) async fn write_skimmed(&self, held: &mut Held) -> Result<(), Halt> {
        let Some(skimmed) = held.skimmed.filter(|skimmed| skimmed.due_at <= Instant::now()) else {
            return Ok(());
        };
        let mut db = self.pool.acquire().await.map_err(failed("move the checkpoint"))?;
        if !held.checkpoint.advance(&mut db, skimmed.position, State::Live).await? {
            return Err(Halt::Fenced);
        }
        held.checkpoint.moved(skimmed.position, State::Live);
        held.skimmed = None;
        held.heartbeat_at = Instant::now() + self.settings.heartbeat_every;
        Ok(())
    }
}
