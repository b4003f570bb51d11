//! One command at a time per aggregate within the process, so that a process never conflicts with
//! itself.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

/// Locks by aggregate; aggregates share a lane by the hash of their id.
pub(super) struct Lanes {
    lanes: Box<[Mutex<()>]>,
}

impl Lanes {
    pub(super) fn new(lanes: usize) -> Self {
        Self { lanes: (0..lanes.max(1)).map(|_| Mutex::new(())).collect() }
    }

    /// Waits until no other command of the aggregate is at work; first come, first served.
    pub(super) async fn lock(&self, id: Uuid) -> MutexGuard<'_, ()> {
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(id);
        // The remainder is below the number of lanes, so it fits on every platform.
        let lane = usize::try_from(hash % (self.lanes.len() as u64)).unwrap_or_default();
        self.lanes[lane].lock().await
    }
}
