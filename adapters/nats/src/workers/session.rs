//! The time in which a process serves a shard.

use std::time::Duration;

use kontor_postgres::{KeptLease, LeaseGuard};
use tokio_util::sync::CancellationToken;

/// How soon a command comes again that this process must not carry out any more: a moment later, since
/// until its last request has run out it may come to the same process again and again.
pub(super) const FENCED_PAUSE: Duration = Duration::from_millis(100);

/// The time from the lease's beginning to its end, in which a shard is served here.
#[derive(Clone, Debug)]
pub(super) struct Session {
    ending: CancellationToken,
    guard: LeaseGuard,
}

impl Session {
    pub(super) fn of(lease: &KeptLease) -> Self {
        Self { ending: lease.ending().clone(), guard: lease.guard() }
    }

    /// Nothing new is begun: the process stops, or the shard goes to another.
    pub(super) fn is_over(&self) -> bool {
        self.ending.is_cancelled() || self.is_fenced()
    }

    /// The shard is another's by now, or may be: this process stood still, or lost the database. What
    /// it has taken and not begun is not its own any more.
    pub(super) fn is_fenced(&self) -> bool {
        !self.guard.is_held()
    }

    /// Waits for the end.
    pub(super) async fn over(&self) {
        self.ending.cancelled().await;
    }
}
