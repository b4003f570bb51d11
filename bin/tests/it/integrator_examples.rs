//! The programs in `docs/examples`, run as an integrator runs them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tempfile::{TempDir, tempdir};
use tokio::process::Command;

use crate::{
    integrators::{enter, kontor},
    program::{Up, text},
};

/// Far above what a program needs for a handful of events on a busy machine.
const EXAMPLE_LIMIT: Duration = Duration::from_secs(90);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The events of the demo tenant's log that a program should print: position, type, subject.
async fn expected(folder: &TempDir, types: &[&str]) -> Vec<String> {
    let run = fs::read(folder.path().join(".kontor/run.json")).unwrap();
    let run: Value = serde_json::from_slice(&run).unwrap();
    let pool = kontor_postgres::connect(run["database_url"].as_str().unwrap(), 1).await.unwrap();
    let page = kontor_postgres::EventReader::new(pool).page(0, 1_000, types).await.unwrap();
    let line = |event: &kontor_domain::Recorded| {
        assert_eq!(event.tenant.as_str(), "demo_utility");
        format!("{} {} {}", event.position, event.event_type, event.stream_id)
    };
    page.events
        .iter()
        .filter(|event| types.contains(&event.event_type.as_str()))
        .map(line)
        .collect()
}

/// Adds an integrator for some events, lets it begin at the beginning, and writes its login down.
async fn add(folder: &TempDir, name: &str, events: &str) -> (Value, PathBuf) {
    let add = ["integrator", "add", name, "--tenant", "demo_utility", "--events", events, "--json"];
    let added = kontor(folder, &add).await;
    let replay = ["integrator", "replay", name, "--from-position", "1", "--json"];
    kontor(folder, &replay).await;
    let file = folder.path().join(format!("{name}.json"));
    fs::write(&file, added.to_string()).unwrap();
    (added, file)
}

/// Runs an example to its end and returns what it printed.
async fn printed(mut command: Command) -> Vec<String> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(EXAMPLE_LIMIT, command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).lines().map(ToOwned::to_owned).collect()
}

/// What an example has acknowledged, and nothing else, is gone from its consumer.
async fn nothing_is_left(added: &Value) {
    let client = enter(added).await.unwrap();
    let consumer = crate::integrators::consumer(&client, added).await.unwrap();
    let info = consumer.cached_info();
    assert_eq!((info.num_pending, info.num_ack_pending), (0, 0));
    // The same login opens nothing else.
    let jetstream = async_nats::jetstream::new(client);
    assert!(jetstream.get_stream("EVENTS").await.is_err());
    assert!(
        jetstream.publish("cmd.demo_utility.meter.1", "{}".into()).await.unwrap().await.is_err()
    );
}

#[tokio::test]
async fn the_python_example_receives_exactly_its_events() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    let (added, file) = add(&folder, "python", "meter.registered,account.registered").await;
    let events = expected(&folder, &["account.registered", "meter.registered"]).await;
    assert_eq!(events.len(), 3, "{events:?}");
    let mut command = Command::new("kontor-test-python");
    command.arg(root().join("docs/examples/integrator.py")).arg(&file).arg("3");
    assert_eq!(printed(command).await, events);
    nothing_is_left(&added).await;
    up.stop().await;
}

#[tokio::test]
async fn the_typescript_example_receives_exactly_its_events() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    let (added, file) = add(&folder, "typescript", "meter.reading_submitted,tenant.created").await;
    let events = expected(&folder, &["meter.reading_submitted", "tenant.created"]).await;
    assert!(events.len() > 10, "{events:?}");
    let modules = root().join("web/node_modules");
    std::os::unix::fs::symlink(&modules, folder.path().join("node_modules")).unwrap();
    let script = folder.path().join("integrator.mjs");
    let mut build = Command::new(modules.join(".bin/esbuild"));
    build.arg(root().join("docs/examples/integrator.ts")).arg("--format=esm");
    build.arg("--log-level=error").arg(format!("--outfile={}", script.display()));
    printed(build).await;
    let mut command = Command::new("node");
    command.arg(&script).arg(&file).arg(events.len().to_string());
    assert_eq!(printed(command).await, events);
    nothing_is_left(&added).await;
    up.stop().await;
}

#[tokio::test]
async fn an_integrator_of_another_tenant_sees_nothing_of_this_one() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    let added =
        kontor(&folder, &["integrator", "add", "kazan", "--tenant", "kazan", "--json"]).await;
    kontor(&folder, &["integrator", "replay", "kazan", "--from-position", "1", "--json"]).await;
    nothing_is_left(&added).await;
    up.stop().await;
}
