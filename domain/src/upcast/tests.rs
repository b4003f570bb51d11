//! What upcasters make of old events, and what is found wrong with them beforehand.

use chrono::DateTime;
use serde_json::json;

use super::*;
use crate::{Actor, Metadata};

const OPENED: EventSchema = EventSchema::new("shop.opened", 3);
const OPENED_2: EventSchema = EventSchema::new("shop.opened", 2);
const OPENED_1: EventSchema = EventSchema::new("shop.opened", 1);
const NAMED: EventSchema = EventSchema::new("shop.named", 1);
const PLACED: EventSchema = EventSchema::new("shop.placed", 1);
const GREETED: EventSchema = EventSchema::new("shop.greeted", 1);
const STARTED: EventSchema = EventSchema::new("shop.started", 1);

fn stored(schema: EventSchema, payload: &str) -> Recorded {
    Recorded {
        position: 17,
        tenant: "demo".parse().unwrap(),
        stream_type: "shop".to_owned(),
        stream_id: Uuid::from_u128(1),
        version: 4,
        event_id: Uuid::from_u128(2),
        event_type: schema.event_type.to_owned(),
        schema_version: schema.version,
        payload: payload.to_owned(),
        metadata: Metadata {
            actor: Actor::System { name: "test".to_owned() },
            command_id: Uuid::from_u128(3),
            correlation_id: Uuid::from_u128(4),
            causation_id: None,
            trace: None,
        },
        occurred_at: DateTime::UNIX_EPOCH,
        recorded_at: DateTime::UNIX_EPOCH,
    }
}

/// `started` became `opened` 1, whose `title` became `name` in 2, which was split into a name and a
/// place; greetings lost their meaning.
fn shop() -> Upcasters {
    Upcasters::new(
        [NAMED, PLACED],
        vec![
            Upcaster::rename(STARTED, OPENED_1),
            Upcaster::change(OPENED_1, OPENED_2, |fields| {
                let title = fields.remove("title").ok_or("it has no title")?;
                fields.insert("name".to_owned(), title);
                Ok(())
            }),
            Upcaster::split(OPENED_2, &[NAMED, PLACED], |mut fields| {
                let mut parts = Vec::new();
                for (field, schema) in [("name", NAMED), ("place", PLACED)] {
                    if let Some(value) = fields.remove(field) {
                        parts.push((schema, Fields::from_iter([(field.to_owned(), value)])));
                    }
                }
                Ok(parts)
            }),
            Upcaster::drop(GREETED),
        ],
    )
}

fn forms(events: &[Recorded]) -> Vec<(&str, i32, &str)> {
    events
        .iter()
        .map(|event| (event.event_type.as_str(), event.schema_version, event.payload.as_str()))
        .collect()
}

#[test]
fn the_released_upcasters_fit_together() {
    assert_eq!(Upcasters::current().defects(), []);
    for schema in known_schemas() {
        assert!(Upcasters::current().can_read(schema.event_type, schema.version), "{schema}");
    }
    assert!(!Upcasters::current().can_read("meter.reading_submitted", 99));
    assert!(!Upcasters::current().can_read("", 1));
}

#[test]
fn every_schema_is_unique_and_named_after_its_aggregate() {
    let schemas = known_schemas();
    let unique: BTreeSet<EventSchema> = schemas.iter().copied().collect();
    assert_eq!(unique.len(), schemas.len());
    for (schemas, prefix) in [
        (TenantEvent::SCHEMAS, "tenant."),
        (AccountEvent::SCHEMAS, "account."),
        (MeterEvent::SCHEMAS, "meter."),
    ] {
        assert!(schemas.iter().all(|schema| schema.event_type.starts_with(prefix)), "{prefix}");
    }
}

#[test]
fn an_event_that_no_upcaster_speaks_of_stays_as_it_is() {
    let shop = shop();
    for (schema, payload) in [(NAMED, "-0.00001"), (EventSchema::new("shop.burnt", 9), "{not json")]
    {
        let event = stored(schema, payload);
        assert_eq!(shop.upcast(event.clone()).unwrap(), [event]);
    }
}

