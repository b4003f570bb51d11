//! One command at a time: every outcome and every error.

use std::sync::{Arc, LazyLock};

use chrono::{Duration, TimeZone, Utc};
use kontor_commands::{
    Append, EventStore, Expected, NewEvent, Outcome, RouteError, Router, RouterSettings,
    memory::{Faults, MemoryStore},
};
use kontor_domain::{Actor, EventSchema, Metadata, Upcasters, upcast::Upcaster};
use serde_json::json;
use uuid::Uuid;

use crate::support::{
    accepted_version, add, refusal, router, router_with, settings, take, tenant, to_tally,
};

fn world() -> (Arc<MemoryStore>, Router, Uuid) {
    let store = Arc::new(MemoryStore::new());
    let router = router(&store);
    (store, router, Uuid::now_v7())
}

#[tokio::test]
async fn an_accepted_command_is_in_the_log_with_its_circumstances() {
    let (store, router, id) = world();
    let mut envelope = add(id, 5);
    envelope.causation_id = Some(Uuid::now_v7());
    envelope.trace = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    let routed = router.route(envelope.clone()).await.unwrap();
    let Outcome::Accepted(accepted) = routed.outcome else { panic!("refused") };
    assert!(!routed.replayed);
    assert_eq!((accepted.id, accepted.version), (id, 1));
    assert_eq!((accepted.first_position, accepted.last_position), (Some(1), Some(1)));
    let events = store.events();
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!((event.position, event.version, event.stream_id), (1, 1, id));
    assert_eq!((event.event_type.as_str(), event.schema_version), ("tally.changed", 1));
    assert_eq!(event.event_id.get_version_num(), 7);
    assert_eq!(event.occurred_at, envelope.issued_at);
    let Metadata { actor, command_id, correlation_id, causation_id, trace } = &event.metadata;
    assert_eq!((actor, *command_id), (&envelope.actor, envelope.command_id));
    assert_eq!((*correlation_id, *causation_id), (envelope.correlation_id, envelope.causation_id));
    assert_eq!(*trace, envelope.trace);
}

#[tokio::test]
async fn a_refused_command_leaves_a_receipt_and_no_event() {
    let (store, router, id) = world();
    router.route(add(id, 5)).await.unwrap();
    let envelope = take(id, 6);
    let routed = router.route(envelope.clone()).await.unwrap();
    let refusal = refusal(&routed);
    assert_eq!(refusal.code, "not_enough");
    assert_eq!(refusal.message, "there are 5 after 1 changes, not 6");
    assert_eq!(refusal.details["asked"], 6);
    assert_eq!(store.events().len(), 1);
    let receipt = store.receipt(&tenant(), envelope.command_id).await.unwrap().unwrap();
    assert_eq!(receipt.outcome, routed.outcome);
}

#[tokio::test]
async fn a_command_that_changes_nothing_is_accepted_without_positions() {
    let (store, router, id) = world();
    router.route(add(id, 5)).await.unwrap();
    let routed = router.route(add(id, 0)).await.unwrap();
    let Outcome::Accepted(accepted) = routed.outcome else { panic!("refused") };
    assert_eq!(
        (accepted.version, accepted.first_position, accepted.last_position),
        (1, None, None)
    );
    assert_eq!(store.events().len(), 1);
}

#[tokio::test]
async fn a_retried_command_has_the_outcome_it_had_first() {
    let (store, router, id) = world();
    let envelope = add(id, 5);
    let first = router.route(envelope.clone()).await.unwrap();
    router.route(add(id, 1)).await.unwrap();
    let again = router.route(envelope).await.unwrap();
    assert!(again.replayed);
    assert_eq!(again.outcome, first.outcome);
    assert_eq!(store.events().len(), 2);
    // The replay left the state in memory alone.
    assert_eq!(accepted_version(&router.route(take(id, 6)).await.unwrap()), 3);
}

