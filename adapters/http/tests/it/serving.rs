//! Over a real socket.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use kontor_commands::{CommandSender, Envelope, SendError, Sent};
use kontor_http::{ApiState, ServeLimits, serve_within};
use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::support::{World, probe, settings};

struct Served {
    url: String,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

async fn serve_app(app: axum::Router) -> Served {
    serve_limited(app, ServeLimits::default()).await
}

async fn serve_limited(app: axum::Router, limits: ServeLimits) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let task = tokio::spawn(serve_within(listener, app, stop.clone(), limits));
    Served { url, stop, task }
}

#[tokio::test]
async fn a_request_over_the_network_is_answered_in_full() {
    let world = World::new().await;
    let served = serve_app(world.app.clone()).await;
    let client = Client::new();
    let sent = client
        .post(format!("{}/v1/accounts", served.url))
        .header("x-auth-key", &world.operator)
        .json(&json!({"display_name": "Анна"}))
        .send()
        .await
        .unwrap();
    assert_eq!(sent.status(), StatusCode::CREATED);
    let page = client.get(&served.url).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(page.headers()["content-encoding"], "gzip");
    served.stop.cancel();
    served.task.await.unwrap().unwrap();
    assert!(client.get(&served.url).send().await.is_err());
}

/// Answers when it is told to.
struct Waiting {
    arrived: Arc<Notify>,
    go: Arc<Notify>,
}

#[async_trait]
impl CommandSender for Waiting {
    async fn send(&self, _: Envelope, _: Duration) -> Result<Sent, SendError> {
        self.arrived.notify_one();
        self.go.notified().await;
        Ok(Sent::Unknown)
    }
}

#[tokio::test]
async fn a_stop_lets_open_requests_end() {
    let world = World::new().await;
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let sender = Waiting { arrived: Arc::clone(&arrived), go: Arc::clone(&go) };
    let state = ApiState::new(world.pool.clone(), Arc::new(sender), settings(), probe(true));
    let served = serve_app(kontor_http::app(state)).await;
    let request = Client::new()
        .post(format!("{}/v1/accounts", served.url))
        .header("x-auth-key", &world.operator)
        .json(&json!({"display_name": "Анна"}))
        .send();
    let request = tokio::spawn(request);
    arrived.notified().await;
    served.stop.cancel();
    assert!(!served.task.is_finished());
    go.notify_one();
    assert_eq!(request.await.unwrap().unwrap().status(), StatusCode::ACCEPTED);
    served.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let world = World::new().await;
    let (arrived, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let sender = Waiting { arrived: Arc::clone(&arrived), go };
    let state = ApiState::new(world.pool.clone(), Arc::new(sender), settings(), probe(true));
    let limits = ServeLimits { shutdown_max: Duration::from_millis(200), ..ServeLimits::default() };
    let served = serve_limited(kontor_http::app(state), limits).await;
    let request = Client::new()
        .post(format!("{}/v1/accounts", served.url))
        .header("x-auth-key", &world.operator)
        .json(&json!({"display_name": "Анна"}))
        .send();
    let request = tokio::spawn(request);
    arrived.notified().await;
    served.stop.cancel();
    timeout(Duration::from_secs(20), served.task).await.unwrap().unwrap().unwrap();
    request.abort();
}

#[tokio::test]
async fn a_silent_connection_is_closed_and_its_place_given_to_the_next() {
    let world = World::new().await;
    let limits = ServeLimits {
        connections_max: 1,
        idle_max: Duration::from_millis(300),
        ..ServeLimits::default()
    };
    let served = serve_limited(world.app.clone(), limits).await;
    let address = served.url.strip_prefix("http://").unwrap();
    let mut silent = TcpStream::connect(address).await.unwrap();
    let answered = Client::new().get(format!("{}/health", served.url)).send();
    let answered = timeout(Duration::from_secs(20), answered).await.unwrap().unwrap();
    assert_eq!(answered.status(), StatusCode::OK);
    let mut nothing = [0; 1];
    let read = timeout(Duration::from_secs(20), silent.read(&mut nothing)).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}
