use axum::{body::Body, http::Request};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::{Answer, World};

async fn post(world: &World, kind: &str, body: impl Into<Body>) -> Answer {
    let request = Request::builder()
        .method("POST")
        .uri("/v1/accounts")
        .header("x-auth-key", &world.operator)
        .header("content-type", kind)
        .body(body.into())
        .unwrap();
    world.call(request).await
}

const JSON: &str = "application/json";

#[tokio::test]
async fn an_empty_body_is_asked_for() {
    let world = World::new().await;
    assert_snapshot!(post(&world, JSON, "").await, @r#"
    400 Bad Request
    {
      "code": "body_missing",
      "detail": "send a JSON object in the body",
      "request_id": "[uuid]",
      "status": 400,
      "title": "Body missing",
      "type": "/problems/body_missing"
    }
    "#);
    assert_eq!(post(&world, JSON, " \n ").await.code(), "body_missing");
}

#[tokio::test]
async fn a_huge_body_is_refused() {
    let world = World::new().await;
    let name = "я".repeat(64 * 1024);
    let body = json!({"display_name": name}).to_string();
    assert_snapshot!(post(&world, JSON, body).await, @r#"
    413 Payload Too Large
    {
      "code": "body_too_large",
      "detail": "a body has at most 65536 bytes",
      "request_id": "[uuid]",
      "status": 413,
      "title": "Body too large",
      "type": "/problems/body_too_large"
    }
    "#);
}

#[tokio::test]
async fn another_type_of_body_is_refused() {
    let world = World::new().await;
    assert_snapshot!(post(&world, "text/plain", r#"{"display_name":"A"}"#).await, @r#"
    415 Unsupported Media Type
    {
      "code": "media_type_unsupported",
      "detail": "send the body as `application/json`",
      "request_id": "[uuid]",
      "status": 415,
      "title": "Media type unsupported",
      "type": "/problems/media_type_unsupported"
    }
    "#);
    let form = "application/x-www-form-urlencoded";
    assert_eq!(post(&world, form, "display_name=A").await.status, 415);
    let charset = "application/json; charset=utf-8";
    assert_eq!(post(&world, charset, r#"{"display_name":"A"}"#).await.status, 201);
}

#[tokio::test]
async fn what_is_not_json_is_named() {
    let world = World::new().await;
    assert_snapshot!(post(&world, JSON, r#"{"display_name": "Анна""#).await, @r#"
    400 Bad Request
    {
      "code": "body_not_json",
      "detail": "the body is not JSON: EOF while parsing an object at line 1 column 27",
      "request_id": "[uuid]",
      "status": 400,
      "title": "Body not json",
      "type": "/problems/body_not_json"
    }
    "#);
    assert_snapshot!(post(&world, JSON, "{} {}").await, @r#"
    400 Bad Request
    {
      "code": "body_invalid",
      "detail": "missing field `display_name`",
      "errors": [
        {
          "detail": "missing field `display_name`",
          "pointer": ""
        }
      ],
      "request_id": "[uuid]",
      "status": 400,
      "title": "Body invalid",
      "type": "/problems/body_invalid"
    }
    "#);
    let deep = "[".repeat(10_000);
    assert_eq!(post(&world, JSON, deep).await.status, 400);
    let not_utf8 = b"{\"display_name\": \"\xff\"}".to_vec();
    assert_eq!(post(&world, JSON, not_utf8).await.status, 400);
}

#[tokio::test]
async fn a_mistake_is_pointed_at() {
    let world = World::new().await;
    for (body, pointer) in [
        (json!({"display_name": "Анна", "phone": "позвони мне"}), "/phone"),
        (json!({"display_name": "", "language": "ru"}), "/display_name"),
        (json!({"display_name": "я".repeat(81)}), "/display_name"),
        (json!({"display_name": 7}), "/display_name"),
        (json!({"display_name": "Анна", "language": "de"}), "/language"),
        (json!({"display_name": "Анна", "id": "7"}), "/id"),
        (json!({"display_name": "Анна", "a/b~c": 1}), "/a~1b~0c"),
        (json!({}), ""),
        (json!([]), ""),
        (json!("text"), ""),
        (json!(null), ""),
    ] {
        let answer = post(&world, JSON, body.to_string()).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "body_invalid"));
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}");
    }
    let unknown = json!({"display_name": "Анна", "naem": 1}).to_string();
    assert_snapshot!(post(&world, JSON, unknown).await, @r#"
    400 Bad Request
    {
      "code": "body_invalid",
      "detail": "unknown field `naem`, expected one of `id`, `display_name`, `language`, `phone`, `external_id`",
      "errors": [
        {
          "detail": "unknown field `naem`, expected one of `id`, `display_name`, `language`, `phone`, `external_id`",
          "pointer": "/naem"
        }
      ],
      "request_id": "[uuid]",
      "status": 400,
      "title": "Body invalid",
      "type": "/problems/body_invalid"
    }
    "#);
}

#[tokio::test]
async fn a_quantity_that_is_no_decimal_text_is_pointed_at() {
    let world = World::new().await;
    let address = format!("/v1/meters/{}/readings", world.meter().await);
    for value in
        [json!(1001), json!("1 001"), json!("1001,5"), json!("-1"), json!("1e3"), json!("")]
    {
        let answer = world.post(&world.operator, &address, json!({"values": {"t1": value}})).await;
        assert_eq!(answer.status, 400, "{answer}");
        assert_eq!(answer.json()["errors"][0]["pointer"], "/values/t1");
    }
    let body = json!({"values": {"t1": "1.2345"}});
    assert_snapshot!(world.post(&world.operator, &address, body).await, @r#"
    400 Bad Request
    {
      "code": "body_invalid",
      "detail": "invalid value: string \"1.2345\", expected a decimal text with up to 3 decimals, such as \"1234.5\"",
      "errors": [
        {
          "detail": "invalid value: string \"1.2345\", expected a decimal text with up to 3 decimals, such as \"1234.5\"",
          "pointer": "/values/t1"
        }
      ],
      "request_id": "[uuid]",
      "status": 400,
      "title": "Body invalid",
      "type": "/problems/body_invalid"
    }
    "#);
    let twice = Request::builder()
        .method("POST")
        .uri(&address)
        .header("x-auth-key", &world.operator)
        .header("content-type", JSON)
        .body(Body::from(r#"{"values": {"t1": "1001", "t1": "1002"}}"#))
        .unwrap();
    assert_eq!(world.call(twice).await.code(), "body_invalid");
}

#[tokio::test]
async fn a_text_with_nul_is_refused_and_an_escaped_backslash_is_not() {
    let world = World::new().await;
    let nul = r#"{"display_name": "Анна", "external_id": "a\u0000b"}"#;
    assert_snapshot!(post(&world, JSON, nul).await, @r#"
    400 Bad Request
    {
      "code": "body_invalid",
      "detail": "a text holds the character U+0000; leave it out",
      "request_id": "[uuid]",
      "status": 400,
      "title": "Body invalid",
      "type": "/problems/body_invalid"
    }
    "#);
    let harmless = r#"{"display_name": "Анна", "external_id": "a\\u0000b"}"#;
    assert_eq!(post(&world, JSON, harmless).await.status, 201);
}
