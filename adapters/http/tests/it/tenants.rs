use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::support::World;

fn city() -> Value {
    json!({
        "id": "city_7", "name": "Водоканал «Ёлка»", "kind": "utility", "language": "en",
        "time_zone": "Asia/Vladivostok",
    })
}

#[tokio::test]
async fn an_admin_opens_a_tenant_and_reads_it() {
    let world = World::new().await;
    let opened = world.post(&world.admin, "/v1/tenants", city()).await;
    assert_snapshot!(opened, @r#"
    201 Created
    location: /v1/tenants/city_7
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
    let shown = world.read(&world.admin, "/v1/tenants/city_7", &opened).await;
    assert_snapshot!(shown, @r#"
    200 OK
    etag: "1"
    {
      "created_at": "[instant]",
      "credit_rules": {
        "balance_max": 1000000,
        "credits_per_day_max": 10000,
        "debt": "block",
        "enabled": false,
        "gifts_per_day_max": 1000,
        "hold_seconds": 900,
        "low_credits": 5,
        "message_cost": 1,
        "messages_per_minute_max": 60,
        "packages": [
          10,
          25,
          50,
          100
        ],
        "test_switch": false,
        "tutorial_credits": 2,
        "welcome_credits": 3
      },
      "id": "city_7",
      "kind": "utility",
      "language": "en",
      "meter_rules": {
        "by_source": {},
        "unusual_factor": 3,
        "verification": "warn",
        "window_first_day": 15,
        "window_last_day": 25
      },
      "name": "Водоканал «Ёлка»",
      "reading_reminders": {
        "days_before": 3,
        "enabled": true,
        "hour": 10
      },
      "time_zone": "Asia/Vladivostok",
      "version": 1
    }
    "#);
}

#[tokio::test]
async fn a_tenant_that_is_opened_again_stays_as_it_is() {
    let world = World::new().await;
    world.post(&world.admin, "/v1/tenants", city()).await;
    let again = world.post(&world.admin, "/v1/tenants", city()).await;
    assert_snapshot!(again, @r#"
    200 OK
    location: /v1/tenants/city_7
    etag: "1"
    {
      "command_id": "[uuid]",
      "id": "[uuid]",
      "status": "accepted",
      "version": 1
    }
    "#);
}

#[tokio::test]
async fn only_an_admin_opens_tenants() {
    let world = World::new().await;
    let body = json!({
        "id": "mine", "name": "Mine", "kind": "salon", "time_zone": "Europe/Moscow",
    });
    let answer = world.post(&world.operator, "/v1/tenants", body).await;
    assert_snapshot!(answer, @r#"
    403 Forbidden
    {
      "code": "platform_key_needed",
      "detail": "only an admin's key of the platform may do this",
      "request_id": "[uuid]",
      "status": 403,
      "title": "Platform key needed",
      "type": "/problems/platform_key_needed"
    }
    "#);
    assert_eq!(world.denied().await, ["platform_key_needed"]);
}

#[tokio::test]
async fn a_tenant_changes_field_after_field() {
    let world = World::new().await;
    let body = json!({
        "name": "Водоканал", "language": "en", "time_zone": "Europe/Samara",
        "meter_rules": {"window_first_day": 10, "window_last_day": 20, "unusual_factor": 4},
    });
    let changed = world.patch(&world.operator, "/v1/tenants/moscow", body).await;
    assert_snapshot!(changed, @r#"
    200 OK
    kontor-position: 5
    etag: "4"
    {
      "command_id": "[uuid]",
      "id": "[uuid]",
      "position": 5,
      "status": "accepted",
      "version": 4
    }
    "#);
    let shown = world.read(&world.reader, "/v1/tenants/moscow", &changed).await;
    assert_snapshot!(shown, @r#"
    200 OK
    etag: "4"
    {
      "created_at": "[instant]",
      "credit_rules": {
        "balance_max": 1000000,
        "credits_per_day_max": 10000,
        "debt": "block",
        "enabled": false,
        "gifts_per_day_max": 1000,
        "hold_seconds": 900,
        "low_credits": 5,
        "message_cost": 1,
        "messages_per_minute_max": 60,
        "packages": [
          10,
          25,
          50,
          100
        ],
        "test_switch": false,
        "tutorial_credits": 2,
        "welcome_credits": 3
      },
      "id": "moscow",
      "kind": "utility",
      "language": "en",
      "meter_rules": {
        "by_source": {},
        "unusual_factor": 4,
        "verification": "warn",
        "window_first_day": 10,
        "window_last_day": 20
      },
      "name": "Водоканал",
      "reading_reminders": {
        "days_before": 3,
        "enabled": true,
        "hour": 10
      },
      "time_zone": "Europe/Samara",
      "version": 4
    }
    "#);
}

#[tokio::test]
async fn a_refused_change_says_what_was_changed_before() {
    let world = World::new().await;
    let rules = json!({"window_first_day": 30, "window_last_day": 31});
    let body = json!({"name": "Новое имя", "meter_rules": rules});
    let answer = world.patch(&world.operator, "/v1/tenants/moscow", body).await;
    assert_snapshot!(answer, @r#"
    422 Unprocessable Entity
    {
      "code": "rule_out_of_range",
      "detail": "the meter rule `window_first_day` is out of range: it must be a day from 1 to 28",
      "details": {
        "changed_before": [
          "name"
        ],
        "expected": "a day from 1 to 28",
        "field": "window_first_day"
      },
      "request_id": "[uuid]",
      "status": 422,
      "title": "Rule out of range",
      "type": "/problems/rule_out_of_range"
    }
    "#);
}

#[tokio::test]
async fn a_change_of_nothing_or_of_half_a_locale_is_unreadable() {
    let world = World::new().await;
    let nothing = world.patch(&world.operator, "/v1/tenants/moscow", json!({})).await;
    assert_snapshot!(nothing, @r#"
    400 Bad Request
    {
      "code": "body_invalid",
      "detail": "give at least one field to change",
      "errors": [
        {
          "detail": "give at least one field to change",
          "pointer": ""
        }
      ],
      "request_id": "[uuid]",
      "status": 400,
      "title": "Body invalid",
      "type": "/problems/body_invalid"
    }
    "#);
    let half = json!({"language": "en"});
    let half = world.patch(&world.operator, "/v1/tenants/moscow", half).await;
    assert_snapshot!(half, @r#"
    400 Bad Request
    {
      "code": "body_invalid",
      "detail": "give `time_zone` with `language`",
      "errors": [
        {
          "detail": "give `time_zone` with `language`",
          "pointer": "/time_zone"
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
async fn a_key_of_one_tenant_sees_no_other() {
    let world = World::new().await;
    let own = world.get(&world.operator, "/v1/tenants").await;
    assert_eq!(own.json()["items"].as_array().unwrap().len(), 1);
    let all = world.get(&world.admin, "/v1/tenants").await;
    assert_eq!(all.json()["items"].as_array().unwrap().len(), 2);
    let other = world.get(&world.operator, "/v1/tenants/salon").await;
    assert_snapshot!(other, @r#"
    403 Forbidden
    {
      "code": "tenant_not_yours",
      "detail": "this key belongs to the tenant `moscow` and opens no other",
      "request_id": "[uuid]",
      "status": 403,
      "title": "Tenant not yours",
      "type": "/problems/tenant_not_yours"
    }
    "#);
    let unknown = world.get(&world.admin, "/v1/tenants/nowhere").await;
    assert_snapshot!(unknown, @r#"
    404 Not Found
    {
      "code": "tenant_unknown",
      "detail": "there is no such tenant",
      "request_id": "[uuid]",
      "status": 404,
      "title": "Tenant unknown",
      "type": "/problems/tenant_unknown"
    }
    "#);
    let no_slug = world.get(&world.admin, "/v1/tenants/Нет").await;
    assert_eq!(no_slug.code(), "tenant_unknown");
    let unknown = json!({"name": "X"});
    let unknown = world.patch(&world.admin, "/v1/tenants/nowhere", unknown).await;
    assert_snapshot!(unknown, @r#"
    404 Not Found
    {
      "code": "tenant_unknown",
      "detail": "there is no such tenant",
      "request_id": "[uuid]",
      "status": 404,
      "title": "Tenant unknown",
      "type": "/problems/tenant_unknown"
    }
    "#);
}

#[tokio::test]
async fn a_key_of_the_platform_must_name_a_tenant() {
    let world = World::new().await;
    let answer = world.get(&world.admin, "/v1/accounts").await;
    assert_snapshot!(answer, @r#"
    400 Bad Request
    {
      "code": "parameter_invalid",
      "detail": "`X-Kontor-Tenant`: a key of the platform must name the tenant, in this header or as `?tenant=`",
      "errors": [
        {
          "detail": "a key of the platform must name the tenant, in this header or as `?tenant=`",
          "parameter": "X-Kontor-Tenant"
        }
      ],
      "request_id": "[uuid]",
      "status": 400,
      "title": "Parameter invalid",
      "type": "/problems/parameter_invalid"
    }
    "#);
    let by_query = world.get(&world.admin, "/v1/accounts?tenant=moscow").await;
    assert_eq!(by_query.status, 200, "{by_query}");
    let headers = [("x-kontor-tenant", "moscow")];
    let by_header = world.send(&world.admin, ("GET", "/v1/accounts"), &headers, None).await;
    assert_eq!(by_header.status, 200, "{by_header}");
    let both = ("GET", "/v1/accounts?tenant=salon");
    let both = world.send(&world.admin, both, &headers, None).await;
    assert_snapshot!(both, @r#"
    400 Bad Request
    {
      "code": "parameter_invalid",
      "detail": "`tenant`: the header `X-Kontor-Tenant` names another tenant; name one",
      "errors": [
        {
          "detail": "the header `X-Kontor-Tenant` names another tenant; name one",
          "parameter": "tenant"
        }
      ],
      "request_id": "[uuid]",
      "status": 400,
      "title": "Parameter invalid",
      "type": "/problems/parameter_invalid"
    }
    "#);
    let wrong = world.get(&world.admin, "/v1/accounts?tenant=MOSCOW").await;
    assert_snapshot!(wrong, @r#"
    400 Bad Request
    {
      "code": "parameter_invalid",
      "detail": "`tenant`: a tenant id has 1 to 40 characters of a-z, 0-9 and _, and begins with a letter",
      "errors": [
        {
          "detail": "a tenant id has 1 to 40 characters of a-z, 0-9 and _, and begins with a letter",
          "parameter": "tenant"
        }
      ],
      "request_id": "[uuid]",
      "status": 400,
      "title": "Parameter invalid",
      "type": "/problems/parameter_invalid"
    }
    "#);
    let other = world.send(&world.stranger, ("GET", "/v1/accounts"), &headers, None).await;
    assert_eq!((other.status.as_u16(), other.code().as_str()), (403, "tenant_not_yours"));
}
