use std::time::Duration;

use insta::assert_snapshot;
use kontor_http::ApiSettings;
use serde_json::json;

use crate::support::{World, settings};

#[tokio::test]
async fn a_list_is_paged_to_its_end() {
    let world = World::new().await;
    for name in ["A", "Б", "C"] {
        world.post(&world.operator, "/v1/accounts", json!({"display_name": name})).await;
    }
    let last = world.post(&world.operator, "/v1/accounts", json!({"display_name": "Д"})).await;
    let mut names = Vec::new();
    let mut page = world.read(&world.reader, "/v1/accounts?limit=3", &last).await.json();
    for _ in 0..2 {
        let items = page["items"].as_array().unwrap();
        names.extend(items.iter().map(|item| item["display_name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        let address = format!("/v1/accounts?limit=3&cursor={cursor}");
        page = world.get(&world.reader, &address).await.json();
    }
    assert_eq!(names, ["A", "Б", "C", "Д"]);
    assert_eq!(page["next_cursor"], json!(null));
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_named() {
    let world = World::new().await;
    assert_snapshot!(world.get(&world.reader, "/v1/accounts?limit=201").await, @r#"
    400 Bad Request
    {
      "code": "parameter_invalid",
      "detail": "`limit`: a page has 1 to 200 items",
      "errors": [
        {
          "detail": "a page has 1 to 200 items",
          "parameter": "limit"
        }
      ],
      "request_id": "[uuid]",
      "status": 400,
      "title": "Parameter invalid",
      "type": "/problems/parameter_invalid"
    }
    "#);
    for (address, parameter) in [
        ("/v1/accounts?limit=0", "limit"),
        ("/v1/accounts?limit=-1", "limit"),
        ("/v1/accounts?limit=x", "limit"),
        ("/v1/accounts?cursor=x", "cursor"),
        ("/v1/accounts?cursor=cgAAAAAAAAAB", "cursor"),
        ("/v1/accounts?min_position=-1", "min_position"),
        ("/v1/accounts?min_position=x", "min_position"),
        ("/v1/accounts?min_position=99999999999999999999", "min_position"),
        ("/v1/accounts?on_timeout=never", "on_timeout"),
        ("/v1/meters?account_id=7", "account_id"),
        ("/v1/meters?archived=yes", "archived"),
    ] {
        let answer = world.get(&world.reader, address).await;
        assert_eq!(answer.status, 400, "{address}");
        assert_eq!(answer.json()["errors"][0]["parameter"], parameter, "{address}");
    }
    let path = world.get(&world.reader, "/v1/accounts/7").await;
    assert_snapshot!(path, @r#"
    400 Bad Request
    {
      "code": "path_malformed",
      "detail": "an id in the path is a uuid, such as 0193450e-5b2f-7c3a-9d7e-0a4f5c1e2b3d",
      "request_id": "[uuid]",
      "status": 400,
      "title": "Path malformed",
      "type": "/problems/path_malformed"
    }
    "#);
}

#[tokio::test]
async fn a_read_that_cannot_be_new_enough_says_so_or_shows_what_there_is() {
    let short = ApiSettings { read_wait: Duration::from_millis(50), ..settings() };
    let world = World::with(short).await;
    let late = world.get(&world.reader, "/v1/accounts?min_position=1000").await;
    assert_snapshot!(late, @r#"
    503 Service Unavailable
    retry-after: 1
    {
      "code": "read_model_behind",
      "detail": "the read model has not come to this position yet; try again, or ask with `on_timeout=stale` for what it has",
      "details": {
        "min_position": 1000
      },
      "request_id": "[uuid]",
      "status": 503,
      "title": "Read model behind",
      "type": "/problems/read_model_behind"
    }
    "#);
    let headers = [("kontor-min-position", "1000")];
    let late = world.send(&world.reader, ("GET", "/v1/accounts"), &headers, None).await;
    assert_eq!(late.status, 503);
    let stale = "/v1/accounts?min_position=1000&on_timeout=stale";
    assert_eq!(world.get(&world.reader, stale).await.status, 200);
}

#[tokio::test]
async fn a_command_is_asked_for_by_its_id() {
    let world = World::new().await;
    let meter = world.meter().await;
    let accepted = world.post(&world.operator, "/v1/accounts", json!({"display_name": "Ж"})).await;
    let id = accepted.json()["command_id"].as_str().unwrap().to_owned();
    assert_snapshot!(world.get(&world.reader, &format!("/v1/commands/{id}")).await, @r#"
    200 OK
    {
      "aggregate": "account",
      "command_id": "[uuid]",
      "id": "[uuid]",
      "position": 5,
      "recorded_at": "[instant]",
      "refusal": null,
      "status": "accepted",
      "version": 1
    }
    "#);
    let other = world.get(&world.stranger, &format!("/v1/commands/{id}")).await;
    assert_snapshot!(other, @r#"
    404 Not Found
    retry-after: 1
    {
      "code": "command_unknown",
      "detail": "no outcome is recorded under this id: the command is still waiting, or it was never sent",
      "request_id": "[uuid]",
      "status": 404,
      "title": "Command unknown",
      "type": "/problems/command_unknown"
    }
    "#);

    let address = format!("/v1/meters/{meter}/readings");
    let command = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, b"refused");
    let key = command.to_string();
    let body = Some(json!({"values": {"t1": "1"}}));
    let headers = [("idempotency-key", key.as_str())];
    world.send(&world.operator, ("POST", &address), &headers, body).await;
    let refused: uuid::Uuid =
        sqlx::query_scalar("select command_id from receipts where refusal is not null")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_snapshot!(world.get(&world.reader, &format!("/v1/commands/{refused}")).await, @r#"
    200 OK
    {
      "aggregate": "meter",
      "command_id": "[uuid]",
      "id": "[uuid]",
      "position": null,
      "recorded_at": "[instant]",
      "refusal": {
        "code": "reading_below_last",
        "detail": "T1 was 1000 last time and is 1 now; check the first digit, or register the new meter if it was replaced",
        "details": {
          "last": "1000",
          "submitted": "1",
          "zone": "t1"
        }
      },
      "status": "refused",
      "version": 1
    }
    "#);
}
