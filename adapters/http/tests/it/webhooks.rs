//! The webhooks on the operations page and under `/v1/operations`.

use axum::http::StatusCode;
use kontor_postgres::{
    MasterKeys, Vault,
    integrators::{Channel, EventFilter, NewIntegrator},
    webhooks::{self, PROBE_EVERY},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    operations::{ORIGIN, form, page, session},
    support::World,
};

const PAGE: &str = "/admin/operations/webhooks";

/// A webhook with a secret in its address.
async fn add(world: &World, name: &str, tenant: Option<&str>) -> Uuid {
    let vault = Vault::new(world.pool.clone(), MasterKeys::throwaway());
    let new = NewIntegrator {
        name: name.parse().unwrap(),
        tenant: tenant.map(|slug| slug.parse().unwrap()),
        events: EventFilter::new(&["*".to_owned()]).unwrap(),
        channel: Channel::Webhook,
    };
    let url = format!("https://{name}.example.org/secret-path?token=secret");
    webhooks::add(&world.pool, &vault, (new, &url)).await.unwrap().0.id
}

/// An attempt that was answered so, and what it left behind in the webhook's row.
async fn answered(world: &World, id: Uuid, status: Option<i16>) {
    let failure = match status {
        Some(200..=299) => None,
        Some(status) => Some(format!("answered {status}")),
        None => Some("no answer in time".to_owned()),
    };
    sqlx::query(
        "insert into webhook_attempts
             (integrator_id, position, event_id, event_type, attempt, at, duration_ms, status, failure)
         values ($1, 1, $2, 'tenant.created', 1, clock_timestamp(), 7, $3, $4)",
    )
    .bind(id)
    .bind(Uuid::now_v7())
    .bind(status)
    .bind(&failure)
    .execute(&world.pool)
    .await
    .unwrap();
    sqlx::query(
        "update webhooks set last_attempt_at = clock_timestamp(), last_failure = $2,
             failures = case when $2 is null then 0 else failures + 1 end,
             failing_since = case when $2 is null then null
                 else coalesce(failing_since, clock_timestamp()) end
         where integrator_id = $1",
    )
    .bind(id)
    .bind(&failure)
    .execute(&world.pool)
    .await
    .unwrap();
}

/// An event that waits: the first of its stream until so many seconds from now, and one behind it.
async fn parked(world: &World, id: Uuid, seconds: f64) {
    sqlx::query(
        "insert into webhook_deliveries
             (integrator_id, position, stream_id, event_id, event_type, state, attempts, next_at,
              first_at)
         select $1, n, $1, $1, 'tenant.created', 'pending', 1,
                clock_timestamp() + case when n = 1 then $2 else 0 end * interval '1 second',
                clock_timestamp() - interval '90 seconds'
         from generate_series(1, 2) n",
    )
    .bind(id)
    .bind(seconds)
    .execute(&world.pool)
    .await
    .unwrap();
}

async fn listed(world: &World, key: &str) -> Vec<Value> {
    let answer = world.get(key, "/v1/operations/webhooks").await;
    assert_eq!(answer.status, StatusCode::OK, "{answer}");
    answer.json()["items"].as_array().unwrap().clone()
}

/// In how many seconds the webhook is called next.
fn next_in(hook: &Value) -> Option<i64> {
    let at = hook["next_attempt_at"].as_str()?;
    let at: chrono::DateTime<chrono::Utc> = at.parse().unwrap();
    Some((at - kontor_commands::clock::now()).num_seconds())
}

#[tokio::test]
async fn each_webhook_tells_how_it_is_what_it_answered_and_when_it_is_called_next() {
    let world = World::new().await;
    let id = add(&world, "billing", Some("moscow")).await;
    let hook = listed(&world, &world.admin).await.remove(0);
    assert_eq!(
        (&hook["name"], &hook["host"], &hook["state"], next_in(&hook)),
        (&json!("billing"), &json!("billing.example.org"), &json!("delivering"), None)
    );
    assert_eq!((&hook["lag_events"], &hook["last_answers"]), (&json!(0), &json!([])));

    answered(&world, id, Some(204)).await;
    answered(&world, id, Some(503)).await;
    parked(&world, id, 300.0).await;
    let hook = listed(&world, &world.admin).await.remove(0);
    assert_eq!((&hook["state"], &hook["pending"]), (&json!("failing"), &json!(2)));
    let statuses: Vec<&Value> =
        hook["last_answers"].as_array().unwrap().iter().map(|answer| &answer["status"]).collect();
    assert_eq!(statuses, [503, 204]);
    assert!((290..=300).contains(&next_in(&hook).unwrap()), "the second waits behind: {hook}");
    assert!((85.0..200.0).contains(&hook["lag_seconds"].as_f64().unwrap()), "{hook}");

    for _ in 0..5 {
        answered(&world, id, None).await;
    }
    let hook = listed(&world, &world.admin).await.remove(0);
    assert_eq!(hook["state"], "down");
    assert_eq!(hook["last_answers"].as_array().unwrap().len(), 5);
    let probe = PROBE_EVERY.num_seconds();
    assert!((probe - 20..=probe).contains(&next_in(&hook).unwrap()), "{hook}");
    sqlx::query("update webhooks set wait_until = clock_timestamp() + interval '2 hours'")
        .execute(&world.pool)
        .await
        .unwrap();
    let hook = listed(&world, &world.admin).await.remove(0);
    assert!(next_in(&hook).unwrap() > 7_000, "a pause that was asked for: {hook}");
    assert!(!hook.to_string().contains("secret"), "{hook}");
}