#[tokio::test]
async fn a_retried_command_keeps_its_outcome_when_it_would_now_be_refused() {
    let (_, router, id) = world();
    router.route(add(id, 5)).await.unwrap();
    let envelope = take(id, 5);
    let first = router.route(envelope.clone()).await.unwrap();
    let again = router.route(envelope).await.unwrap();
    assert_eq!((again.outcome, again.replayed), (first.outcome, true));
}

#[tokio::test]
async fn a_retried_refusal_stays_a_refusal_when_it_would_now_be_accepted() {
    let (_, router, id) = world();
    let envelope = take(id, 5);
    let first = router.route(envelope.clone()).await.unwrap();
    router.route(add(id, 9)).await.unwrap();
    let again = router.route(envelope).await.unwrap();
    assert_eq!(refusal(&again), refusal(&first));
    assert!(again.replayed);
}

#[tokio::test]
async fn a_command_id_used_for_another_command_is_an_error() {
    let (store, router, id) = world();
    let envelope = add(id, 5);
    router.route(envelope.clone()).await.unwrap();
    let mut other = add(id, 6);
    other.command_id = envelope.command_id;
    let error = router.route(other).await.unwrap_err();
    assert!(matches!(error, RouteError::CommandIdReused), "{error}");
    let mut elsewhere = envelope;
    elsewhere.id = Uuid::now_v7();
    let error = router.route(elsewhere).await.unwrap_err();
    assert!(matches!(error, RouteError::CommandIdReused), "{error}");
    assert_eq!(store.events().len(), 1);
}

#[tokio::test]
async fn a_pinned_version_must_hold() {
    let (store, router, id) = world();
    router.route(add(id, 5)).await.unwrap();
    let mut envelope = add(id, 1);
    envelope.expected_version = Some(7);
    let routed = router.route(envelope.clone()).await.unwrap();
    let refusal = refusal(&routed);
    assert_eq!(refusal.code, "version_conflict");
    assert_eq!(
        (&refusal.details["expected_version"], &refusal.details["actual_version"]),
        (&json!(7), &json!(1))
    );
    assert!(store.receipt(&tenant(), envelope.command_id).await.unwrap().is_some());
    let mut right = add(id, 1);
    right.expected_version = Some(1);
    assert_eq!(accepted_version(&router.route(right).await.unwrap()), 2);
    let mut fresh = add(Uuid::now_v7(), 1);
    fresh.expected_version = Some(0);
    assert_eq!(accepted_version(&router.route(fresh).await.unwrap()), 1);
}

#[tokio::test]
async fn a_command_after_its_deadline_is_refused_but_keeps_an_earlier_outcome() {
    let store = Arc::new(MemoryStore::new());
    let in_time = router(&store);
    let late = router_with(
        &store,
        RouterSettings { now: || Utc.with_ymd_and_hms(2100, 1, 1, 0, 0, 0).unwrap(), ..settings() },
    );
    let id = Uuid::now_v7();
    let envelope = add(id, 5);
    let routed = late.route(envelope.clone()).await.unwrap();
    assert_eq!(refusal(&routed).code, "deadline_passed");
    assert!(store.events().is_empty());
    let again = in_time.route(envelope).await.unwrap();
    assert_eq!((refusal(&again).code.as_str(), again.replayed), ("deadline_passed", true));
    let done = add(id, 5);
    let first = in_time.route(done.clone()).await.unwrap();
    assert_eq!(late.route(done).await.unwrap().outcome, first.outcome);
    let mut exactly = add(id, 5);
    exactly.issued_at = Utc.with_ymd_and_hms(2100, 1, 1, 0, 0, 0).unwrap();
    exactly.deadline = exactly.issued_at;
    assert_eq!(accepted_version(&late.route(exactly.clone()).await.unwrap()), 2);
    exactly.command_id = Uuid::now_v7();
    exactly.deadline -= Duration::microseconds(1);
    assert_eq!(refusal(&late.route(exactly).await.unwrap()).code, "deadline_passed");
}

#[tokio::test]
async fn an_unknown_aggregate_is_an_error() {
    let (_, router, id) = world();
    let mut envelope = add(id, 1);
    envelope.aggregate = "teapot".to_owned();
    let error = router.route(envelope).await.unwrap_err();
    assert!(matches!(error, RouteError::UnknownAggregate), "{error}");
    assert!(!error.is_transient());
}

