//! Keys in memory: few, and not for long.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use kontor_domain::TenantId;
use quick_cache::sync::Cache;
use uuid::Uuid;

use super::keys::Found;

/// How long a key may stay in memory: long against the work on one person's commands, short against
/// the patience of a person who wants to be erased.
pub(super) const KEY_LIFE: Duration = Duration::from_secs(5);

/// How many people's keys stay in memory, once by person and once by key: some megabytes.
const KEYS_MAX: usize = 10_000;

/// The keys that were looked up a moment ago.
#[derive(Debug)]
pub(super) struct KeyCache {
    by_subject: Cache<(TenantId, Uuid), Entry>,
    by_id: Cache<Uuid, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    found: Found,
    /// When the look-up began.
    asked_at: Instant,
}

impl Entry {
    /// That somebody was erased never changes again.
    fn holds(&self) -> bool {
        match self.found {
            Found::Erased => true,
            Found::Key { .. } => self.asked_at.elapsed() < KEY_LIFE,
        }
    }
}

impl KeyCache {
    pub(super) fn new() -> Self {
        Self { by_subject: Cache::new(KEYS_MAX), by_id: Cache::new(KEYS_MAX) }
    }

    pub(super) fn of_subject(&self, subject: &(TenantId, Uuid)) -> Option<Found> {
        self.by_subject.get(subject).filter(Entry::holds).map(|entry| entry.found)
    }

    pub(super) fn by_id(&self, key_id: Uuid) -> Option<Found> {
        self.by_id.get(&key_id).filter(Entry::holds).map(|entry| entry.found)
    }

    pub(super) fn keep_subject(&self, subject: (TenantId, Uuid), found: Found, asked_at: Instant) {
        self.by_subject.insert(subject, Entry { found, asked_at });
    }

    pub(super) fn keep_id(&self, key_id: Uuid, found: Found, asked_at: Instant) {
        self.by_id.insert(key_id, Entry { found, asked_at });
    }

    /// Drops a person's key, wherever it is.
    pub(super) fn forget(&self, subject: &(TenantId, Uuid), key_id: Option<Uuid>) {
        let known = self.by_subject.remove(subject).map(|(_, entry)| entry.found);
        let known = match known {
            Some(Found::Key { key_id, .. }) => Some(key_id),
            Some(Found::Erased) | None => None,
        };
        for key_id in [known, key_id].into_iter().flatten() {
            self.by_id.remove(&key_id);
        }
    }

    /// Drops what is too old to be used, so that it does not linger either.
    pub(super) fn forget_old(&self) {
        self.by_subject.retain(|_, entry| entry.holds());
        self.by_id.retain(|_, entry| entry.holds());
    }
}

impl Found {
    /// A key as it is kept.
    pub(super) fn key(key_id: Uuid, key: super::cipher::DataKey) -> Self {
        Self::Key { key_id, key: Arc::new(key) }
    }
}
