//! The store in memory keeps the rules of the port.

use kontor_commands::{
    Append, AppendOutcome, EventStore, Expected, NewEvent, Outcome, clock,
    memory::{Faults, MemoryStore},
};
use kontor_domain::{Actor, Metadata, RefusalDocument, TenantId};
use uuid::Uuid;

use crate::support::tenant;

fn append(id: Uuid, expected: Expected, events: usize) -> Append {
    let command_id = Uuid::now_v7();
    let event = |_| NewEvent {
        event_id: Uuid::now_v7(),
        event_type: "tally.changed",
        schema_version: 1,
        payload: r#"{"type":"changed","by":1,"note":""}"#.to_owned(),
        personal_fields: &[],
    };
    Append {
        tenant: tenant(),
        command_id,
        fingerprint: [1; 16],
        stream_type: "tally",
        stream_id: id,
        subject: None,
        expected,
        events: (0..events).map(event).collect(),
        refusal: None,
        metadata: Metadata {
            actor: Actor::System { name: "test".to_owned() },
            command_id,
            correlation_id: command_id,
            causation_id: None,
            trace: None,
        },
        occurred_at: clock::now(),
    }
}

#[tokio::test]
async fn positions_are_gapless_over_streams_and_versions_contiguous_in_them() {
    let store = MemoryStore::new();
    let (one, two) = (Uuid::now_v7(), Uuid::now_v7());
    let appended = |version, first_position, last_position| AppendOutcome::Appended {
        version,
        first_position,
        last_position,
    };
    let first = store.append(append(one, Expected::NoStream, 2)).await.unwrap();
    assert_eq!(first, appended(2, Some(1), Some(2)));
    let second = store.append(append(two, Expected::Any, 1)).await.unwrap();
    assert_eq!(second, appended(1, Some(3), Some(3)));
    let third = store.append(append(one, Expected::Exact(2), 1)).await.unwrap();
    assert_eq!(third, appended(3, Some(4), Some(4)));
    let nothing = store.append(append(one, Expected::StreamExists, 0)).await.unwrap();
    assert_eq!(nothing, appended(3, None, None));
    let positions: Vec<_> = store.events().iter().map(|event| event.position).collect();
    assert_eq!(positions, [1, 2, 3, 4]);
    let after = store.load(&tenant(), one, 1).await.unwrap();
    assert_eq!(after.events.iter().map(|event| event.version).collect::<Vec<_>>(), [2, 3]);
    assert_eq!((after.stored, after.version), (2, 3));
    let nothing = store.load(&tenant(), one, 3).await.unwrap();
    assert_eq!((nothing.stored, nothing.version), (0, 3));
}

#[tokio::test]
async fn every_expectation_is_held_against_the_stream() {
    let store = MemoryStore::new();
    let id = Uuid::now_v7();
    let conflict = |version| AppendOutcome::Conflict { version };
    for expected in [Expected::Exact(1), Expected::StreamExists] {
        assert_eq!(store.append(append(id, expected, 1)).await.unwrap(), conflict(0));
    }
    store.append(append(id, Expected::Any, 1)).await.unwrap();
    for expected in [Expected::NoStream, Expected::Exact(2)] {
        assert_eq!(store.append(append(id, expected, 1)).await.unwrap(), conflict(1));
    }
    assert_eq!(store.events().len(), 1);
    assert_eq!(store.receipts(&tenant()).len(), 1);
}

#[tokio::test]
async fn a_stream_belongs_to_one_tenant_and_one_aggregate() {
    let store = MemoryStore::new();
    let id = Uuid::now_v7();
    store.append(append(id, Expected::Any, 1)).await.unwrap();
    let mut elsewhere = append(id, Expected::Any, 1);
    elsewhere.tenant = "moscow".parse().unwrap();
    let other = Append { stream_type: "meter", ..append(id, Expected::Exact(1), 1) };
    for append in [elsewhere, other] {
        let outcome = store.append(append).await.unwrap();
        assert_eq!(outcome, AppendOutcome::Conflict { version: 1 });
    }
    assert_eq!(store.events().len(), 1);
}

#[tokio::test]
async fn a_receipt_answers_before_the_version_is_looked_at() {
    let store = MemoryStore::new();
    let id = Uuid::now_v7();
    let mut refused = append(id, Expected::NoStream, 0);
    refused.refusal = Some(RefusalDocument::new("no", "no"));
    store.append(refused.clone()).await.unwrap();
    store.append(append(id, Expected::NoStream, 1)).await.unwrap();
    let AppendOutcome::Duplicate(receipt) = store.append(refused.clone()).await.unwrap() else {
        panic!("not a duplicate")
    };
    assert!(matches!(receipt.outcome, Outcome::Refused { .. }));
    assert_eq!(receipt.fingerprint, [1; 16]);
    let stored = store.receipt(&tenant(), refused.command_id).await.unwrap();
    assert_eq!(stored, Some(receipt));
    let moscow: TenantId = "moscow".parse().unwrap();
    assert_eq!(store.receipt(&moscow, refused.command_id).await.unwrap(), None);
    assert!(store.load(&moscow, id, 0).await.unwrap().events.is_empty());
}

#[tokio::test]
async fn events_beside_a_refusal_are_turned_away() {
    let store = MemoryStore::new();
    let mut both = append(Uuid::now_v7(), Expected::Any, 1);
    both.refusal = Some(RefusalDocument::new("no", "no"));
    store.append(both).await.unwrap_err();
    assert!(store.events().is_empty() && store.receipts(&tenant()).is_empty());
}

#[tokio::test]
async fn faults_strike_before_or_after_the_append_as_told() {
    let before = Faults { append_fails_before_per_mille: 1000, ..Faults::default() };
    let after = Faults { append_fails_after_per_mille: 1000, ..Faults::default() };
    for (faults, events) in [(before, 0), (after, 1)] {
        let store = MemoryStore::with_faults(faults);
        store.append(append(Uuid::now_v7(), Expected::Any, 1)).await.unwrap_err();
        assert_eq!(store.events().len(), events);
    }
    let store =
        MemoryStore::with_faults(Faults { load_fails_per_mille: 1000, ..Faults::default() });
    store.load(&tenant(), Uuid::now_v7(), 0).await.unwrap_err();
}
