use std::sync::Arc;

use super::*;

const STREAM: Uuid = Uuid::from_u128(1);
const EVENT: Uuid = Uuid::from_u128(2);
const KEY: Uuid = Uuid::from_u128(3);

fn event(payload: &Value, personal_fields: &'static [&'static str]) -> NewEvent {
    NewEvent {
        event_id: EVENT,
        event_type: "account.registered",
        schema_version: 1,
        payload: payload.to_string(),
        personal_fields,
    }
}

fn tenant() -> TenantId {
    "demo".parse().unwrap()
}

fn key() -> Arc<DataKey> {
    Arc::new(DataKey::new(&[7; 32]))
}

fn found(found: Found) -> HashMap<Uuid, Found> {
    HashMap::from([(KEY, found)])
}

fn sealed(payload: &Value, personal_fields: &'static [&'static str]) -> String {
    let mut plain = seal_payload(&event(payload, personal_fields)).unwrap().unwrap();
    plain.seal(&((&tenant(), STREAM), EVENT), (KEY, &key())).unwrap();
    plain.into_text()
}

fn person() -> Value {
    json!({
        "display_name": "Анна \"Ёлкина\"", "language": "ru", "phone": null,
        "origin": {"kind": "telegram", "user_id": 9_007_199_254_740_993_i64},
    })
}

const FIELDS: &[&str] = &["/display_name", "/origin", "/phone"];

#[test]
fn only_the_personal_fields_are_sealed_and_they_open_to_what_they_were() {
    let text = sealed(&person(), FIELDS);
    assert!(!text.contains("Анна") && !text.contains("telegram"), "{text}");
    assert!(text.contains(r#""language":"ru""#) && text.contains(r#""phone":null"#), "{text}");
    let mut payload = SealedPayload::read(&text).unwrap();
    assert_eq!(payload.key_ids().collect::<Vec<_>>(), [KEY, KEY]);
    let key = found(Found::Key { key_id: KEY, key: key() });
    assert!(payload.open(&((&tenant(), STREAM), EVENT), &key));
    assert_eq!(serde_json::from_str::<Value>(&payload.into_text()).unwrap(), person());
}

#[test]
fn without_the_key_of_an_erased_person_they_are_redacted() {
    let mut payload = SealedPayload::read(&sealed(&person(), FIELDS)).unwrap();
    assert!(payload.open(&((&tenant(), STREAM), EVENT), &found(Found::Erased)));
    let redacted = json!({"$redacted": true});
    assert_eq!(
        serde_json::from_str::<Value>(&payload.into_text()).unwrap(),
        json!({"display_name": redacted, "language": "ru", "phone": null, "origin": redacted})
    );
}

#[test]
fn a_field_that_was_moved_or_changed_stays_sealed() {
    let text = sealed(&json!({"display_name": "Анна", "other": 1}), FIELDS);
    let key = || found(Found::Key { key_id: KEY, key: key() });
    let other = "other".parse().unwrap();
    for place in
        [((&other, STREAM), EVENT), ((&tenant(), EVENT), EVENT), ((&tenant(), STREAM), STREAM)]
    {
        let mut payload = SealedPayload::read(&text).unwrap();
        assert!(!payload.open(&place, &key()));
        assert_eq!(payload.into_text(), text);
    }
    let moved = text.replace("display_name", "reason");
    let mut payload = SealedPayload::read(&moved).unwrap();
    assert!(!payload.open(&((&tenant(), STREAM), EVENT), &key()));
    let mut payload = SealedPayload::read(&text).unwrap();
    let wrong = found(Found::Key { key_id: KEY, key: Arc::new(DataKey::new(&[8; 32])) });
    assert!(!payload.open(&((&tenant(), STREAM), EVENT), &wrong));
    assert!(!payload.open(&((&tenant(), STREAM), EVENT), &HashMap::new()));
}

#[test]
fn what_has_nothing_to_seal_or_open_is_left_alone() {
    for (payload, fields) in [
        (json!({"display_name": "Анна"}), &[][..]),
        (json!({"values": {"t1": 1}}), &["/photo"]),
        (json!({"phone": null}), &["/phone"]),
        (json!({"note": "display_name"}), &["/display_name"]),
        (json!([1, 2]), &["/display_name"]),
    ] {
        assert!(seal_payload(&event(&payload, fields)).unwrap().is_none(), "{payload}");
    }
    for text in [
        "{",
        "{}",
        r#"{"note": "\"$sealed\""}"#,
        r#"{"a": {"$sealed": 7}}"#,
        r#"{"a": {"$sealed": "2.00000000000000000000000000000003.AAAA"}}"#,
        r#"{"a": {"$sealed": "1.xyz.AAAA"}}"#,
        r#"{"a": {"$sealed": "1.00000000000000000000000000000003.?"}}"#,
        r#"{"a": {"$sealed": "", "b": 1}}"#,
    ] {
        assert!(SealedPayload::read(text).is_none(), "{text}");
    }
}

#[test]
fn a_field_is_found_wherever_an_upcaster_of_the_sealed_form_may_have_left_it() {
    let sealed = json!({"$sealed": format!("1.{}.AAAA", KEY.simple())});
    let payload = json!({"a/b~c": [{"x": sealed}], "y": 1}).to_string();
    let payload = SealedPayload::read(&payload).unwrap();
    let pointers: Vec<&str> = payload.fields.iter().map(|field| field.pointer.as_str()).collect();
    assert_eq!(pointers, ["/a~1b~0c/0/x"]);
}

#[test]
fn a_payload_that_is_no_json_is_an_error_and_is_never_kept_in_clear() {
    let broken =
        NewEvent { payload: "{\"display_name\": ".to_owned(), ..event(&json!({}), FIELDS) };
    assert!(matches!(seal_payload(&broken), Err(VaultError::Json(_))));
}
