//! Webhooks, with the whole program running.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Bytes, http::HeaderMap, routing::post};
use tempfile::{TempDir, tempdir};
use tokio::net::TcpListener;

use crate::{
    integrators::kontor,
    program::{Up, command, eventually, run, text},
};

/// How long an event may take to an integrator.
const EVENT_LIMIT: Duration = Duration::from_secs(30);

/// What the other side got.
type Got = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

#[tokio::test]
async fn a_webhook_is_added_called_asked_about_and_revoked() {
    let got: Got = Arc::default();
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
    one_event_comes_again_where_the_webhook_moved(&folder, &url, &got).await;
    kontor(&folder, &["integrator", "revoke", "crm", "--json"]).await;
    let gone = run(command(folder.path(), &["integrator", "deliveries", "crm"])).await;
    assert_eq!(gone.status.code(), Some(1));
    up.stop().await;
    serving.abort();
}

/// Types an order that is refused, and returns its exit code with what it said.
async fn refused(folder: &TempDir, arguments: &[&str]) -> (i32, String) {
    let output = run(command(folder.path(), arguments)).await;
    (output.status.code().unwrap(), text(&output.stderr))
}

async fn one_event_comes_again_where_the_webhook_moved(folder: &TempDir, url: &str, got: &Got) {
    let (headers, body) = got.lock().unwrap()[0].clone();
    let id = headers["webhook-id"].to_str().unwrap();
    let listed = kontor(folder, &["integrator", "list", "--json"]).await;
    assert_eq!(listed[0]["webhook"]["url"], url, "{listed}");
    assert_eq!(listed[0]["webhook"]["disabled_reason"], serde_json::Value::Null);
    let checked = kontor(folder, &["check", "--json"]).await;
    assert!(checked.to_string().contains("1 are called"), "{checked}");

    // To a place inside, with a login, or to nowhere: as strict as `add`.
    for wrong in ["https://10.0.0.1/", "https://user:secret@example.org/", "http://example.org/"] {
        let (code, said) =
            refused(folder, &["integrator", "move", "crm", "--webhook", wrong]).await;
        assert_eq!(code, 2, "{said}");
        assert!(!said.contains("secret@"), "{said}");
    }
    let moved_url = format!("{url}?moved=1");
    let mut moving =
        command(folder.path(), &["integrator", "move", "crm", "--webhook", &moved_url, "--json"]);
    moving.env("KONTOR_WEBHOOK_LOOPBACK", "on");
    let moved = run(moving).await;
    assert!(moved.status.success(), "{}", text(&moved.stderr));

    eventually(|| async {
        let listed = kontor(folder, &["integrator", "list", "--json"]).await;
        let webhook = &listed[0]["webhook"];
        (webhook["behind"] == 0 && webhook["pending"] == 0).then_some(())
    })
    .await;
    let before = got.lock().unwrap().len();
    let again = kontor(folder, &["integrator", "redeliver", "crm", id, "--json"]).await;
    assert_eq!((&again["events"], again["event_id"].as_str()), (&1.into(), Some(id)), "{again}");
    eventually(|| async { (got.lock().unwrap().len() > before).then_some(()) }).await;
    assert_eq!(got.lock().unwrap()[before].1, body);
    // The first event of the log is a tenant's, which the filter leaves out.
    for (event, code, reason) in [
        ("1", 1, "its filter leaves the type out"),
        ("100000", 1, "there is no event at 100000"),
        ("вчера", 2, "neither a position"),
    ] {
        let order = ["integrator", "redeliver", "crm", event];
        let (got, said) = refused(folder, &order).await;
        assert_eq!(got, code, "{said}");
        assert!(said.contains(reason), "{said}");
    }
    kontor(folder, &["integrator", "disable", "crm", "--json"]).await;
    let checked = kontor(folder, &["check", "--json"]).await;
    assert!(checked.to_string().contains("kontor integrator enable crm"), "{checked}");
    let listed = kontor(folder, &["integrator", "list", "--json"]).await;
    assert_eq!(listed[0]["webhook"]["disabled_reason"], "an operator disabled it", "{listed}");
    let listed = run(command(folder.path(), &["integrator", "list"])).await;
    let listed = text(&listed.stdout);
    assert!(listed.contains(&moved_url) && listed.contains("an operator disabled it"), "{listed}");
}
