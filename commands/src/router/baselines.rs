//! The states of aggregates as their histories left them, most recently used first.

use std::{collections::HashSet, hash::Hash, sync::Arc};

use kontor_domain::{Decider, TenantId};
use quick_cache::{Equivalent, sync::Cache};
use uuid::Uuid;

use super::{RouteError, decision::guarded};
use crate::{EventStore, StreamTail};

/// An aggregate's state after all events up to `version`.
///
/// It may be older than the log: every append names the version it rests on, so a decision on an
/// old state never stands.
pub(super) struct Baseline<A> {
    pub(super) state: A,
    pub(super) version: i64,
}

/// The states of one aggregate type, bounded.
pub(super) struct Baselines<A> {
    cache: Cache<Key, Arc<Baseline<A>>>,
}

#[derive(Eq, Hash, PartialEq)]
struct Key {
    tenant: TenantId,
    id: Uuid,
}

/// A [`Key`] that is only looked up, so that nothing is copied.
#[derive(Hash)]
struct KeyRef<'a> {
    tenant: &'a TenantId,
    id: Uuid,
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.id == key.id && *self.tenant == key.tenant
    }
}

impl<A: Decider> Baselines<A> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { cache: Cache::new(capacity) }
    }

    pub(super) fn get(&self, tenant: &TenantId, id: Uuid) -> Option<Arc<Baseline<A>>> {
        self.cache.get(&KeyRef { tenant, id })
    }

    /// Keeps a state that rests on committed events alone. What does not exist takes no room.
    pub(super) fn put(&self, tenant: &TenantId, id: Uuid, baseline: Arc<Baseline<A>>) {
        if baseline.version > 0 {
            self.cache.insert(Key { tenant: tenant.clone(), id }, baseline);
        }
    }

    pub(super) fn forget(&self, tenant: &TenantId, id: Uuid) {
        self.cache.remove(&KeyRef { tenant, id });
    }

    /// Drops the states that hold something about one of these people.
    pub(super) fn forget_subjects(&self, subjects: &HashSet<(TenantId, Uuid)>) {
        self.cache.retain(|key, baseline| {
            let subject = baseline.state.subject(key.id);
            !subject.is_some_and(|subject| subjects.contains(&(key.tenant.clone(), subject)))
        });
    }

    /// Reads what the log has after `known`, or everything, and keeps the result.
    pub(super) async fn load(
        &self,
        store: &dyn EventStore,
        (tenant, id): (&TenantId, Uuid),
        known: Option<Arc<Baseline<A>>>,
    ) -> Result<Arc<Baseline<A>>, RouteError> {
        let after_version = known.as_ref().map_or(0, |known| known.version);
        let tail = store.load(tenant, id, after_version).await.map_err(RouteError::Store)?;
        let baseline = match known {
            Some(known) if tail.stored == 0 => known,
            known => Arc::new(fold(known.as_deref(), &tail)?),
        };
        self.put(tenant, id, Arc::clone(&baseline));
        Ok(baseline)
    }
}

/// The state after a tail that follows on `known`. Its version is the log's, whatever the upcasters
/// made of the last events: the next append is held against it.
fn fold<A: Decider>(
    known: Option<&Baseline<A>>,
    tail: &StreamTail,
) -> Result<Baseline<A>, RouteError> {
    let (state, before) =
        known.map_or_else(|| (A::default(), 0), |known| (known.state.clone(), known.version));
    if before + tail.stored != tail.version {
        return Err(RouteError::Defect(format!(
            "its history has {} events between the versions {before} and {}",
            tail.stored, tail.version
        )));
    }
    let facts = tail
        .events
        .iter()
        .map(|event| {
            if event.stream_type != A::TYPE {
                return Err(RouteError::Malformed(format!(
                    "this id belongs to another aggregate, not to one of type `{}`",
                    A::TYPE
                )));
            }
            event.body::<A::Fact>().map_err(RouteError::Undecodable)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let state = guarded::<A, _>("while its history was applied", move || {
        let mut state = state;
        for fact in facts {
            state.apply(fact);
        }
        state
    })?;
    Ok(Baseline { state, version: tail.version })
}