#[tokio::test]
async fn a_malformed_command_names_its_field() {
    let (store, router, id) = world();
    let error = router.route(to_tally(id, json!({"type": "add"}))).await.unwrap_err();
    assert_eq!(error.to_string(), "the command cannot be read: missing field `amount`");
    let error =
        router.route(to_tally(id, json!({"type": "add", "amount": "many"}))).await.unwrap_err();
    assert_eq!(error.to_string(), "the command cannot be read: field `amount`: expected i64");
    assert!(!error.is_transient());
    assert!(store.receipts(&tenant()).is_empty());
}

#[tokio::test]
async fn a_panic_while_deciding_harms_nobody_else() {
    let (store, router, id) = world();
    router.route(add(id, 5)).await.unwrap();
    let error = router.route(to_tally(id, json!({"type": "panic_in_decide"}))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "defect of the aggregate: `tally` panicked while deciding: the tally is cursed"
    );
    assert!(!error.is_transient());
    assert_eq!(accepted_version(&router.route(take(id, 5)).await.unwrap()), 2);
    assert_eq!(store.events().len(), 2);
}

#[tokio::test]
async fn events_that_cannot_be_applied_never_reach_the_log() {
    let (store, router, id) = world();
    router.route(add(id, 5)).await.unwrap();
    let error = router.route(to_tally(id, json!({"type": "panic_in_apply"}))).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "defect of the aggregate: `tally` panicked while its new events were applied: \
         see the panic message"
    );
    assert_eq!(store.events().len(), 1);
    // The half-applied copy is gone: exactly the five are there to take.
    assert_eq!(refusal(&router.route(take(id, 6)).await.unwrap()).details["total"], 5);
}

#[tokio::test]
async fn a_history_that_cannot_be_read_or_applied_is_an_error_of_its_own() {
    let (store, router, id) = world();
    store.append(foreign(id, "tally", "tally.painted")).await.unwrap();
    let error = router.route(add(id, 1)).await.unwrap_err();
    assert!(matches!(error, RouteError::Undecodable(_)), "{error}");
    assert!(!error.is_transient());
    let cursed = Uuid::now_v7();
    store.append(foreign(cursed, "tally", "tally.cursed")).await.unwrap();
    let error = router.route(add(cursed, 1)).await.unwrap_err();
    assert!(error.to_string().contains("panicked while its history was applied"), "{error}");
}

#[tokio::test]
async fn an_id_of_another_aggregate_or_another_tenant_is_malformed() {
    let (store, router, id) = world();
    store.append(foreign(id, "meter", "meter.archived")).await.unwrap();
    let error = router.route(add(id, 1)).await.unwrap_err();
    assert!(matches!(error, RouteError::Malformed(_)), "{error}");
    let taken = Uuid::now_v7();
    router.route(add(taken, 1)).await.unwrap();
    let mut stranger = add(taken, 1);
    stranger.tenant = "moscow".parse().unwrap();
    let error = router.route(stranger).await.unwrap_err();
    assert!(error.to_string().contains("this id is in use elsewhere"), "{error}");
    let mut late = add(taken, 1);
    late.tenant = "moscow".parse().unwrap();
    late.deadline = late.issued_at - Duration::days(1);
    let error = router.route(late).await.unwrap_err();
    assert!(error.to_string().contains("this id is in use elsewhere"), "{error}");
    assert!(!error.is_transient());
    assert_eq!(store.events().len(), 2);
}

