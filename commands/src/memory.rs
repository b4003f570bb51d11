//! An event store in memory with the rules of the real one, for tests and simulations.

mod faults;

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use kontor_domain::{Recorded, TenantId, Upcasters};
use uuid::Uuid;

pub use self::faults::Faults;
use self::faults::{FaultSource, InjectedFault};
use crate::{
    Accepted, Append, AppendError, AppendOutcome, CommandId, EventStore, Expected, Outcome,
    Receipt, StoreError, StreamTail, clock,
};

/// Events and receipts in memory.
///
/// Appends are atomic: positions are gapless, versions contiguous, and a command has one receipt,
/// written with its events. It grows without bound and forgets everything when dropped.
pub struct MemoryStore {
    log: Mutex<Log>,
    faults: Option<FaultSource>,
    upcasters: &'static Upcasters,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self { log: Mutex::default(), faults: None, upcasters: Upcasters::current() }
    }
}

#[derive(Default)]
struct Log {
    events: Vec<Recorded>,
    /// The places of each stream's events in `events`.
    streams: HashMap<Uuid, Vec<usize>>,
    receipts: HashMap<(TenantId, CommandId), Receipt>,
}

impl MemoryStore {
    /// An empty store that never fails.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that fails and dawdles as `faults` says.
    pub fn with_faults(faults: Faults) -> Self {
        Self { faults: Some(FaultSource::new(faults)), ..Self::default() }
    }

    /// The same store, read by other upcasters than those of this build.
    #[must_use]
    pub fn read_by(self, upcasters: &'static Upcasters) -> Self {
        Self { upcasters, ..self }
    }

    /// The whole log in order.
    pub fn events(&self) -> Vec<Recorded> {
        self.log().events.clone()
    }

    /// All receipts of a tenant, in no order.
    pub fn receipts(&self, tenant: &TenantId) -> Vec<Receipt> {
        let log = self.log();
        log.receipts
            .iter()
            .filter(|((owner, _), _)| owner == tenant)
            .map(|(_, receipt)| receipt.clone())
            .collect()
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn dawdle(&self) {
        if let Some(faults) = &self.faults {
            faults.dawdle().await;
        }
    }

    fn fail_if(&self, chance: impl Fn(&Faults) -> u16) -> Result<(), StoreError> {
        match &self.faults {
            Some(faults) if faults.strikes(chance) => Err(StoreError(Box::new(InjectedFault))),
            _ => Ok(()),
        }
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn load(
        &self,
        tenant: &TenantId,
        stream_id: Uuid,
        after_version: i64,
    ) -> Result<StreamTail, StoreError> {
        self.dawdle().await;
        self.fail_if(|faults| faults.load_fails_per_mille)?;
        let events = self.log().load(tenant, stream_id, after_version);
        self.dawdle().await;
        Ok(StreamTail::read(after_version, events, self.upcasters))
    }

    async fn append(&self, append: Append) -> Result<AppendOutcome, AppendError> {
        self.dawdle().await;
        self.fail_if(|faults| faults.append_fails_before_per_mille)?;
        let outcome = self.log().append(append, clock::now())?;
        self.dawdle().await;
        self.fail_if(|faults| faults.append_fails_after_per_mille)?;
        Ok(outcome)
    }

    async fn receipt(
        &self,
        tenant: &TenantId,
        command_id: CommandId,
    ) -> Result<Option<Receipt>, StoreError> {
        self.dawdle().await;
        Ok(self.log().receipts.get(&(tenant.clone(), command_id)).cloned())
    }
}

impl Log {
    fn load(&self, tenant: &TenantId, stream_id: Uuid, after_version: i64) -> Vec<Recorded> {
        let places = self.streams.get(&stream_id).map_or(&[][..], Vec::as_slice);
        places
            .iter()
            .filter_map(|place| self.events.get(*place))
            .filter(|event| event.tenant == *tenant && event.version > after_version)
            .cloned()
            .collect()
    }

    fn append(&mut self, append: Append, now: DateTime<Utc>) -> Result<AppendOutcome, StoreError> {
        if append.refusal.is_some() && !append.events.is_empty() {
            return Err(StoreError("a refused command has no events".into()));
        }
        let key = (append.tenant.clone(), append.command_id);
        if let Some(receipt) = self.receipts.get(&key) {
            return Ok(AppendOutcome::Duplicate(receipt.clone()));
        }
        let stream = self.streams.get(&append.stream_id).map_or(&[][..], Vec::as_slice);
        let before = count(stream.len());
        let foreign =
            stream.first().and_then(|first| self.events.get(*first)).is_some_and(|first| {
                first.tenant != append.tenant || first.stream_type != append.stream_type
            });
        let stands = !foreign
            && match append.expected {
                Expected::NoStream => before == 0,
                Expected::Exact(version) => before == version,
                Expected::StreamExists => before > 0,
                Expected::Any => true,
            };
        if !stands {
            return Ok(AppendOutcome::Conflict { version: before });
        }
        let first = count(self.events.len()) + 1;
        self.insert(&append, before, now);
        let last = count(self.events.len());
        let version = before + last - first + 1;
        let first_position = (last >= first).then_some(first);
        let last_position = (last >= first).then_some(last);
        let outcome = match append.refusal {
            Some(refusal) => Outcome::Refused { refusal },
            None => Outcome::Accepted(Accepted {
                id: append.stream_id,
                version,
                first_position,
                last_position,
            }),
        };
        let receipt = Receipt {
            command_id: append.command_id,
            fingerprint: append.fingerprint,
            stream_type: append.stream_type.to_owned(),
            stream_id: append.stream_id,
            outcome,
            recorded_at: now,
        };
        self.receipts.insert(key, receipt);
        Ok(AppendOutcome::Appended { version, first_position, last_position })
    }

    fn insert(&mut self, append: &Append, before: i64, now: DateTime<Utc>) {
        for (event, version) in append.events.iter().zip(before + 1..) {
            self.streams.entry(append.stream_id).or_default().push(self.events.len());
            self.events.push(Recorded {
                position: count(self.events.len()) + 1,
                tenant: append.tenant.clone(),
                stream_type: append.stream_type.to_owned(),
                stream_id: append.stream_id,
                version,
                event_id: event.event_id,
                event_type: event.event_type.to_owned(),
                schema_version: event.schema_version,
                payload: event.payload.clone(),
                metadata: append.metadata.clone(),
                occurred_at: append.occurred_at,
                recorded_at: now,
            });
        }
    }
}

/// A length as a position or version; memory ends long before `i64` does.
fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
