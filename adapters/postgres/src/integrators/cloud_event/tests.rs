use chrono::DateTime;
use kontor_domain::{Metadata, TenantId};
use serde_json::json;
use uuid::Uuid;

use super::*;

fn event() -> Recorded {
    Recorded {
        position: 5_000_000_000,
        tenant: "demo_utility".parse::<TenantId>().unwrap(),
        stream_type: "meter".to_owned(),
        stream_id: Uuid::from_u128(1),
        version: 3,
        event_id: Uuid::from_u128(2),
        event_type: "meter.reading_submitted".to_owned(),
        schema_version: 1,
        payload: r#"{"values":[{"zone":"t1","value":"1.000"}]}"#.to_owned(),
        metadata: Metadata {
            actor: Actor::Operator { name: "Somebody".to_owned() },
            command_id: Uuid::from_u128(3),
            correlation_id: Uuid::from_u128(4),
            causation_id: None,
            trace: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        },
        occurred_at: DateTime::from_timestamp_micros(1_790_000_000_000_001).unwrap(),
        recorded_at: DateTime::from_timestamp_micros(1_790_000_000_000_002).unwrap(),
    }
}

#[test]
fn an_event_has_all_attributes_of_the_specification() {
    let event = event();
    let cloud = serde_json::to_value(CloudEvent::new(&event, None).unwrap()).unwrap();
    assert_eq!(
        cloud,
        json!({
            "specversion": "1.0",
            "id": "00000000-0000-0000-0000-000000000002",
            "source": "/kontor/demo_utility/meter",
            "type": "meter.reading_submitted",
            "subject": "00000000-0000-0000-0000-000000000001",
            "time": "2026-09-21T14:13:20.000001Z",
            "datacontenttype": "application/json",
            "dataschema": "urn:kontor:event:meter.reading_submitted:1",
            "tenant": "demo_utility",
            "position": "5000000000",
            "streamversion": "3",
            "actorkind": "operator",
            "commandid": "00000000-0000-0000-0000-000000000003",
            "correlationid": "00000000-0000-0000-0000-000000000004",
            "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "data": { "values": [{ "zone": "t1", "value": "1.000" }] },
        })
    );
    assert!(!cloud.to_string().contains("Somebody"));
    // Names of attributes are lower-case letters and digits alone.
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    assert!(cloud.as_object().unwrap().keys().all(|name| name.chars().all(plain)));
}

#[test]
fn a_trace_with_line_breaks_goes_nowhere() {
    let mut event = event();
    event.metadata.trace = Some("00-1\r\nNats-Msg-Id: other".to_owned());
    let cloud = CloudEvent::new(&event, None).unwrap();
    assert_eq!(cloud.traceparent, None);
    assert!(serde_json::to_value(&cloud).unwrap().get("traceparent").is_none());
}
