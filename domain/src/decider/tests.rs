//! Refusals and records as other crates see them.

use serde_json::json;

use super::*;
use crate::{Metadata, Recorded, account::AccountEvent};

#[derive(Clone, Debug, PartialEq, Serialize, thiserror::Error)]
#[serde(untagged)]
enum Untagged {
    #[error("a number")]
    Number(i64),
}

impl Refusal for Untagged {}

#[test]
fn a_refusal_without_a_code_is_a_defect_that_is_told() {
    assert!(RefusalDocument::from_refusal(&Untagged::Number(7)).is_err());
}

#[test]
fn a_document_collects_its_figures_by_name() {
    let document = RefusalDocument::new("expired", "too late").with("seconds", 7).with("who", "a");
    let json = json!({
        "code": "expired", "message": "too late", "details": {"seconds": 7, "who": "a"}
    });
    assert_eq!(serde_json::to_value(&document).unwrap(), json);
    let bare = RefusalDocument::new("expired", "too late");
    assert_eq!(serde_json::to_string(&bare).unwrap(), r#"{"code":"expired","message":"too late"}"#);
    assert_eq!(
        serde_json::from_str::<RefusalDocument>(r#"{"code":"expired","message":"too late"}"#)
            .unwrap(),
        bare
    );
}

#[test]
fn metadata_on_the_wire_is_as_ever() {
    let id = Uuid::from_u128;
    let full = Metadata {
        actor: Actor::System { name: "seed".to_owned() },
        command_id: id(1),
        correlation_id: id(2),
        causation_id: Some(id(3)),
        trace: Some("00-a-b-01".to_owned()),
    };
    let json = r#"{"actor":{"kind":"system","name":"seed"},"command_id":"00000000-0000-0000-0000-000000000001","correlation_id":"00000000-0000-0000-0000-000000000002","causation_id":"00000000-0000-0000-0000-000000000003","trace":"00-a-b-01"}"#;
    assert_eq!(serde_json::to_string(&full).unwrap(), json);
    assert_eq!(serde_json::from_str::<Metadata>(json).unwrap(), full);
    let bare = Metadata { causation_id: None, trace: None, ..full };
    let json = r#"{"actor":{"kind":"system","name":"seed"},"command_id":"00000000-0000-0000-0000-000000000001","correlation_id":"00000000-0000-0000-0000-000000000002"}"#;
    assert_eq!(serde_json::to_string(&bare).unwrap(), json);
    assert_eq!(serde_json::from_str::<Metadata>(json).unwrap(), bare);
}

#[test]
fn a_recorded_event_is_read_by_its_name_and_version() {
    let recorded = |event_type: &str, schema_version| Recorded {
        position: 1,
        tenant: "demo_utility".parse().unwrap(),
        stream_type: "account".to_owned(),
        stream_id: Uuid::nil(),
        version: 1,
        event_id: Uuid::nil(),
        event_type: event_type.to_owned(),
        schema_version,
        payload: r#"{"bot":"demo"}"#.to_owned(),
        metadata: Metadata {
            actor: Actor::System { name: "seed".to_owned() },
            command_id: Uuid::nil(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            trace: None,
        },
        occurred_at: DateTime::UNIX_EPOCH,
        recorded_at: DateTime::UNIX_EPOCH,
    };
    let body: AccountEvent = recorded("account.bot_blocked", 1).body().unwrap();
    assert_eq!(body.wire_type(), "account.bot_blocked");
    assert!(recorded("account.bot_blocked", 2).body::<AccountEvent>().is_err());
    assert!(recorded("meter.archived", 1).body::<AccountEvent>().is_err());
    assert!(recorded("account.renamed", 1).body::<AccountEvent>().is_err());
}