#[test]
fn a_chain_is_followed_to_its_end_and_keeps_place_and_circumstances() {
    let event = stored(STARTED, r#"{"title":"Лавка","place":"Тверь"}"#);
    let parts = shop().upcast(event.clone()).unwrap();
    assert_eq!(
        forms(&parts),
        [("shop.named", 1, r#"{"name":"Лавка"}"#), ("shop.placed", 1, r#"{"place":"Тверь"}"#)]
    );
    for part in &parts {
        let circumstances = Recorded {
            event_id: event.event_id,
            event_type: event.event_type.clone(),
            schema_version: event.schema_version,
            payload: event.payload.clone(),
            ..part.clone()
        };
        assert_eq!(circumstances, event);
    }
}

#[test]
fn the_ids_of_parts_are_derived_and_stable_and_a_single_part_keeps_its_own() {
    let whole = stored(OPENED_2, r#"{"name":"A","place":"B"}"#);
    let ids = |event: Recorded| -> Vec<Uuid> {
        shop().upcast(event).unwrap().iter().map(|part| part.event_id).collect()
    };
    let parts = ids(whole.clone());
    assert_eq!(parts, ids(whole.clone()));
    assert_eq!(parts[0].to_string(), "fecedbb7-9822-5aab-a4a1-844e1dc86d1e");
    assert!(parts[0] != parts[1] && !parts.contains(&whole.event_id));
    let alone = stored(OPENED_2, r#"{"name":"A"}"#);
    assert_eq!(ids(alone.clone()), [alone.event_id]);
}

#[test]
fn a_dropped_event_is_seen_by_nobody() {
    assert_eq!(shop().upcast(stored(GREETED, "[1]")).unwrap(), []);
    assert_eq!(shop().upcast(stored(OPENED_2, "{}")).unwrap(), []);
}

#[test]
fn a_sealed_value_is_moved_and_not_looked_into() {
    let sealed = json!({"$sealed": "AAECAw", "key": 7});
    let payload = json!({"title": sealed}).to_string();
    let parts = shop().upcast(stored(OPENED_1, &payload)).unwrap();
    let expected = json!({"name": sealed}).to_string();
    assert_eq!(forms(&parts), [("shop.named", 1, expected.as_str())]);
}

#[test]
fn a_payload_that_does_not_fit_is_told_without_its_data() {
    for (schema, payload, said) in [
        (STARTED, "{\"secret", "the payload of `shop.started` version 1 is no JSON"),
        (
            STARTED,
            r#"{"secret":1}"#,
            "the upcaster of `shop.opened` version 1 does not understand the payload: it has no title",
        ),
        (
            OPENED_2,
            r#"["secret"]"#,
            "the upcaster of `shop.opened` version 2 does not understand the payload: it is no object",
        ),
    ] {
        let event = stored(schema, payload);
        let (error, kept) = *shop().upcast(event.clone()).unwrap_err();
        assert_eq!(error.to_string(), said);
        assert_eq!(kept, event);
    }
}

#[test]
fn an_upcaster_that_breaks_its_word_is_a_defect() {
    let undeclared = Upcasters::new(
        [NAMED],
        vec![Upcaster::split(OPENED_1, &[NAMED], |fields| Ok(vec![(PLACED, fields)]))],
    );
    let flood = Upcasters::new(
        [NAMED],
        vec![Upcaster::split(OPENED_1, &[NAMED], |fields| Ok(vec![(NAMED, fields); 101]))],
    );
    let circle = Upcasters::new([], vec![Upcaster::rename(OPENED_1, OPENED_1)]);
    for (upcasters, reason) in [
        (undeclared, "it makes an event that it does not declare"),
        (flood, "it makes too many events"),
        (circle, "its chain does not end"),
    ] {
        let (error, _) = *upcasters.upcast(stored(OPENED_1, "{}")).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the upcaster of `shop.opened` version 1 is wrong: {reason}")
        );
    }
}

#[test]
fn what_can_be_read_is_known_without_any_event() {
    let shop = shop();
    for schema in [NAMED, PLACED, STARTED, OPENED_1, OPENED_2, GREETED] {
        assert!(shop.can_read(schema.event_type, schema.version), "{schema}");
    }
    for (event_type, version) in [("shop.opened", 3), ("shop.opened", 0), ("shop.", 1)] {
        assert!(!shop.can_read(event_type, version), "{event_type} {version}");
    }
}

#[test]
fn defects_are_found_beforehand() {
    let nothing = |_: &mut Fields| Ok(());
    for (steps, defect) in [
        (
            vec![Upcaster::drop(OPENED_1), Upcaster::rename(OPENED_1, NAMED)],
            UpcasterDefect::Twice(OPENED_1),
        ),
        (vec![Upcaster::drop(NAMED)], UpcasterDefect::KnownAlready(NAMED)),
        (
            vec![Upcaster::change(OPENED_1, OPENED_2, nothing)],
            UpcasterDefect::LeadsNowhere { from: OPENED_1, into: OPENED_2 },
        ),
        (vec![Upcaster::rename(OPENED_1, OPENED_1)], UpcasterDefect::Circle(OPENED_1)),
        (
            vec![
                Upcaster::rename(OPENED_1, OPENED_2),
                Upcaster::change(OPENED_2, OPENED, nothing),
                Upcaster::split(OPENED, &[NAMED, OPENED_1], |_| Ok(vec![])),
            ],
            UpcasterDefect::Circle(OPENED),
        ),
    ] {
        let upcasters = Upcasters::new([NAMED], steps);
        let defects = upcasters.defects();
        assert!(defects.contains(&defect), "{defect}: {defects:?}");
    }
    // Two ways to one form are no circle.
    let both = Upcasters::new(
        [NAMED],
        vec![
            Upcaster::split(OPENED_1, &[OPENED_2, OPENED], |_| Ok(vec![])),
            Upcaster::rename(OPENED_2, OPENED),
            Upcaster::rename(OPENED, NAMED),
        ],
    );
    assert_eq!(both.defects(), []);
    assert!(both.can_read("shop.opened", 1));
    let circle = Upcasters::new([], vec![Upcaster::rename(OPENED_1, OPENED_1)]);
    assert!(!circle.can_read("shop.opened", 1));
}

#[test]
fn a_wanted_type_is_looked_for_under_all_its_old_names() {
    let shop = shop();
    assert_eq!(shop.stored_types(&["shop.placed"]), ["shop.opened", "shop.placed", "shop.started"]);
    assert_eq!(shop.stored_types(&["shop.greeted"]), ["shop.greeted"]);
    assert_eq!(shop.stored_types(&[]), [""; 0]);
}
