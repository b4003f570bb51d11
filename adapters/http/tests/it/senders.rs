//! What callers see when commands cannot be carried out at once.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{Router, body::Body, http::Request};
use insta::assert_snapshot;
use kontor_commands::{CommandSender, Envelope, SendError, Sent};
use kontor_http::{ApiSettings, ApiState};
use serde_json::json;

use crate::support::{Answer, World, call, probe, settings};

/// Always answers the same.
struct Scripted(Box<dyn Fn() -> Result<Sent, SendError> + Send + Sync>);

#[async_trait]
impl CommandSender for Scripted {
    async fn send(&self, _: Envelope, _: Duration) -> Result<Sent, SendError> {
        (self.0)()
    }
}

/// Never answers.
struct Silent;

#[async_trait]
impl CommandSender for Silent {
    async fn send(&self, _: Envelope, _: Duration) -> Result<Sent, SendError> {
        std::future::pending().await
    }
}

fn app(world: &World, sender: impl CommandSender, settings: ApiSettings) -> Router {
    let state = ApiState::new(world.pool.clone(), Arc::new(sender), settings, probe(true));
    kontor_http::app(state)
}

async fn submit(world: &World, app: &Router) -> Answer {
    let request = Request::builder()
        .method("POST")
        .uri("/v1/accounts")
        .header("x-auth-key", &world.operator)
        .header("content-type", "application/json")
        .header("idempotency-key", "the-same")
        .header("x-request-id", "request-7")
        .body(Body::from(json!({"display_name": "Анна"}).to_string()))
        .unwrap();
    call(app, request).await
}

async fn scripted(
    world: &World,
    answer: impl Fn() -> Result<Sent, SendError> + Send + Sync + 'static,
) -> Answer {
    submit(world, &app(world, Scripted(Box::new(answer)), settings())).await
}

#[tokio::test]
async fn an_outcome_that_is_not_known_yet_is_pending() {
    let world = World::new().await;
    let pending = scripted(&world, || Ok(Sent::Unknown)).await;
    assert_snapshot!(pending, @r#"
    202 Accepted
    location: /v1/commands/[uuid]
    retry-after: 1
    {
      "command_id": "[uuid]",
      "id": "[uuid]",
      "status": "pending"
    }
    "#);
    let location = pending.header("location").to_owned();
    let id = pending.json()["command_id"].as_str().unwrap().to_owned();
    assert_eq!(location, format!("/v1/commands/{id}"));
    // The command arrives after all, and the address shows its outcome.
    let arrived = submit(&world, &world.app).await;
    assert_eq!(arrived.json()["command_id"], id);
    assert_eq!(world.get(&world.reader, &location).await.json()["status"], "accepted");
}

#[tokio::test]
async fn a_full_backlog_and_a_broker_that_is_down_ask_for_patience() {
    let world = World::new().await;
    let full = scripted(&world, || Err(SendError::Overloaded)).await;
    assert_snapshot!(full, @r#"
    503 Service Unavailable
    retry-after: 1
    {
      "code": "overloaded",
      "detail": "too many commands are waiting; try again in a moment",
      "request_id": "request-7",
      "status": 503,
      "title": "Overloaded",
      "type": "/problems/overloaded"
    }
    "#);
    let down = || Err(SendError::Unavailable("connection refused".to_owned()));
    assert_snapshot!(scripted(&world, down).await, @r#"
    503 Service Unavailable
    retry-after: 1
    {
      "code": "broker_unavailable",
      "detail": "commands cannot be taken now; nothing was done",
      "request_id": "request-7",
      "status": 503,
      "title": "Broker unavailable",
      "type": "/problems/broker_unavailable"
    }
    "#);
    let unconfirmed = scripted(&world, || Err(SendError::Unconfirmed)).await;
    assert_snapshot!(unconfirmed, @r#"
    503 Service Unavailable
    retry-after: 1
    {
      "code": "command_unconfirmed",
      "detail": "it is not known whether the command was taken; repeat the request with the same `Idempotency-Key` until it is answered",
      "details": {
        "command_id": "[uuid]"
      },
      "request_id": "request-7",
      "status": 503,
      "title": "Command unconfirmed",
      "type": "/problems/command_unconfirmed"
    }
    "#);
    // Under that id it can be asked for, and the repetition has it.
    let id = unconfirmed.json()["details"]["command_id"].as_str().unwrap().to_owned();
    assert_eq!(submit(&world, &world.app).await.json()["command_id"], id);
}

#[tokio::test]
async fn a_panic_is_an_error_with_a_request_id_and_no_more() {
    let world = World::new().await;
    let answer = scripted(&world, || panic!("a secret detail")).await;
    assert_snapshot!(answer, @r#"
    500 Internal Server Error
    {
      "code": "internal",
      "detail": "something went wrong on our side",
      "request_id": "request-7",
      "status": 500,
      "title": "Internal",
      "type": "/problems/internal"
    }
    "#);
    assert_eq!(answer.header("x-request-id"), "request-7");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let world = World::new().await;
    let short = ApiSettings { request_timeout: Duration::from_millis(300), ..settings() };
    assert_snapshot!(submit(&world, &app(&world, Silent, short)).await, @r#"
    503 Service Unavailable
    retry-after: 1
    {
      "code": "timeout",
      "detail": "the answer took too long; a command that was sent may still be carried out, and sending it again with the same `Idempotency-Key` is safe",
      "request_id": "request-7",
      "status": 503,
      "title": "Timeout",
      "type": "/problems/timeout"
    }
    "#);
}

#[tokio::test]
async fn a_database_that_is_gone_is_an_error_without_its_cause() {
    let world = World::new().await;
    world.pool.close().await;
    let answer = world.get(&world.operator, "/v1/accounts").await;
    assert_snapshot!(answer, @r#"
    503 Service Unavailable
    retry-after: 1
    {
      "code": "database_unavailable",
      "detail": "the database cannot be reached now; try again in a moment",
      "request_id": "[uuid]",
      "status": 503,
      "title": "Database unavailable",
      "type": "/problems/database_unavailable"
    }
    "#);
}
