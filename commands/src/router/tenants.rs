//! What decisions may know of their tenant: a copy of its state that is refreshed by age, one
//! refresh at a time.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use kontor_domain::{TenantFacts, TenantId, tenant::Tenant};
use quick_cache::sync::Cache;

use super::{
    RouteError, RouterSettings,
    baselines::{Baseline, Baselines},
};
use crate::EventStore;

/// How far beyond their age facts are still used while another command refreshes them. Beyond it
/// everybody waits for the refresh: a store that hangs must not freeze the settings.
const REFRESH_GRACE: Duration = Duration::from_secs(5);

/// The facts of all tenants that commands were seen for, bounded.
pub(super) struct Tenants {
    baselines: Arc<Baselines<Tenant>>,
    slots: Cache<TenantId, Arc<Slot>>,
    max_age: Duration,
}

#[derive(Default)]
struct Slot {
    known: Mutex<Option<Known>>,
    refresh: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Known {
    facts: Arc<TenantFacts>,
    version: i64,
    /// When the read began that these facts come from.
    read_at: Instant,
}

impl Tenants {
    pub(super) fn new(baselines: Arc<Baselines<Tenant>>, settings: &RouterSettings) -> Self {
        Self {
            baselines,
            slots: Cache::new(settings.tenants_max),
            max_age: settings.tenant_facts_max_age,
        }
    }

    /// The tenant's facts. That a tenant does not exist is never remembered: every command asks
    /// again, together with those that wait at the same time.
    pub(super) async fn facts(
        &self,
        store: &dyn EventStore,
        tenant: &TenantId,
    ) -> Result<Arc<TenantFacts>, RouteError> {
        let asked_at = Instant::now();
        let slot = self.slot(tenant);
        let known = slot.known().filter(|known| known.facts.exists);
        let _guard = match known {
            Some(known) => {
                let age = asked_at.saturating_duration_since(known.read_at);
                if age < self.max_age {
                    return Ok(known.facts);
                }
                match slot.refresh.try_lock() {
                    Ok(guard) => guard,
                    Err(_) if age < self.max_age + REFRESH_GRACE => return Ok(known.facts),
                    Err(_) => slot.refresh.lock().await,
                }
            }
            None => slot.refresh.lock().await,
        };
        match slot.known() {
            // Another command has read them since this one asked.
            Some(known) if known.read_at >= asked_at => Ok(known.facts),
            _ => self.refresh(store, tenant, &slot).await,
        }
    }

    /// Takes over what a command to the tenant itself has just changed.
    pub(super) fn learn(&self, tenant: &TenantId) {
        let slot = self.slot(tenant);
        match self.baselines.get(tenant, tenant.stream_id()) {
            Some(baseline) => drop(slot.offer(known(tenant, &baseline, Instant::now()))),
            // Fallen out of the cache at once: the next command reads it from the log.
            None => slot.forget(),
        }
    }

    async fn refresh(
        &self,
        store: &dyn EventStore,
        tenant: &TenantId,
        slot: &Slot,
    ) -> Result<Arc<TenantFacts>, RouteError> {
        let read_at = Instant::now();
        let id = tenant.stream_id();
        let old = self.baselines.get(tenant, id);
        let baseline = self.baselines.load(store, (tenant, id), old).await?;
        Ok(slot.offer(known(tenant, &baseline, read_at)))
    }

    fn slot(&self, tenant: &TenantId) -> Arc<Slot> {
        let Ok(slot) = self
            .slots
            .get_or_insert_with(tenant, || Ok::<_, Infallible>(Arc::new(Slot::default())));
        slot
    }
}

impl Slot {
    fn known(&self) -> Option<Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps the newer of the old and the offered facts, and returns them.
    fn offer(&self, offered: Known) -> Arc<TenantFacts> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(newer) if newer.version > offered.version => Arc::clone(&newer.facts),
            _ => Arc::clone(&known.insert(offered).facts),
        }
    }

    fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

fn known(tenant: &TenantId, baseline: &Baseline<Tenant>, read_at: Instant) -> Known {
    let facts = Arc::new(baseline.state.facts(tenant.clone()));
    Known { facts, version: baseline.version, read_at }
}
