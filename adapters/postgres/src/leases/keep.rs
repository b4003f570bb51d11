//! Renewal in the background.

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{Lease, Leases};
use crate::{DatabaseError, error::chain};

/// A lease is renewed this many times within its time to live, so that two lost renewals in a row
/// do not lose it.
const RENEWALS_PER_TTL: u32 = 3;

/// A lease under renewal. Dropping it stops the renewal; the lease then ends by itself.
#[derive(Debug)]
pub struct KeptLease {
    leases: Leases,
    lease: Lease,
    active: CancellationToken,
    renewal: AbortOnDropHandle<()>,
}

impl KeptLease {
    pub(super) fn start(leases: Leases, lease: Lease, stop: &CancellationToken) -> Self {
        let active = stop.child_token();
        let renewal = tokio::spawn(renew(leases.clone(), lease.clone(), active.clone()));
        Self { leases, lease, active, renewal: AbortOnDropHandle::new(renewal) }
    }

    /// The lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Cancelled when the lease is lost, or can no longer be known to be held, or the process stops.
    pub fn active(&self) -> &CancellationToken {
        &self.active
    }

    /// Stops the renewal and gives the lease back. Call it when the work has ended, not before.
    ///
    /// # Errors
    /// When the database fails; the lease then ends by itself.
    pub async fn release(self) -> Result<bool, DatabaseError> {
        drop(self.renewal);
        self.leases.release(&self.lease).await
    }
}

/// Renews until the lease is lost. Goes on while `active` is cancelled from outside: the work may
/// need a moment to end, and it ends under the lease.
async fn renew(leases: Leases, lease: Lease, active: CancellationToken) {
    // Until this instant the lease is certainly held: counted from before the request was sent.
    let mut held_until = Instant::now() + leases.ttl();
    loop {
        let sent_at = Instant::now();
        match timeout_at(held_until, leases.renew(&lease)).await {
            Ok(Ok(true)) => held_until = sent_at + leases.ttl(),
            Ok(Ok(false)) => {
                tracing::warn!(lease = lease.name, epoch = lease.epoch, "a lease was taken over");
                break;
            }
            Ok(Err(error)) => {
                tracing::warn!(
                    lease = lease.name,
                    error = chain(&error),
                    "a lease could not be renewed"
                );
            }
            Err(_) => {}
        }
        let next = Instant::now() + leases.ttl() / RENEWALS_PER_TTL;
        if Instant::now() >= held_until {
            tracing::warn!(lease = lease.name, epoch = lease.epoch, "a lease ran out");
            break;
        }
        sleep(next.min(held_until).saturating_duration_since(Instant::now())).await;
    }
    active.cancel();
}
