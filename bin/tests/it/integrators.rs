//! `kontor integrator`, with the whole program running.

use std::time::Duration;

use async_nats::jetstream::{self, consumer::PullConsumer, context::ContextBuilder};
use futures::StreamExt;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::program::{MASTER_KEY, Up, command, eventually, run, text};

/// How long an event may take to an integrator.
const EVENT_LIMIT: Duration = Duration::from_secs(30);

/// Types a command and reads its JSON.
pub(crate) async fn kontor(folder: &TempDir, arguments: &[&str]) -> Value {
    let output = run(command(folder.path(), arguments)).await;
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_str(&text(&output.stdout)).unwrap()
}

/// Enters as an integrator, by what `add` printed.
pub(crate) async fn enter(added: &Value) -> Result<async_nats::Client, async_nats::ConnectError> {
    let nats = &added["nats"];
    let word = |name: &str| nats[name].as_str().unwrap().to_owned();
    async_nats::ConnectOptions::with_user_and_password(word("user"), word("password"))
        .custom_inbox_prefix(word("inbox_prefix"))
        .connect(nats["servers"][0].as_str().unwrap())
        .await
}

pub(crate) async fn consumer(client: &async_nats::Client, added: &Value) -> Option<PullConsumer> {
    let patience = Duration::from_secs(2);
    let jetstream = ContextBuilder::new().timeout(patience).build(client.clone());
    let stream = jetstream.get_stream_no_info("EVENTS").await.unwrap();
    stream.get_consumer(added["nats"]["consumer"].as_str().unwrap()).await.ok()
}

#[tokio::test]
async fn an_integrator_is_added_receives_its_events_replays_them_and_is_revoked() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    let add = ["integrator", "add", "billing", "--tenant", "demo_utility"];
    let add = [&add[..], &["--events", "tenant.created,meter.registered", "--json"]].concat();
    let added = kontor(&folder, &add).await;
    assert_eq!(added["nats"]["user"], "integrator_billing", "{added}");
    let again = run(command(folder.path(), &add)).await;
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("already"), "{}", text(&again.stderr));

    let client = enter(&added).await.unwrap();
    let billing = consumer(&client, &added).await.unwrap();
    assert_eq!(billing.cached_info().num_pending, 0, "what was before is not delivered");
    let replayed = ["integrator", "replay", "billing", "--from-position", "1", "--json"];
    let replayed = kontor(&folder, &replayed).await;
    assert_eq!((&replayed["from_position"], &replayed["out_of"]), (&1.into(), &"stream".into()));
    let billing = consumer(&client, &added).await.unwrap();
    let mut events = billing.messages().await.unwrap();
    let mut seen = Vec::new();
    while seen.len() < 3 {
        let event = tokio::time::timeout(EVENT_LIMIT, events.next()).await.unwrap();
        let event = event.unwrap().unwrap();
        let cloud: Value = serde_json::from_slice(&event.payload).unwrap();
        event.double_ack().await.unwrap();
        seen.push(cloud["type"].as_str().unwrap().to_owned());
    }
    // The demo tenant has two meters, and no other event of it is let through.
    assert_eq!(seen, ["tenant.created", "meter.registered", "meter.registered"]);
    assert_eq!(consumer(&client, &added).await.unwrap().cached_info().num_pending, 0);

    let listed = kontor(&folder, &["integrator", "list", "--json"]).await;
    assert_eq!(listed[0]["subjects"][0], "evt.demo_utility.meter.registered", "{listed}");
    assert!(!listed.to_string().contains(added["nats"]["password"].as_str().unwrap()));
    let revoked = kontor(&folder, &["integrator", "revoke", "billing", "--json"]).await;
    assert_eq!(revoked["consumer_deleted"], true, "{revoked}");
    assert_eq!(revoked["connections_ended"], 1, "{revoked}");
    assert!(enter(&added).await.is_err());
    assert_eq!(kontor(&folder, &["integrator", "list", "--json"]).await, Value::Array(Vec::new()));
    up.stop().await;
}

#[tokio::test]
async fn wrong_orders_about_integrators_say_what_would_be_right() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    for (arguments, code, says) in [
        (&["add", "Acme"][..], 2, "begins with a letter"),
        (&["add", "acme", "--events", "meter"], 2, "write `meter.*`"),
        (&["add", "acme", "--events", ""], 2, "is no event pattern"),
        (&["add", "acme", "--events", "meters.*"], 2, "meter.reading_submitted"),
        (&["add", "acme", "--tenant", "Москва"], 2, "a tenant id"),
        (&["revoke", "nobody"], 1, "kontor integrator list"),
        (&["replay", "nobody", "--from-position", "1"], 1, "kontor integrator list"),
        (&["replay", "nobody", "--from-position", "0"], 2, "1.."),
    ] {
        let output = run(command(folder.path(), &[&["integrator"], arguments].concat())).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(says), "{arguments:?}: {}", text(&output.stderr));
    }
    kontor(&folder, &["integrator", "add", "acme", "--json"]).await;
    let beyond = ["integrator", "replay", "acme", "--from-position", "100000"];
    let output = run(command(folder.path(), &beyond)).await;
    assert!(text(&output.stderr).contains("the log ends at position"), "{}", text(&output.stderr));
    up.stop().await;
}

#[tokio::test]
async fn a_broker_of_ones_own_is_told_of_the_key_and_survives_restarts_of_kontor() {
    let folder = tempdir().unwrap();
    let made = kontor(&folder, &["integrator", "issuer", "--json"]).await;
    let (public_key, seed) = (made["issuer"].as_str().unwrap(), made["seed"].as_str().unwrap());
    let database = kontor_engines::testing::database().await;
    let broker = kontor_engines::testing::nats_asking(public_key.to_owned()).await;
    let with_engines = |arguments: &[&str]| {
        let mut command = command(folder.path(), arguments);
        command.env("DATABASE_URL", &database.url).env("NATS_URL", &broker.url);
        command.env("KONTOR_MASTER_KEY", MASTER_KEY);
        command
    };
    assert!(run(with_engines(&["migrate"])).await.status.success());
    let unknown = run(with_engines(&["integrator", "add", "acme"])).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("KONTOR_NATS_ISSUER_SEED"), "{}", text(&unknown.stderr));

    let with_seed = |arguments: &[&str]| {
        let mut command = with_engines(arguments);
        command.env("KONTOR_NATS_ISSUER_SEED", seed);
        command
    };
    let output = run(with_seed(&["integrator", "add", "acme", "--json"])).await;
    let added: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert!(enter(&added).await.is_err(), "nobody keeps the door yet");
    let relay = with_seed(&["relay"]).spawn().unwrap();
    let client = eventually(|| async { enter(&added).await.ok() }).await;
    assert!(consumer(&client, &added).await.is_some());
    // Without the system account the connection stays, with nothing to read.
    let output = run(with_seed(&["integrator", "revoke", "acme", "--json"])).await;
    let revoked: Value = serde_json::from_str(&text(&output.stdout)).unwrap();
    assert_eq!(revoked["connections_ended"], Value::Null, "{revoked}");
    assert!(consumer(&client, &added).await.is_none());
    assert!(enter(&added).await.is_err());
    let jetstream = jetstream::new(client.clone());
    assert!(jetstream.get_stream("EVENTS").await.is_err());
    drop(relay);
}