#[tokio::test]
async fn more_than_the_log_takes_is_turned_away_whole() {
    let store = Arc::new(MemoryStore::new());
    let limits = RouterSettings {
        events_per_command_max: 3,
        payload_bytes_max: 200,
        command_bytes_max: 450,
        ..settings()
    };
    let router = router_with(&store, limits);
    let id = Uuid::now_v7();
    let burst = |count: usize, bytes: usize| {
        to_tally(id, json!({"type": "burst", "count": count, "note_bytes": bytes}))
    };
    assert_eq!(accepted_version(&router.route(burst(3, 100)).await.unwrap()), 3);
    let error = router.route(burst(4, 0)).await.unwrap_err();
    assert!(error.to_string().contains("4 events, at most 3"), "{error}");
    let error = router.route(burst(1, 200)).await.unwrap_err();
    assert!(error.to_string().contains("an event has at most 200"), "{error}");
    let error = router.route(burst(3, 150)).await.unwrap_err();
    assert!(error.to_string().contains("bytes of events, at most 450"), "{error}");
    assert!(!error.is_transient());
    assert_eq!(store.events().len(), 3);
}

#[tokio::test]
async fn a_failing_store_is_transient_and_repeating_finds_the_outcome() {
    let faults = Faults { append_fails_after_per_mille: 1000, ..Faults::default() };
    let store = Arc::new(MemoryStore::with_faults(faults));
    let router = router(&store);
    let envelope = add(Uuid::now_v7(), 5);
    for _ in 0..3 {
        let error = router.route(envelope.clone()).await.unwrap_err();
        assert!(matches!(error, RouteError::Store(_)), "{error}");
        assert!(error.is_transient());
    }
    // Recorded once, although nobody ever heard of it.
    assert_eq!(store.events().len(), 1);
    assert_eq!(store.receipts(&tenant()).len(), 1);
}

/// An append as another build, or another aggregate, might have written it.
fn foreign(id: Uuid, stream_type: &'static str, event_type: &'static str) -> Append {
    let command_id = Uuid::now_v7();
    Append {
        tenant: tenant(),
        command_id,
        fingerprint: [0; 16],
        stream_type,
        stream_id: id,
        subject: None,
        expected: Expected::NoStream,
        events: vec![NewEvent {
            event_id: Uuid::now_v7(),
            event_type,
            schema_version: 1,
            payload: r#"{"type": "cursed"}"#.to_owned(),
            personal_fields: &[],
        }],
        refusal: None,
        metadata: Metadata {
            actor: Actor::System { name: "test".to_owned() },
            command_id,
            correlation_id: command_id,
            causation_id: None,
            trace: None,
        },
        occurred_at: kontor_commands::clock::now(),
    }
}

#[tokio::test]
async fn an_upcast_stream_keeps_the_version_of_the_log() {
    const CHANGED: EventSchema = EventSchema::new("tally.changed", 1);
    static UPCASTERS: LazyLock<Upcasters> = LazyLock::new(|| {
        Upcasters::new(
            [CHANGED],
            vec![
                Upcaster::rename(EventSchema::new("tally.added", 1), CHANGED),
                Upcaster::split(EventSchema::new("tally.doubled", 1), &[CHANGED], |fields| {
                    Ok(vec![(CHANGED, fields.clone()), (CHANGED, fields)])
                }),
                Upcaster::drop(EventSchema::new("tally.polished", 1)),
            ],
        )
    });
    let store = Arc::new(MemoryStore::new().read_by(&UPCASTERS));
    let id = Uuid::now_v7();
    let events = ["tally.added", "tally.doubled", "tally.polished"].map(|event_type| NewEvent {
        event_id: Uuid::now_v7(),
        event_type,
        schema_version: 1,
        payload: json!({"type": "changed", "by": 5, "note": ""}).to_string(),
        personal_fields: &[],
    });
    let old = |events| Append {
        expected: Expected::Any,
        events,
        ..foreign(id, "tally", "tally.changed")
    };
    store.append(old(events.to_vec())).await.unwrap();
    let router = router(&store);
    let routed = router.route(take(id, 16)).await.unwrap();
    assert_eq!(refusal(&routed).message, "there are 15 after 3 changes, not 16");
    assert_eq!(accepted_version(&router.route(take(id, 15)).await.unwrap()), 4);
    let polished = NewEvent { event_id: Uuid::now_v7(), ..events[2].clone() };
    store.append(old(vec![polished])).await.unwrap();
    assert_eq!(accepted_version(&router.route(add(id, 1)).await.unwrap()), 6);
}
