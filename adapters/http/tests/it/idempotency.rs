use insta::assert_snapshot;
use serde_json::json;

use crate::support::World;

const KEY: (&str, &str) = ("idempotency-key", "order-42/#7");

#[tokio::test]
async fn the_same_key_again_returns_the_same_outcome_and_does_nothing() {
    let world = World::new().await;
    let body = || Some(json!({"display_name": "Анна"}));
    let target = ("POST", "/v1/accounts");
    let first = world.send(&world.operator, target, &[KEY], body()).await;
    let again = world.send(&world.operator, target, &[KEY], body()).await;
    assert_eq!(first.text, again.text);
    assert_eq!(first.status, again.status);
    assert_eq!(
        (first.header("idempotent-replay"), again.header("idempotent-replay")),
        ("", "true")
    );
    let listed = world.read(&world.reader, "/v1/accounts", &first).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_a_conflict() {
    let world = World::new().await;
    let target = ("POST", "/v1/accounts");
    let first = Some(json!({"display_name": "Анна"}));
    let first = world.send(&world.operator, target, &[KEY], first).await;
    assert_eq!(first.status, 201);
    let other = Some(json!({"display_name": "Олег"}));
    assert_snapshot!(world.send(&world.operator, target, &[KEY], other).await, @r#"
    409 Conflict
    {
      "code": "idempotency_key_reused",
      "detail": "this `Idempotency-Key` was used for another request; use a new one",
      "request_id": "[uuid]",
      "status": 409,
      "title": "Idempotency key reused",
      "type": "/problems/idempotency_key_reused"
    }
    "#);
}

#[tokio::test]
async fn a_refusal_is_remembered_too() {
    let world = World::new().await;
    let address = format!("/v1/meters/{}/readings", world.meter().await);
    let body = || Some(json!({"values": {"t1": "1"}}));
    let target = ("POST", address.as_str());
    let first = world.send(&world.operator, target, &[KEY], body()).await;
    assert_eq!((first.status.as_u16(), first.header("idempotent-replay")), (422, ""));
    let again = world.send(&world.operator, target, &[KEY], body()).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replay")), (422, "true"));
}

#[tokio::test]
async fn the_same_key_of_another_caller_is_another_command() {
    let world = World::new().await;
    let body = || Some(json!({"display_name": "Анна"}));
    let target = ("POST", "/v1/accounts");
    let ours = world.send(&world.operator, target, &[KEY], body()).await;
    let theirs = world.send(&world.stranger, target, &[KEY], body()).await;
    assert_ne!(ours.json()["command_id"], theirs.json()["command_id"]);
    assert_eq!(theirs.status, 201);
}

#[tokio::test]
async fn a_repeated_change_of_many_fields_completes_and_repeats_nothing() {
    let world = World::new().await;
    let address = format!("/v1/accounts/{}", world.account().await);
    let target = ("PATCH", address.as_str());
    let headers = [KEY, ("if-match", "\"1\"")];
    let body = || Some(json!({"display_name": "Анна", "language": "en", "phone": "+79161234567"}));
    let first = world.send(&world.operator, target, &headers, body()).await;
    assert_eq!(first.status, 200, "{first}");
    let again = world.send(&world.operator, target, &headers, body()).await;
    assert_eq!(first.text, again.text);
    assert_eq!(again.json()["version"], 4);
}

#[tokio::test]
async fn a_key_that_cannot_be_read_is_refused() {
    let world = World::new().await;
    let long = "x".repeat(256);
    for value in ["", "two words", &long] {
        let headers = [("idempotency-key", value)];
        let body = Some(json!({"display_name": "Анна"}));
        let answer = world.send(&world.operator, ("POST", "/v1/accounts"), &headers, body).await;
        assert_eq!(answer.status, 400, "{value}");
        assert_eq!(answer.json()["errors"][0]["parameter"], "Idempotency-Key");
    }
}
