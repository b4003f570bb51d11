//! Several writers: conflicts, stale memory, lanes.

use std::sync::{Arc, atomic::Ordering};

use kontor_commands::{
    RouteError, Router,
    memory::{Faults, MemoryStore},
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{RivalStore, accepted_version, add, refusal, router, take};

#[tokio::test]
async fn after_a_conflict_the_command_is_decided_again_on_the_newest_state() {
    let store = RivalStore::with_rivals(2);
    let router = router(&store);
    let id = Uuid::now_v7();
    let routed = router.route(add(id, 10)).await.unwrap();
    // Two rivals added one each before this command went through.
    assert_eq!(accepted_version(&routed), 3);
    assert_eq!(refusal(&router.route(take(id, 13)).await.unwrap()).details["total"], 12);
}

#[tokio::test]
async fn a_command_that_loses_every_race_is_contended_and_leaves_nothing() {
    let store = RivalStore::with_rivals(Router::ATTEMPTS_MAX);
    let router = router(&store);
    let id = Uuid::now_v7();
    let envelope = add(id, 10);
    let error = router.route(envelope.clone()).await.unwrap_err();
    assert!(matches!(error, RouteError::Contended), "{error}");
    assert!(error.is_transient());
    assert_eq!(store.inner.events().len(), 5);
    assert_eq!(accepted_version(&router.route(envelope).await.unwrap()), 6);
}

#[tokio::test]
async fn a_pinned_version_that_a_rival_passed_is_refused_with_the_new_version() {
    let store = RivalStore::with_rivals(0);
    let router = router(&store);
    let id = Uuid::now_v7();
    router.route(add(id, 1)).await.unwrap();
    store.rivals_left.store(1, Ordering::Relaxed);
    let mut envelope = add(id, 1);
    envelope.expected_version = Some(1);
    let routed = router.route(envelope).await.unwrap();
    assert_eq!(refusal(&routed).code, "version_conflict");
    assert_eq!(refusal(&routed).details["actual_version"], 2);
}

#[tokio::test]
async fn an_old_state_in_memory_never_causes_a_wrong_answer() {
    let store = Arc::new(MemoryStore::new());
    let (here, there) = (router(&store), router(&store));
    let id = Uuid::now_v7();
    assert_eq!(accepted_version(&here.route(add(id, 5)).await.unwrap()), 1);
    assert_eq!(accepted_version(&there.route(add(id, 5)).await.unwrap()), 2);
    // `here` remembers five; ten are there.
    assert_eq!(accepted_version(&here.route(take(id, 10)).await.unwrap()), 3);
    // `there` remembers ten; none are left.
    assert_eq!(refusal(&there.route(take(id, 10)).await.unwrap()).details["total"], 0);
    // `here` and `there` both know it now; a change through one is news to the other.
    assert_eq!(accepted_version(&there.route(add(id, 1)).await.unwrap()), 4);
    assert_eq!(accepted_version(&here.route(take(id, 1)).await.unwrap()), 5);
}

#[tokio::test]
async fn an_aggregate_in_memory_is_not_read_again() {
    let store = RivalStore::with_rivals(0);
    let router = router(&store);
    let id = Uuid::now_v7();
    router.route(add(id, 1)).await.unwrap();
    let loads = store.loads.load(Ordering::Relaxed);
    for version in 2..20 {
        // The tenant does not exist, which is asked anew every time; the tally is remembered.
        assert_eq!(accepted_version(&router.route(add(id, 1)).await.unwrap()), version);
    }
    assert_eq!(store.loads.load(Ordering::Relaxed) - loads, 18);
}

#[tokio::test]
async fn one_process_never_conflicts_with_itself() {
    let faults = Faults { seed: 1, yields_max: 3, ..Faults::default() };
    let store = Arc::new(MemoryStore::with_faults(faults));
    let router = router(&store);
    let id = Uuid::now_v7();
    let mut tasks = JoinSet::new();
    // Far more writers than attempts: without lanes most of them would be contended.
    for _ in 0..64 {
        let router = router.clone();
        tasks.spawn(async move { accepted_version(&router.route(add(id, 1)).await.unwrap()) });
    }
    let mut versions = tasks.join_all().await;
    versions.sort_unstable();
    assert_eq!(versions, (1..=64).collect::<Vec<_>>());
}
