//! A page for a reactor: the effect outside, then the checkpoint.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use kontor_projections::{Reactor, ReactorError};

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
        if !held.lease.is_held() {
            return Err(Halt::Fenced);
        }
        if !page.events.is_empty() {
            self.under_lease(held, reactor.react(&page.events)).await?;
        }
        let state = if page.full { State::CatchingUp } else { State::Live };
        let mut db = self.pool.acquire().await.map_err(failed("move the checkpoint"))?;
        if !held.checkpoint.advance(&mut db, last, state).await? {
            return Err(Halt::Fenced);
        }
        held.checkpoint.moved(last, state);
        Ok(())
    }

    /// Lets a reactor look after the outside while nothing is new.
    pub(super) async fn tend(&self, held: &Held, reactor: &dyn Reactor) -> Result<(), Halt> {
        self.under_lease(held, reactor.tend(held.checkpoint.position)).await
    }

    /// Waits for a reactor for as long as the lease is held.
    async fn under_lease(
        &self,
        held: &Held,
        work: impl Future<Output = Result<(), ReactorError>>,
    ) -> Result<(), Halt> {
        let work = AssertUnwindSafe(work).catch_unwind();
        match held.lease.active().run_until_cancelled(work).await {
            Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(Halt::Failed(FollowerError::React(error))),
            Some(Err(_)) => Err(Halt::Failed(FollowerError::Panicked)),
            None if self.stop.is_cancelled() => Err(Halt::Stopped),
            None => Err(Halt::Fenced),
        }
    }
}
