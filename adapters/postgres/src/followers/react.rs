//! A page for a reactor: the effect outside, then the checkpoint.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use kontor_projections::Reactor;

use super::{Follower, FollowerError, Halt, Held, checkpoint::State};
use crate::{Page, error::failed};

impl Follower {
    /// Carries a page out and moves the checkpoint afterwards. When the lease is lost or the process
    /// stops in the meantime, whoever is next repeats the page.
    pub(super) async fn react(
        &self,
        held: &mut Held,
        reactor: &dyn Reactor,
        page: Page,
        last: i64,
    ) -> Result<(), Halt> {
        if page.full {
            self.prefetch(held, last);
        }
        if let Some(position) = page.unreadable.first().copied() {
            return Err(Halt::Failed(FollowerError::Unreadable { position }));
        }
        if !page.events.is_empty() {
            let reacting = AssertUnwindSafe(reactor.react(&page.events)).catch_unwind();
            match held.lease.active().run_until_cancelled(reacting).await {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => return Err(Halt::Failed(FollowerError::React(error))),
                Some(Err(_)) => return Err(Halt::Failed(FollowerError::Panicked)),
                None if self.stop.is_cancelled() => return Err(Halt::Stopped),
                None => return Err(Halt::Fenced),
            }
        }
        let state = if page.full { State::CatchingUp } else { State::Live };
        let mut db = self.pool.acquire().await.map_err(failed("move the checkpoint"))?;
        if !held.checkpoint.advance(&mut db, last, state).await? {
            return Err(Halt::Fenced);
        }
        held.checkpoint.moved(last, state);
        Ok(())
    }
}
