//! Webhooks, with the whole program running.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, http::HeaderMap, routing::post};
use tempfile::tempdir;
use tokio::net::TcpListener;

use crate::{
    integrators::kontor,
    program::{Up, command, run, text},
};

/// How long an event may take to an integrator.
const EVENT_LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_webhook_is_added_called_asked_about_and_revoked() {
    let got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>> = Arc::default();
    let book = Arc::clone(&got);
    let hook = post(move |headers: HeaderMap, body: Bytes| async move {
        book.lock().unwrap().push((headers, body));
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let serving =
        tokio::spawn(axum::serve(listener, Router::new().route("/hook", hook)).into_future());

    let folder = tempdir().unwrap();
    let add = ["integrator", "add", "crm", "--webhook", &url, "--events", "meter.*", "--json"];
    let mut starting = command(folder.path(), &["up", "--json"]);
    starting.env("KONTOR_WEBHOOK_LOOPBACK", "on");
    let up = Up::start_with(starting).await;
    let refused = run(command(folder.path(), &add)).await;
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("only https is called"), "{}", text(&refused.stderr));
    let mut adding = command(folder.path(), &add);
    adding.env("KONTOR_WEBHOOK_LOOPBACK", "on");
    let added = run(adding).await;
    assert!(added.status.success(), "{}", text(&added.stderr));
    let added: serde_json::Value = serde_json::from_slice(&added.stdout).unwrap();
    let secret = added["webhook"]["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"), "{added}");

    kontor(&folder, &["integrator", "replay", "crm", "--from-position", "1", "--json"]).await;
    let deadline = tokio::time::Instant::now() + EVENT_LIMIT;
    while got.lock().unwrap().len() < 2 {
        assert!(tokio::time::Instant::now() < deadline, "the events do not come");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (headers, body) = got.lock().unwrap()[0].clone();
    let cloud: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(cloud["type"], "meter.registered", "{cloud}");
    assert_eq!(headers["webhook-id"].to_str().unwrap(), cloud["id"].as_str().unwrap());
    assert!(headers["webhook-signature"].to_str().unwrap().starts_with("v1,"));

    let asked = kontor(&folder, &["integrator", "deliveries", "crm", "--json"]).await;
    assert_eq!(asked["attempts"][0]["state"], "delivered", "{asked}");
    assert!(!asked.to_string().contains(secret));
    let rotated = kontor(&folder, &["integrator", "rotate-secret", "crm", "--json"]).await;
    assert_ne!(rotated["secret"], secret);
    kontor(&folder, &["integrator", "disable", "crm", "--json"]).await;
    kontor(&folder, &["integrator", "enable", "crm", "--json"]).await;
    let again = kontor(&folder, &["integrator", "redeliver", "crm", "--failed", "--json"]).await;
    assert_eq!(again["events"], 0);
    kontor(&folder, &["integrator", "revoke", "crm", "--json"]).await;
    let gone = run(command(folder.path(), &["integrator", "deliveries", "crm"])).await;
    assert_eq!(gone.status.code(), Some(1));
    up.stop().await;
    serving.abort();
}
