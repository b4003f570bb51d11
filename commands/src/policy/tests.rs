//! What a policy may order, and under which ids.

use chrono::DateTime;
use kontor_domain::Metadata;
use serde_json::json;

use super::*;

/// Counts, and orders as many commands as the event's payload says under the key given.
struct Counter;

impl Policy for Counter {
    type State = u32;

    fn name(&self) -> &'static str {
        "counter"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &["meter.archived"]
    }

    fn audience(&self, event: &Recorded) -> Result<Audience, EventDecodeError> {
        Ok(Audience::One(event.stream_id))
    }

    fn react(
        &self,
        state: &mut u32,
        instance: Instance<'_>,
        event: &Recorded,
    ) -> Result<Vec<Order>, PolicyError> {
        let (count, key): (usize, String) =
            serde_json::from_str(&event.payload).map_err(PolicyError::State)?;
        *state = if count == 0 { 0 } else { *state + 1 };
        let directive = Directive::new("meter", instance.key, &json!({"type": "archive"}))?;
        let due_at = event.occurred_at;
        Ok(vec![Order::Schedule { key, due_at, directive }; count])
    }
}

fn event(payload: &Value) -> Recorded {
    Recorded {
        position: 1,
        tenant: "demo".parse().unwrap(),
        stream_type: "meter".to_owned(),
        stream_id: Uuid::from_u128(7),
        version: 1,
        event_id: Uuid::from_u128(8),
        event_type: "meter.archived".to_owned(),
        schema_version: 1,
        payload: payload.to_string(),
        metadata: Metadata {
            actor: Actor::System { name: "test".to_owned() },
            command_id: Uuid::nil(),
            correlation_id: Uuid::nil(),
            causation_id: None,
            trace: None,
        },
        occurred_at: DateTime::UNIX_EPOCH,
        recorded_at: DateTime::UNIX_EPOCH,
    }
}

fn react(state: Option<&Value>, payload: &Value) -> Result<Reaction, PolicyError> {
    let event = event(payload);
    let instance = Instance { tenant: &event.tenant, key: event.stream_id };
    AnyPolicy::react(&Counter, state, instance, &event)
}

#[test]
fn memory_grows_from_the_default_and_is_forgotten_when_it_is_the_default_again() {
    let first = react(None, &json!([1, "k"])).unwrap();
    assert_eq!((first.state.clone(), first.orders.len()), (Some(json!(1)), 1));
    let second = react(first.state.as_ref(), &json!([2, "k"])).unwrap();
    assert_eq!((second.state.clone(), second.orders.len()), (Some(json!(2)), 2));
    assert_eq!(react(second.state.as_ref(), &json!([0, "k"])).unwrap().state, None);
}

#[test]
fn memory_of_another_shape_is_an_error_and_no_empty_memory() {
    let error = react(Some(&json!("seven")), &json!([1, "k"])).unwrap_err();
    assert!(matches!(error, PolicyError::State(_)), "{error}");
}

#[test]
fn too_many_orders_and_keys_that_are_none_are_refused() {
    assert!(react(None, &json!([ORDERS_MAX, "k"])).is_ok());
    assert!(react(None, &json!([1, "x".repeat(KEY_SIZE_MAX)])).is_ok());
    for payload in [
        json!([ORDERS_MAX + 1, "k"]),
        json!([1, ""]),
        json!([1, "a\u{0}b"]),
        json!([1, "ж".repeat(KEY_SIZE_MAX)]),
    ] {
        let error = react(None, &payload).unwrap_err();
        assert!(matches!(error, PolicyError::Orders(_)), "{error}");
    }
}

#[test]
fn the_id_of_a_command_follows_from_policy_event_instance_and_number() {
    let [a, b] = [1, 2].map(Uuid::from_u128);
    let id = command_id("counter", a, b, 0);
    assert_eq!(id, command_id("counter", a, b, 0));
    assert_eq!(id.to_string(), "b66e947c-4ab3-5664-afa3-91b6f8cad522");
    for other in [
        command_id("other", a, b, 0),
        command_id("counter", b, b, 0),
        command_id("counter", a, a, 0),
        command_id("counter", a, b, 1),
    ] {
        assert_ne!(id, other);
    }
}

#[test]
fn a_command_names_its_policy_and_what_caused_it() {
    let [command_id, aggregate, correlation, causation] = [1, 2, 3, 4].map(Uuid::from_u128);
    let now = DateTime::UNIX_EPOCH;
    let envelope = envelope(
        ("counter", command_id),
        ("demo".parse().unwrap(), "meter", aggregate),
        json!({"type": "archive"}),
        (correlation, causation),
        (now, chrono::Duration::days(30)),
    );
    assert_eq!(envelope.actor, Actor::System { name: "policy/counter".to_owned() });
    assert_eq!((envelope.command_id, envelope.id), (command_id, aggregate));
    assert_eq!((envelope.correlation_id, envelope.causation_id), (correlation, Some(causation)));
    assert_eq!((envelope.issued_at, envelope.deadline), (now, now + chrono::Duration::days(30)));
}
