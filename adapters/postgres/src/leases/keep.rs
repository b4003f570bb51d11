//! A lease that is renewed in the background.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Lease, Leases};
use crate::DatabaseError;

/// What the holder of a lease and its renewal share.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) lease: Lease,
    /// Until this instant the lease is certainly held.
    held_until: Mutex<Instant>,
    active: CancellationToken,
    ending: CancellationToken,
    /// Nobody asks for it back before this instant.
    stays_until: Option<Instant>,
}

impl Hold {
    pub(super) fn new(
        lease: Lease,
        held_until: Instant,
        stop: &CancellationToken,
        stays_until: Option<Instant>,
    ) -> Self {
        let active = stop.child_token();
        let ending = active.child_token();
        Self { lease, held_until: Mutex::new(held_until), active, ending, stays_until }
    }

    pub(super) fn held_until(&self) -> Instant {
        *self.held_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the lease is certainly held at this moment. Asks the clock and not the token: a process
    /// that stood still for longer than its lease knows so at its first step.
    pub(super) fn is_held(&self) -> bool {
        Instant::now() < self.held_until()
    }

    pub(super) fn renewed(&self, held_until: Instant) {
        *self.held_until.lock().unwrap_or_else(PoisonError::into_inner) = held_until;
    }

    /// Marks the lease as lost and stops the work.
    pub(super) fn lose(&self, reason: &'static str) {
        self.renewed(Instant::now());
        let Lease { name, epoch } = &self.lease;
        tracing::warn!(lease = name, epoch, "The lease {name} {reason}");
        self.active.cancel();
    }

    /// Asks the holder to bring its work to an end and to give the lease back.
    pub(super) fn ask_back(&self) {
        self.ending.cancel();
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.is_cancelled()
    }

    pub(super) fn may_go(&self) -> bool {
        !self.is_ending() && self.stays_until.is_none_or(|until| until <= Instant::now())
    }
}

/// Tells whether a lease is held, for work that outlives a borrow of it.
#[derive(Clone, Debug)]
pub struct LeaseGuard(Arc<Hold>);

impl LeaseGuard {
    /// Whether the lease is certainly held at this moment, by this process's own clock.
    pub fn is_held(&self) -> bool {
        self.0.is_held()
    }
}

/// A lease under renewal. Dropping it stops the renewal; the lease then ends by itself.
#[derive(Debug)]
pub struct KeptLease {
    leases: Leases,
    hold: Arc<Hold>,
}

impl KeptLease {
    pub(super) fn start(leases: Leases, hold: Hold) -> Self {
        let hold = Arc::new(hold);
        leases.heart().keep(&hold);
        Self { leases, hold }
    }

    /// The lease.
    pub fn lease(&self) -> &Lease {
        &self.hold.lease
    }

    /// Cancelled when the lease is lost, or can no longer be known to be held, or the process stops.
    pub fn active(&self) -> &CancellationToken {
        &self.hold.active
    }

    /// Cancelled with [`Self::active`], and also when another process should have the lease: then
    /// what is under way is finished, and the lease given back.
    pub fn ending(&self) -> &CancellationToken {
        &self.hold.ending
    }

    /// Whether the lease is certainly held at this moment, by this process's own clock. Ask before
    /// each step with an effect: a process that was stopped notices nothing else so soon.
    pub fn is_held(&self) -> bool {
        self.hold.is_held()
    }

    /// The same for work that does not borrow the lease.
    pub fn guard(&self) -> LeaseGuard {
        LeaseGuard(Arc::clone(&self.hold))
    }

    /// Stops the renewal and gives the lease back. Call it when the work has ended, not before.
    ///
    /// # Errors
    /// When the database fails; the lease then ends by itself.
    pub async fn release(self) -> Result<bool, DatabaseError> {
        self.leases.heart().forget(&self.hold);
        let released = self.leases.release(&self.hold.lease).await;
        self.leases.heart().look_soon();
        released
    }
}

impl Drop for KeptLease {
    fn drop(&mut self) {
        self.leases.heart().forget(&self.hold);
    }
}
