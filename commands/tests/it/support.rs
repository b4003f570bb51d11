//! What the tests share: a tenant, envelopes, and a store that can be tampered with.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use async_trait::async_trait;
use kontor_commands::{
    Append, AppendError, AppendOutcome, CommandId, Envelope, EventStore, Outcome, Receipt, Routed,
    Router, RouterSettings, StoreError, StreamTail, clock, memory::MemoryStore,
};
use kontor_domain::{Actor, RefusalDocument, TenantId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::tally::Tally;

pub(crate) fn tenant() -> TenantId {
    "salon_abc".parse().unwrap()
}

pub(crate) fn settings() -> RouterSettings {
    RouterSettings { conflict_pause: std::time::Duration::ZERO, ..RouterSettings::default() }
}

pub(crate) fn router(store: &Arc<impl EventStore>) -> Router {
    router_with(store, settings())
}

pub(crate) fn router_with(store: &Arc<impl EventStore>, settings: RouterSettings) -> Router {
    router_on(store.clone(), settings)
}

pub(crate) fn router_on(store: Arc<dyn EventStore>, settings: RouterSettings) -> Router {
    Router::builder(store).register::<Tally>().settings(settings).build()
}

/// A command to a tally.
pub(crate) fn to_tally(id: Uuid, command: Value) -> Envelope {
    Envelope::new(
        Uuid::now_v7(),
        (tenant(), "tally", id),
        command,
        Actor::System { name: "test".to_owned() },
        clock::now(),
    )
}

pub(crate) fn add(id: Uuid, amount: i64) -> Envelope {
    to_tally(id, json!({"type": "add", "amount": amount}))
}

pub(crate) fn take(id: Uuid, amount: i64) -> Envelope {
    to_tally(id, json!({"type": "take", "amount": amount}))
}

/// A command to the tenant itself.
pub(crate) fn to_tenant(tenant: &TenantId, command: Value) -> Envelope {
    Envelope::new(
        Uuid::now_v7(),
        (tenant.clone(), "tenant", tenant.stream_id()),
        command,
        Actor::System { name: "test".to_owned() },
        clock::now(),
    )
}

pub(crate) fn create_tenant(tenant: &TenantId) -> Envelope {
    to_tenant(
        tenant,
        json!({
            "type": "create", "name": "Salon", "kind": "salon", "language": "ru",
            "time_zone": "Europe/Moscow",
        }),
    )
}

/// The version after an accepted command.
pub(crate) fn accepted_version(routed: &Routed) -> i64 {
    match &routed.outcome {
        Outcome::Accepted(accepted) => accepted.version,
        Outcome::Refused { refusal } => panic!("refused: {}", refusal.message),
    }
}

/// The refusal of a refused command.
pub(crate) fn refusal(routed: &Routed) -> &RefusalDocument {
    match &routed.outcome {
        Outcome::Accepted(accepted) => panic!("accepted at version {}", accepted.version),
        Outcome::Refused { refusal } => refusal,
    }
}

/// A store that counts reads, and lets a rival write first as often as it is told to.
#[derive(Default)]
pub(crate) struct RivalStore {
    pub(crate) inner: Arc<MemoryStore>,
    pub(crate) loads: AtomicU32,
    pub(crate) rivals_left: AtomicU32,
}

impl RivalStore {
    pub(crate) fn with_rivals(rivals: u32) -> Arc<Self> {
        Arc::new(Self { rivals_left: AtomicU32::new(rivals), ..Self::default() })
    }
}

#[async_trait]
impl EventStore for RivalStore {
    async fn load(
        &self,
        tenant: &TenantId,
        stream_id: Uuid,
        after_version: i64,
    ) -> Result<StreamTail, StoreError> {
        self.loads.fetch_add(1, Ordering::Relaxed);
        self.inner.load(tenant, stream_id, after_version).await
    }

    async fn append(&self, append: Append) -> Result<AppendOutcome, AppendError> {
        let left = self.rivals_left.load(Ordering::Relaxed);
        if left > 0 {
            self.rivals_left.store(left - 1, Ordering::Relaxed);
            router(&self.inner).route(add(append.stream_id, 1)).await.unwrap();
        }
        self.inner.append(append).await
    }

    async fn receipt(
        &self,
        tenant: &TenantId,
        command_id: CommandId,
    ) -> Result<Option<Receipt>, StoreError> {
        self.inner.receipt(tenant, command_id).await
    }
}