#[tokio::test]
async fn a_webhook_is_paused_and_resumed_and_the_journal_knows_who_did_it() {
    let world = World::new().await;
    let id = add(&world, "billing", Some("moscow")).await;
    parked(&world, id, 300.0).await;
    let cookie = session(&world, &world.operator).await;
    let address = format!("{PAGE}/billing");
    let told = page(&world, &cookie, &address).await;
    assert!(
        told.text.contains("Pause the calls") && !told.text.contains("secret"),
        "{}",
        told.text
    );
    for (order, done, state) in [
        ("pause", "paused", "paused"),
        ("pause", "unchanged", "paused"),
        ("resume", "resumed", "delivering"),
    ] {
        let answer =
            form(&world, &format!("{address}/{order}"), (&cookie, ORIGIN), String::new()).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        assert_eq!(answer.header("location"), format!("{address}?done={done}"));
        let hook = listed(&world, &world.operator).await.remove(0);
        assert_eq!(hook["state"], state, "{hook}");
        assert_eq!(next_in(&hook).is_none(), state == "paused", "{hook}");
    }
    let resumed = page(&world, &cookie, &format!("{address}?done=resumed")).await;
    assert!(resumed.text.contains("what waited is tried first"), "{}", resumed.text);
    let again = world.post(&world.admin, "/v1/operations/webhooks/billing/pause", json!({})).await;
    assert_eq!(again.json(), json!({"name": "billing", "called": false, "changed": true}));

    let journal = world.get(&world.operator, "/v1/operations/actions").await.json();
    let noted: Vec<String> = journal["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["target"] == "billing")
        .map(|entry| format!("{} {}", entry["action"], entry["outcome"]).replace('"', ""))
        .collect();
    let expected = [
        "webhook_disable done",
        "webhook_enable done",
        "webhook_disable unchanged",
        "webhook_disable done",
    ];
    assert_eq!(noted, expected, "{journal}");
}

#[tokio::test]
async fn a_webhook_of_another_tenant_is_not_there() {
    let world = World::new().await;
    add(&world, "billing", Some("moscow")).await;
    add(&world, "warehouse", None).await;
    let names = |hooks: Vec<Value>| -> Vec<String> {
        hooks.iter().map(|hook| hook["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(listed(&world, &world.admin).await), ["billing", "warehouse"]);
    assert_eq!(names(listed(&world, &world.operator).await), ["billing"]);
    assert!(listed(&world, &world.stranger).await.is_empty());
    assert_eq!(world.get(&world.reader, "/v1/operations/webhooks").await.status, 403);
    let cookie = session(&world, &world.stranger).await;
    assert!(page(&world, &cookie, PAGE).await.text.contains("No webhook is in force"));
    for name in ["billing", "warehouse", "nobody", "счёт"] {
        let name = name.replace("счёт", "%D1%81%D1%87%D1%91%D1%82");
        let shown = page(&world, &cookie, &format!("{PAGE}/{name}")).await;
        assert_eq!(shown.status, StatusCode::NOT_FOUND, "{name}");
        let path = format!("/v1/operations/webhooks/{name}/pause");
        let answer = world.post(&world.stranger, &path, json!({})).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (404, "webhook_unknown".to_owned()));
    }
    let hooks = listed(&world, &world.admin).await;
    assert!(hooks.iter().all(|hook| hook["state"] == "delivering"), "{hooks:?}");
    let address = format!("{PAGE}/billing/pause");
    let foreign = form(&world, &address, (&cookie, "https://evil.example"), String::new()).await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
}
