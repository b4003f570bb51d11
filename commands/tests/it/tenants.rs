//! What decisions know of their tenant.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use kontor_commands::{
    RouteError, RouterSettings,
    memory::{Faults, MemoryStore},
};
use kontor_domain::TenantId;
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    RivalStore, accepted_version, create_tenant, refusal, router, router_with, settings, tenant,
    to_tally, to_tenant,
};

fn only_in_salons() -> kontor_commands::Envelope {
    to_tally(Uuid::now_v7(), json!({"type": "only_in_salons"}))
}

#[tokio::test]
async fn a_tenant_that_comes_into_being_is_known_at_once() {
    let store = Arc::new(MemoryStore::new());
    let (here, there) = (router(&store), router(&store));
    for router in [&here, &there] {
        assert_eq!(refusal(&router.route(only_in_salons()).await.unwrap()).code, "no_salon");
    }
    here.route(create_tenant(&tenant())).await.unwrap();
    for router in [&here, &there] {
        assert_eq!(accepted_version(&router.route(only_in_salons()).await.unwrap()), 1);
    }
}

#[tokio::test]
async fn a_command_to_a_tenant_needs_the_tenants_own_id() {
    let store = Arc::new(MemoryStore::new());
    let router = router(&store);
    let mut envelope = create_tenant(&tenant());
    envelope.id = Uuid::now_v7();
    let error = router.route(envelope).await.unwrap_err();
    assert!(matches!(error, RouteError::Malformed(_)), "{error}");
    assert!(error.to_string().contains("field `id`"), "{error}");
    assert!(store.receipts(&tenant()).is_empty());
}

#[tokio::test]
async fn facts_are_read_again_when_they_are_old_and_only_then() {
    for (max_age, loads_expected) in [(Duration::from_secs(3600), 0), (Duration::ZERO, 10)] {
        let store = RivalStore::with_rivals(0);
        let limits = RouterSettings { tenant_facts_max_age: max_age, ..settings() };
        let router = router_with(&store, limits);
        router.route(create_tenant(&tenant())).await.unwrap();
        let id = Uuid::now_v7();
        let salon = || to_tally(id, json!({"type": "only_in_salons"}));
        router.route(salon()).await.unwrap();
        let loads = store.loads.load(Ordering::Relaxed);
        for _ in 0..10 {
            router.route(salon()).await.unwrap();
        }
        assert_eq!(store.loads.load(Ordering::Relaxed) - loads, loads_expected);
    }
}

#[tokio::test]
async fn a_change_through_another_process_is_seen_after_the_age() {
    let store = Arc::new(MemoryStore::new());
    let here = router(&store);
    let limits = RouterSettings { tenant_facts_max_age: Duration::ZERO, ..settings() };
    let there = router_with(&store, limits);
    here.route(create_tenant(&tenant())).await.unwrap();
    there.route(only_in_salons()).await.unwrap();
    let rename = json!({"type": "rename", "name": "Beauty"});
    assert_eq!(accepted_version(&here.route(to_tenant(&tenant(), rename)).await.unwrap()), 2);
    there.route(only_in_salons()).await.unwrap();
    // `there` has read the rename as a side effect, so this command needs no second attempt.
    let again = json!({"type": "rename", "name": "Style"});
    assert_eq!(accepted_version(&there.route(to_tenant(&tenant(), again)).await.unwrap()), 3);
}

#[tokio::test]
async fn tenants_do_not_know_each_other() {
    let store = Arc::new(MemoryStore::new());
    let router = router(&store);
    let other: TenantId = "moscow".parse().unwrap();
    router.route(create_tenant(&tenant())).await.unwrap();
    let mut envelope = only_in_salons();
    envelope.tenant = other;
    assert_eq!(refusal(&router.route(envelope).await.unwrap()).code, "no_salon");
}

#[tokio::test]
async fn commands_that_wait_for_the_same_tenant_share_one_read() {
    let faults = Faults { seed: 5, yields_max: 4, ..Faults::default() };
    let inner = Arc::new(MemoryStore::with_faults(faults));
    let store = Arc::new(RivalStore { inner, ..RivalStore::default() });
    let router = router(&store);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let router = router.clone();
        tasks.spawn(async move { router.route(only_in_salons()).await.unwrap() });
    }
    tasks.join_all().await;
    // A read for the first command, a few for those that asked after one had begun, and one for
    // each command's own aggregate; without sharing it would be 64.
    let loads = store.loads.load(Ordering::Relaxed);
    assert!(loads <= 32 + 8, "{loads} reads");
}
