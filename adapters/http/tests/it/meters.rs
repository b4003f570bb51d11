use insta::assert_snapshot;
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn a_meter_is_put_into_service_and_read() {
    let world = World::new().await;
    let body = json!({
        "account_id": world.account().await, "kind": "electricity", "zones": 2, "digits": 6,
        "serial_number": "№ 0012-АБ", "place": "Кухня, у окна",
        "verification_due_on": "2036-05-31", "initial_values": {"t1": "1234.5", "t2": "567"},
    });
    let registered = world.post(&world.operator, "/v1/meters", body).await;
    assert_snapshot!(registered, @r#"
    201 Created
    location: /v1/meters/[uuid]
    kontor-position: 4
    etag: "1"
    {
      "command_id": "[uuid]",
      "id": "[uuid]",
      "position": 4,
      "status": "accepted",
      "version": 1
    }
    "#);
    let address = format!("/v1/meters/{}", registered.id());
    let mut shown = world.read(&world.reader, &address, &registered).await;
    let today = shown.json()["registered_on"].as_str().unwrap().to_owned();
    shown.text = shown.text.replace(&today, "[today]");
    assert_snapshot!(shown, @r#"
    200 OK
    etag: "1"
    {
      "account_id": "[uuid]",
      "archived": null,
      "digits": 6,
      "id": "[uuid]",
      "kind": "electricity",
      "last_reading_id": null,
      "last_taken_on": null,
      "last_values": {
        "t1": "1234.5",
        "t2": "567"
      },
      "place": "Кухня, у окна",
      "registered_on": "[today]",
      "serial_number": "№ 0012-АБ",
      "unit": "kWh",
      "verification_due_on": "2036-05-31",
      "version": 1,
      "zones": 2
    }
    "#);
}

#[tokio::test]
async fn a_meter_needs_an_account_of_its_tenant() {
    let world = World::new().await;
    let body = json!({
        "account_id": world.account().await, "kind": "gas", "digits": 5, "serial_number": "1",
    });
    let elsewhere = world.post(&world.stranger, "/v1/meters", body).await;
    assert_snapshot!(elsewhere, @r#"
    400 Bad Request
    {
      "code": "body_invalid",
      "detail": "there is no such account; register it first",
      "errors": [
        {
          "detail": "there is no such account; register it first",
          "pointer": "/account_id"
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
async fn particulars_that_do_not_fit_are_refused() {
    let world = World::new().await;
    let account = world.account().await;
    let body = json!({
        "account_id": account, "kind": "gas", "zones": 2, "digits": 5, "serial_number": "1",
    });
    assert_snapshot!(world.post(&world.operator, "/v1/meters", body).await, @r#"
    422 Unprocessable Entity
    {
      "code": "field_out_of_range",
      "detail": "`zones` must be 1 to 3 for electricity and 1 for all other meters",
      "details": {
        "expected": "1 to 3 for electricity and 1 for all other meters",
        "field": "zones"
      },
      "request_id": "[uuid]",
      "status": 422,
      "title": "Field out of range",
      "type": "/problems/field_out_of_range"
    }
    "#);
}

#[tokio::test]
async fn a_meter_is_verified_and_archived() {
    let world = World::new().await;
    let meter = world.meter().await;
    let address = format!("/v1/meters/{meter}/verification");
    let body = json!({"verification_due_on": "2040-01-31"});
    let verified = world.post(&world.operator, &address, body).await;
    assert_snapshot!(verified, @r#"
    200 OK
    kontor-position: 5
    etag: "2"
    {
      "command_id": "[uuid]",
      "id": "[uuid]",
      "position": 5,
      "status": "accepted",
      "version": 2
    }
    "#);
    let address = format!("/v1/meters/{meter}/archive");
    let archived =
        world.post(&world.operator, &address, json!({"reason": "Заменён на новый"})).await;
    assert_eq!(archived.status, 200, "{archived}");
    let again = world.post(&world.operator, &address, json!({})).await;
    assert_snapshot!(again, @r#"
    200 OK
    etag: "3"
    {
      "command_id": "[uuid]",
      "id": "[uuid]",
      "status": "accepted",
      "version": 3
    }
    "#);
    let shown = world.read(&world.reader, &format!("/v1/meters/{meter}"), &archived).await;
    let shown = shown.json();
    assert_eq!(shown["archived"]["reason"], "Заменён на новый");
    assert_eq!(shown["verification_due_on"], "2040-01-31");

    let address = format!("/v1/meters/{meter}/readings");
    let late = world.post(&world.operator, &address, json!({"values": {"t1": "1001"}})).await;
    assert_snapshot!(late, @r#"
    422 Unprocessable Entity
    {
      "code": "meter_archived",
      "detail": "this meter is out of service; submit the reading of the meter that replaced it",
      "request_id": "[uuid]",
      "status": 422,
      "title": "Meter archived",
      "type": "/problems/meter_archived"
    }
    "#);
    for (filter, count) in [("archived=true", 1), ("archived=false", 0), ("", 1)] {
        let listed = world.get(&world.reader, &format!("/v1/meters?{filter}")).await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), count, "{filter}");
    }
}

#[tokio::test]
async fn a_meter_of_another_tenant_is_not_found() {
    let world = World::new().await;
    let meter = world.meter().await;
    let read = world.get(&world.stranger, &format!("/v1/meters/{meter}")).await;
    let history = world.get(&world.stranger, &format!("/v1/meters/{meter}/readings")).await;
    let archive = format!("/v1/meters/{meter}/archive");
    let archive = world.post(&world.stranger, &archive, json!({})).await;
    let submit = format!("/v1/meters/{meter}/readings");
    let submit = world.post(&world.stranger, &submit, json!({"values": {"t1": "9"}})).await;
    for answer in [read, history, archive, submit] {
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (404, "meter_unknown"));
    }
}
