//! How many may be served at once in the ways that last longer than a request.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use uuid::Uuid;

/// Pages that are live at the same time in this process; each is rendered every two seconds.
const LIVE_MAX: usize = 128;

/// Live pages of one key: a person has some tabs open.
const LIVE_PER_KEY_MAX: usize = 12;

/// The places of this process.
pub(crate) struct Places {
    pub(super) exports: Arc<Semaphore>,
    live: Arc<Semaphore>,
    of_keys: std::sync::Mutex<HashMap<Uuid, usize>>,
    ending: watch::Sender<bool>,
}

/// A place of a live page, given back when it is dropped.
pub(super) struct LivePlace {
    places: Arc<Places>,
    key: Uuid,
    _place: OwnedSemaphorePermit,
}

impl Places {
    /// Places for so many exports at the same time.
    pub(crate) fn new(exports_max: usize) -> Self {
        Self {
            exports: Arc::new(Semaphore::new(exports_max)),
            live: Arc::new(Semaphore::new(LIVE_MAX)),
            of_keys: std::sync::Mutex::default(),
            ending: watch::channel(false).0,
        }
    }

    /// A place for one more live page of a key; none when all are taken.
    pub(super) fn live(self: &Arc<Self>, key: Uuid) -> Option<LivePlace> {
        let place = Arc::clone(&self.live).try_acquire_owned().ok()?;
        let mut of_keys = self.of_keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let own = of_keys.entry(key).or_default();
        if *own >= LIVE_PER_KEY_MAX {
            return None;
        }
        *own += 1;
        Some(LivePlace { places: Arc::clone(self), key, _place: place })
    }

    /// Ends all live pages, so that a process that stops need not wait for them.
    pub(crate) fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Becomes true when the process stops.
    pub(super) fn ending(&self) -> watch::Receiver<bool> {
        self.ending.subscribe()
    }
}

impl Drop for LivePlace {
    fn drop(&mut self) {
        let mut of_keys =
            self.places.of_keys.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let left = of_keys.get_mut(&self.key).map(|own| {
            *own -= 1;
            *own
        });
        if left == Some(0) {
            of_keys.remove(&self.key);
        }
        drop(of_keys);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gets_so_many_live_pages_and_others_still_get_theirs() {
        let places = Arc::new(Places::new(1));
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let held: Vec<_> = (0..LIVE_PER_KEY_MAX).filter_map(|_| places.live(one)).collect();
        assert_eq!(held.len(), LIVE_PER_KEY_MAX);
        assert!(places.live(one).is_none() && places.live(other).is_some());
        drop(held);
        assert!(places.live(one).is_some());
        assert_eq!(places.of_keys.lock().unwrap().len(), 0);
        assert_eq!(places.live.available_permits(), LIVE_MAX);
    }
}
