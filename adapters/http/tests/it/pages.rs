use std::sync::Arc;

use axum::{body::Body, http::Request};
use insta::assert_snapshot;
use kontor_http::{ApiSettings, ApiState};

use crate::support::{Answer, World, call, probe, settings};

#[tokio::test]
async fn probes_say_whether_the_process_lives_and_serves() {
    let world = World::new().await;
    assert_snapshot!(world.get("", "/health").await, @r#"
    200 OK
    {
      "status": "live"
    }
    "#);
    let mut ready = world.get("", "/ready").await;
    for _ in 0..100 {
        if ready.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        ready = world.get("", "/ready").await;
    }
    assert_snapshot!(ready, @r#"
    200 OK
    {
      "broker": "up",
      "database": "up",
      "followers": "up",
      "migrations": "up",
      "status": "ready"
    }
    "#);
}

async fn with_broker_down(world: &World, address: &str) -> Answer {
    let sender = Arc::clone(&world.sender);
    let state = ApiState::new(world.pool.clone(), sender, settings(), probe(false));
    let request = Request::builder().uri(address).body(Body::empty()).unwrap();
    call(&kontor_http::app(state), request).await
}

#[tokio::test]
async fn a_broker_that_is_down_shows() {
    let world = World::new().await;
    let ready = with_broker_down(&world, "/ready").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["broker"], "down");
    assert_eq!(ready.json()["database"], "up");
    let page = with_broker_down(&world, "/").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("The broker cannot be reached"), "{}", page.text);
}

#[tokio::test]
async fn a_database_that_is_down_shows_and_the_page_stays() {
    let world = World::new().await;
    world.pool.close().await;
    let ready = world.get("", "/ready").await;
    assert_eq!(ready.status, 503);
    assert_eq!(ready.json()["database"], "down");
    let page = world.get("", "/").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("The database cannot be reached"), "{}", page.text);
    assert_eq!(world.get("", "/health").await.status, 200);
}

#[tokio::test]
async fn the_status_page_shows_no_names_and_loads_nothing_from_elsewhere() {
    let sandbox = Some("http://127.0.0.1:8090/chat".to_owned());
    let world = World::with(ApiSettings { sandbox_url: sandbox, ..settings() }).await;
    world.account().await;
    let page = world.get("", "/").await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.text.contains("<html lang=\"en\">"));
    assert!(page.text.contains("http://127.0.0.1:8090/chat"));
    for word in ["Анна", "Мосводоканал", "moscow", "<script>", "style=", "onclick"]
    {
        assert!(!page.text.contains(word), "{word}");
    }
    let policy = page.header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let sources = page.text.split(['"', '\'']).filter(|text| text.starts_with("/assets/"));
    let sources: Vec<&str> = sources.collect();
    assert_eq!(sources.len(), 3);
    for source in sources {
        let asset = world.get("", source).await;
        assert_eq!(asset.status, 200, "{source}");
        assert!(!asset.text.contains("http://") || source.contains(".svg"), "{source}");
    }
    assert_eq!(world.get("", "/assets/secret.txt").await.code(), "not_found");
}

#[tokio::test]
async fn causes_are_for_keys_of_the_platform() {
    let world = World::new().await;
    let details = world.get(&world.admin, "/v1/status").await;
    assert_eq!(details.status, 200);
    let read_models = kontor_projections::all().len();
    assert_eq!(details.json()["followers"].as_array().unwrap().len(), read_models);
    assert_eq!(world.get(&world.operator, "/v1/status").await.code(), "platform_key_needed");
    assert_eq!(world.get("", "/v1/status").await.status, 401);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_document() {
    let world = World::new().await;
    assert_snapshot!(world.get("", "/nowhere").await, @r#"
    404 Not Found
    {
      "code": "not_found",
      "detail": "there is nothing at this address",
      "request_id": "[uuid]",
      "status": 404,
      "title": "Not found",
      "type": "/problems/not_found"
    }
    "#);
    let wrong = world.send(&world.operator, ("DELETE", "/v1/accounts"), &[], None).await;
    assert_eq!(wrong.header("content-type"), "application/problem+json");
    assert_eq!(wrong.header("allow"), "POST,GET,HEAD");
    assert_snapshot!(wrong, @r#"
    405 Method Not Allowed
    {
      "code": "method_not_allowed",
      "detail": "this address does not know this method; see `Allow`",
      "request_id": "[uuid]",
      "status": 405,
      "title": "Method not allowed",
      "type": "/problems/method_not_allowed"
    }
    "#);
    assert_eq!(world.send("", ("POST", "/health"), &[], None).await.status, 405);
}

#[tokio::test]
async fn a_request_id_comes_back_when_it_is_sane() {
    let world = World::new().await;
    let sane = world.send("", ("GET", "/health"), &[("x-request-id", "abc-1.2_3")], None).await;
    assert_eq!(sane.header("x-request-id"), "abc-1.2_3");
    let long = "x".repeat(65);
    for odd in ["a b", "<script>", &long, ""] {
        let answer = world.send("", ("GET", "/health"), &[("x-request-id", odd)], None).await;
        assert!(answer.header("x-request-id").parse::<uuid::Uuid>().is_ok(), "{odd}");
    }
}

#[tokio::test]
async fn pages_of_other_origins_call_only_when_they_are_configured() {
    let origin = "https://app.example.com";
    let open = ApiSettings { cors_origins: vec![origin.to_owned()], ..settings() };
    let world = World::with(open).await;
    let headers = [("origin", origin), ("access-control-request-method", "POST")];
    let asked = world.send("", ("OPTIONS", "/v1/accounts"), &headers, None).await;
    assert_eq!(asked.header("access-control-allow-origin"), origin);
    let headers = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    let asked = world.send("", ("OPTIONS", "/v1/accounts"), &headers, None).await;
    assert_eq!(asked.header("access-control-allow-origin"), "");
}
