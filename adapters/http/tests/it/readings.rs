use chrono::{Datelike, Days, NaiveDate};
use insta::assert_snapshot;
use serde_json::json;

use crate::support::World;

#[tokio::test]
async fn a_reading_shows_in_the_history_with_what_was_consumed() {
    let world = World::new().await;
    let address = format!("/v1/meters/{}/readings", world.meter().await);
    let body = json!({"values": {"t1": "1087.5"}, "photo_url": "https://example.com/a.jpg"});
    let submitted = world.post(&world.operator, &address, body).await;
    assert_snapshot!(submitted, @r#"
    201 Created
    location: /v1/meters/[uuid]/readings
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
    let mut shown = world.read(&world.reader, &address, &submitted).await;
    let mut json = shown.json();
    let item = &mut json["items"][0];
    assert_eq!(&item["taken_on"].as_str().unwrap()[..8], &item["period"].as_str().unwrap()[..8]);
    item["taken_on"] = "[today]".into();
    item["period"] = "[month]".into();
    shown.text = json.to_string();
    assert_snapshot!(shown, @r#"
    200 OK
    {
      "items": [
        {
          "account_id": "[uuid]",
          "confirmed": false,
          "consumption": {
            "t1": "87.5"
          },
          "consumption_total": "87.5",
          "corrected": null,
          "corrections": 0,
          "meter_id": "[uuid]",
          "period": "[month]",
          "photo": {
            "kind": "url",
            "url": "https://example.com/a.jpg"
          },
          "reading_id": "[uuid]",
          "rolled_over": [],
          "source": "api",
          "submitted_at": "[instant]",
          "taken_on": "[today]",
          "usual": null,
          "values": {
            "t1": "1087.5"
          },
          "warnings": []
        }
      ],
      "next_cursor": null
    }
    "#);
}

#[tokio::test]
async fn a_reading_below_the_last_is_refused_with_its_figures() {
    let world = World::new().await;
    let address = format!("/v1/meters/{}/readings", world.meter().await);
    let body = json!({"values": {"t1": "999.999"}});
    assert_snapshot!(world.post(&world.operator, &address, body).await, @r#"
    422 Unprocessable Entity
    {
      "code": "reading_below_last",
      "detail": "T1 was 1000 last time and is 999.999 now; check the first digit, or register the new meter if it was replaced",
      "details": {
        "last": "1000",
        "submitted": "999.999",
        "zone": "t1"
      },
      "request_id": "[uuid]",
      "status": 422,
      "title": "Reading below last",
      "type": "/problems/reading_below_last"
    }
    "#);
}

#[tokio::test]
async fn zones_that_the_meter_does_not_have_are_refused() {
    let world = World::new().await;
    let address = format!("/v1/meters/{}/readings", world.meter().await);
    let body = json!({"values": {"t1": "1001", "t2": "5"}});
    assert_snapshot!(world.post(&world.operator, &address, body).await, @r#"
    422 Unprocessable Entity
    {
      "code": "zones_mismatch",
      "detail": "this meter shows T1; give a value for each of its zones and for no other",
      "details": {
        "expected": [
          "t1"
        ],
        "given": [
          "t1",
          "t2"
        ]
      },
      "request_id": "[uuid]",
      "status": 422,
      "title": "Zones mismatch",
      "type": "/problems/zones_mismatch"
    }
    "#);
}

#[tokio::test]
async fn the_last_reading_is_corrected() {
    let world = World::new().await;
    let meter = world.meter().await;
    let address = format!("/v1/meters/{meter}/readings");
    let submitted = world.post(&world.operator, &address, json!({"values": {"t1": "1100"}})).await;
    let reading = submitted.json()["command_id"].as_str().unwrap().to_owned();
    let correction = format!("{address}/{reading}/corrections");
    let body = json!({"values": {"t1": "1010"}, "reason": "Опечатка"});
    let corrected = world.post(&world.operator, &correction, body.clone()).await;
    assert_snapshot!(corrected, @r#"
    200 OK
    kontor-position: 6
    etag: "3"
    {
      "command_id": "[uuid]",
      "id": "[uuid]",
      "position": 6,
      "status": "accepted",
      "version": 3
    }
    "#);
    let item = world.read(&world.reader, &address, &corrected).await.json()["items"][0].clone();
    assert_eq!(item["values"], json!({"t1": "1010"}));
    assert_eq!(item["consumption_total"], "10");
    assert_eq!(item["corrections"], 1);
    assert_eq!(item["corrected"]["reason"], "Опечатка");

    let unknown = format!("{address}/{}/corrections", uuid::Uuid::now_v7());
    assert_snapshot!(world.post(&world.operator, &unknown, body).await, @r#"
    422 Unprocessable Entity
    {
      "code": "not_last_reading",
      "detail": "only the meter's last reading can be corrected; submit a new reading instead",
      "request_id": "[uuid]",
      "status": 422,
      "title": "Not last reading",
      "type": "/problems/not_last_reading"
    }
    "#);
}

#[tokio::test]
async fn a_reading_of_the_last_day_of_a_month_counts_for_that_month() {
    let world = World::new().await;
    let address = format!("/v1/meters/{}/readings", world.meter().await);
    let moscow = chrono_tz::Europe::Moscow;
    let today = kontor_commands::clock::now().with_timezone(&moscow).date_naive();
    let first: NaiveDate = today.with_day(1).unwrap();
    let last_of_before = first.checked_sub_days(Days::new(1)).unwrap();
    let body = json!({
        "values": {"t1": "1001"}, "taken_on": last_of_before, "source": "import",
    });
    let submitted = world.post(&world.operator, &address, body).await;
    assert_eq!(submitted.status, 201, "{submitted}");
    let shown = world.read(&world.reader, &address, &submitted).await.json();
    assert_eq!(shown["items"][0]["taken_on"], json!(last_of_before));
    assert_eq!(shown["items"][0]["period"], json!(last_of_before.with_day(1).unwrap()));

    let tomorrow = today.checked_add_days(Days::new(2)).unwrap();
    let body = json!({"values": {"t1": "1002"}, "taken_on": tomorrow});
    let future = world.post(&world.operator, &address, body).await;
    assert_eq!((future.status.as_u16(), future.code().as_str()), (422, "taken_in_future"));
}

#[tokio::test]
async fn a_program_cannot_pretend_to_be_a_customer() {
    let world = World::new().await;
    let address = format!("/v1/meters/{}/readings", world.meter().await);
    let body = json!({"values": {"t1": "1001"}, "source": "telegram"});
    assert_snapshot!(world.post(&world.operator, &address, body).await, @r#"
    422 Unprocessable Entity
    {
      "code": "source_not_allowed",
      "detail": "this sender cannot name this source; customers name `telegram` or `web`, staff and programs `api`, `operator` or `import`",
      "request_id": "[uuid]",
      "status": 422,
      "title": "Source not allowed",
      "type": "/problems/source_not_allowed"
    }
    "#);
}
