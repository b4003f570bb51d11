//! What the router does about people who were erased.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use kontor_commands::{
    Append, AppendError, AppendOutcome, CommandId, Envelope, EventStore, Outcome, Receipt, Router,
    StoreError, StreamTail, clock, memory::MemoryStore,
};
use kontor_domain::{Actor, TenantId, account::Account};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{settings, tenant, to_tenant};

/// A log that knows of an erasure before the account does.
struct Erased {
    inner: MemoryStore,
    subject: Uuid,
}

#[async_trait]
impl EventStore for Erased {
    async fn load(
        &self,
        tenant: &TenantId,
        stream_id: Uuid,
        after_version: i64,
    ) -> Result<StreamTail, StoreError> {
        self.inner.load(tenant, stream_id, after_version).await
    }

    async fn append(&self, append: Append) -> Result<AppendOutcome, AppendError> {
        let personal = append.events.iter().any(|event| !event.personal_fields.is_empty());
        if personal && append.subject == Some(self.subject) {
            return Err(AppendError::SubjectErased);
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

fn to_account(id: Uuid, command: Value) -> Envelope {
    let actor = Actor::Operator { name: "desk".to_owned() };
    Envelope::new(Uuid::now_v7(), (tenant(), "account", id), command, actor, clock::now())
}

fn register(id: Uuid) -> Envelope {
    let origin = json!({"kind": "api"});
    let command = json!({
        "type": "register", "display_name": "Анна", "language": "ru", "origin": origin,
    });
    to_account(id, command)
}

async fn world(subject: Uuid) -> (Arc<Erased>, Router) {
    let store = Arc::new(Erased { inner: MemoryStore::default(), subject });
    let shared: Arc<dyn EventStore> = store.clone();
    let router = Router::builder(shared).register::<Account>().settings(settings()).build();
    let create = json!({
        "type": "create", "name": "Салон", "kind": "salon", "language": "ru",
        "time_zone": "Europe/Moscow",
    });
    let created = router.route(to_tenant(&tenant(), create)).await.unwrap();
    assert!(matches!(created.outcome, Outcome::Accepted(_)), "{created:?}");
    (store, router)
}

#[tokio::test]
async fn an_event_about_an_erased_person_becomes_a_refusal_with_a_receipt() {
    let (anna, oleg) = (Uuid::now_v7(), Uuid::now_v7());
    let (store, router) = world(anna).await;
    let envelope = register(anna);
    for replayed in [false, true] {
        let routed = router.route(envelope.clone()).await.unwrap();
        assert_eq!(routed.replayed, replayed);
        let Outcome::Refused { refusal } = routed.outcome else { panic!("accepted") };
        assert_eq!(refusal.code, "account_erased");
    }
    assert!(store.receipt(&tenant(), envelope.command_id).await.unwrap().is_some());
    let routed = router.route(register(oleg)).await.unwrap();
    assert!(matches!(routed.outcome, Outcome::Accepted(_)), "{routed:?}");
}

#[tokio::test]
async fn forgetting_a_person_changes_no_outcome() {
    let (anna, nobody) = (Uuid::now_v7(), Uuid::now_v7());
    let (_, router) = world(nobody).await;
    router.route(register(anna)).await.unwrap();
    router.forget_subjects(&HashSet::from([(tenant(), anna), (tenant(), nobody)]));
    let rename = json!({"type": "rename", "display_name": "Анна Петрова"});
    let routed = router.route(to_account(anna, rename)).await.unwrap();
    let Outcome::Accepted(accepted) = routed.outcome else { panic!("refused") };
    assert_eq!(accepted.version, 2);
    let erase = json!({"type": "erase", "ground": "person_asked"});
    router.route(to_account(anna, erase)).await.unwrap();
    router.forget_subjects(&HashSet::from([(tenant(), anna)]));
    let rename = json!({"type": "rename", "display_name": "Анна"});
    let routed = router.route(to_account(anna, rename)).await.unwrap();
    let Outcome::Refused { refusal } = routed.outcome else { panic!("accepted") };
    assert_eq!(refusal.code, "account_erased");
}
