use insta::assert_snapshot;
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn an_account_is_opened_and_read() {
    let world = World::new().await;
    let body = json!({
        "display_name": "  Анна Ёлкина-Щукина ", "language": "ru", "phone": "+7 (916) 123-45-67",
        "external_id": "ЛС-0042",
    });
    let opened = world.post(&world.operator, "/v1/accounts", body).await;
    assert_snapshot!(opened, @r#"
    201 Created
    location: /v1/accounts/[uuid]
    kontor-position: 3
    etag: "1"
    {
      "command_id": "[uuid]",
      "id": "[uuid]",
      "position": 3,
      "status": "accepted",
      "version": 1
    }
    "#);
    let address = format!("/v1/accounts/{}", opened.id());
    let shown = world.read(&world.reader, &address, &opened).await;
    assert_snapshot!(shown, @r#"
    200 OK
    etag: "1"
    {
      "bots_blocked": [],
      "consent": null,
      "display_name": "Анна Ёлкина-Щукина",
      "id": "[uuid]",
      "language": "ru",
      "origin": {
        "external_id": "ЛС-0042",
        "kind": "api"
      },
      "phone": "+79161234567",
      "registered_at": "[instant]",
      "version": 1
    }
    "#);
}

#[tokio::test]
async fn an_account_changes_gives_and_withdraws() {
    let world = World::new().await;
    let address = format!("/v1/accounts/{}", world.account().await);
    let body = json!({
        "display_name": "Анна Петрова", "language": "en", "phone": "+79161234567",
        "consent": {"document_version": "2026-11"},
    });
    let changed = world.patch(&world.operator, &address, body).await;
    assert_snapshot!(changed, @r#"
    200 OK
    kontor-position: 7
    etag: "5"
    {
      "command_id": "[uuid]",
      "id": "[uuid]",
      "position": 7,
      "status": "accepted",
      "version": 5
    }
    "#);
    let shown = world.read(&world.reader, &address, &changed).await;
    assert_snapshot!(shown, @r#"
    200 OK
    etag: "5"
    {
      "bots_blocked": [],
      "consent": {
        "document_version": "2026-11",
        "given_at": "[instant]"
      },
      "display_name": "Анна Петрова",
      "id": "[uuid]",
      "language": "en",
      "origin": {
        "kind": "api"
      },
      "phone": "+79161234567",
      "registered_at": "[instant]",
      "version": 5
    }
    "#);
    let body = json!({"phone": null, "consent": null});
    let changed = world.patch(&world.operator, &address, body).await;
    let shown = world.read(&world.reader, &address, &changed).await.json();
    assert_eq!(shown["phone"], json!(null));
    assert_eq!(shown["consent"], json!(null));
    assert_eq!(shown["display_name"], "Анна Петрова");
}

#[tokio::test]
async fn an_id_of_the_caller_is_kept_and_used_once() {
    let world = World::new().await;
    let id = uuid::Uuid::now_v7();
    let body = json!({"id": id, "display_name": "Олег Ким"});
    let opened = world.post(&world.operator, "/v1/accounts", body.clone()).await;
    assert_eq!(opened.id(), id.to_string());
    let same = world.post(&world.operator, "/v1/accounts", body).await;
    assert_snapshot!(same, @r#"
    200 OK
    location: /v1/accounts/[uuid]
    etag: "1"
    {
      "command_id": "[uuid]",
      "id": "[uuid]",
      "status": "accepted",
      "version": 1
    }
    "#);
    let other = json!({"id": id, "display_name": "John Smith", "external_id": "other"});
    let other = world.post(&world.operator, "/v1/accounts", other).await;
    assert_snapshot!(other, @r#"
    422 Unprocessable Entity
    {
      "code": "account_exists",
      "detail": "this account is registered already; change it instead of registering it again",
      "request_id": "[uuid]",
      "status": 422,
      "title": "Account exists",
      "type": "/problems/account_exists"
    }
    "#);
    let elsewhere = json!({"id": id, "display_name": "Олег Ким"});
    let elsewhere = world.post(&world.stranger, "/v1/accounts", elsewhere).await;
    assert_snapshot!(elsewhere, @r#"
    400 Bad Request
    {
      "code": "command_malformed",
      "detail": "field `id`: this id is in use elsewhere; use a new one",
      "request_id": "[uuid]",
      "status": 400,
      "title": "Command malformed",
      "type": "/problems/command_malformed"
    }
    "#);
}

#[tokio::test]
async fn an_account_of_another_tenant_is_not_found() {
    let world = World::new().await;
    let address = format!("/v1/accounts/{}", world.account().await);
    let read = world.get(&world.stranger, &address).await;
    assert_snapshot!(read, @r#"
    404 Not Found
    {
      "code": "account_unknown",
      "detail": "there is no such account",
      "request_id": "[uuid]",
      "status": 404,
      "title": "Account unknown",
      "type": "/problems/account_unknown"
    }
    "#);
    let body = json!({"display_name": "Mine now"});
    let changed = world.patch(&world.stranger, &address, body).await;
    assert_snapshot!(changed, @r#"
    404 Not Found
    {
      "code": "account_unknown",
      "detail": "there is no such account",
      "request_id": "[uuid]",
      "status": 404,
      "title": "Account unknown",
      "type": "/problems/account_unknown"
    }
    "#);
    let unknown = format!("/v1/accounts/{}", uuid::Uuid::now_v7());
    let unknown = world.patch(&world.operator, &unknown, json!({"language": "en"})).await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (404, "account_unknown"));
}

#[tokio::test]
async fn a_version_that_is_not_the_newest_changes_nothing() {
    let world = World::new().await;
    let address = format!("/v1/accounts/{}", world.account().await);
    let body = || Some(json!({"display_name": "Первый", "language": "en"}));
    let target = ("PATCH", address.as_str());
    let pinned = world.send(&world.operator, target, &[("if-match", "\"1\"")], body()).await;
    assert_eq!((pinned.status.as_u16(), pinned.header("etag")), (200, "\"3\""));
    let late = json!({"display_name": "Второй"});
    let late = world.send(&world.operator, target, &[("if-match", "\"1\"")], Some(late)).await;
    assert_snapshot!(late, @r#"
    412 Precondition Failed
    {
      "code": "version_conflict",
      "detail": "the command expects version 1, but there is version 3; read it again and decide anew",
      "details": {
        "actual_version": 3,
        "expected_version": 1
      },
      "request_id": "[uuid]",
      "status": 412,
      "title": "Version conflict",
      "type": "/problems/version_conflict"
    }
    "#);
    let unquoted = world.send(&world.operator, target, &[("if-match", "3")], body()).await;
    assert_snapshot!(unquoted, @r#"
    400 Bad Request
    {
      "code": "parameter_invalid",
      "detail": "`If-Match`: give the version from `ETag` in quotation marks, such as \"3\"",
      "errors": [
        {
          "detail": "give the version from `ETag` in quotation marks, such as \"3\"",
          "parameter": "If-Match"
        }
      ],
      "request_id": "[uuid]",
      "status": 400,
      "title": "Parameter invalid",
      "type": "/problems/parameter_invalid"
    }
    "#);
}
