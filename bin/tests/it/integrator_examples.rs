//! The programs in `docs/examples`, run as an integrator runs them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use kontor_engines::testing::{self, TestDatabase, TestNats};
use kontor_projections::checkpoints;
use serde_json::Value;
use tempfile::{TempDir, tempdir};
use tokio::process::{Child, Command};

use crate::{
    integrators::{enter, kontor},
    program::{MASTER_KEY, Up, command, eventually, run, text},
};

/// Far above what a program needs for a handful of events on a busy machine.
const EXAMPLE_LIMIT: Duration = Duration::from_secs(90);

fn root() -> PathBuf {
    Path::new("..").canonicalize().unwrap()
}

/// The events of the demo tenant's log that a program should print: position, type, subject.
async fn expected(folder: &TempDir, types: &[&str]) -> Vec<String> {
    let run = fs::read(folder.path().join(".kontor/run.json")).unwrap();
    let run: Value = serde_json::from_slice(&run).unwrap();
    let pool = kontor_postgres::connect(run["database_url"].as_str().unwrap(), 1).await.unwrap();
    let page = kontor_postgres::EventReader::new(pool).page(0, 1_000, types).await.unwrap();
    let line = |event: &kontor_domain::Recorded| {
        format!("{} {} {}", event.position, event.event_type, event.stream_id)
    };
    // The log holds the other demo tenant's events, too, which are not for it.
    page.events
        .iter()
        .filter(|event| types.contains(&event.event_type.as_str()))
        .filter(|event| event.tenant.as_str() == "demo_utility")
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

/// Makes a script of the example in TypeScript, beside the packages that it needs.
async fn built_typescript(folder: &Path) -> PathBuf {
    let modules = root().join("web/node_modules");
    std::os::unix::fs::symlink(&modules, folder.join("node_modules")).unwrap();
    let script = folder.join("integrator.mjs");
    let mut build = Command::new(modules.join(".bin/esbuild"));
    build.arg(root().join("docs/examples/integrator.ts")).arg("--format=esm");
    build.arg("--log-level=error").arg(format!("--outfile={}", script.display()));
    printed(build).await;
    script
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
    let script = built_typescript(folder.path()).await;
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

/// Kontor as processes of their own, at a broker whose stream of events has forgotten everything.
struct Forgetful {
    folder: TempDir,
    database: TestDatabase,
    broker: TestNats,
    seed: String,
    roles: Vec<Child>,
}

impl Forgetful {
    async fn start() -> Self {
        let folder = tempdir().unwrap();
        let made = kontor(&folder, &["integrator", "issuer", "--json"]).await;
        let issuer = made["issuer"].as_str().unwrap().to_owned();
        let (database, broker) = tokio::join!(testing::database(), testing::nats_asking(issuer));
        let seed = made["seed"].as_str().unwrap().to_owned();
        let mut kontor = Self { folder, database, broker, seed, roles: Vec::new() };
        kontor.json(&["migrate", "--json"]).await;
        for role in ["work", "relay"] {
            kontor.roles.push(kontor.command(&[role]).stderr(Stdio::null()).spawn().unwrap());
        }
        kontor.json(&["seed", "--json"]).await;
        let pool = kontor_postgres::connect(&kontor.database.url, 1).await.unwrap();
        let (user, address) =
            kontor.broker.url.split_once("://").unwrap().1.split_once('@').unwrap();
        let (user, password) = user.split_once(':').unwrap();
        let options =
            async_nats::ConnectOptions::with_user_and_password(user.into(), password.into());
        let client = options.connect(address).await.unwrap();
        let stream = async_nats::jetstream::new(client).get_stream("EVENTS").await.unwrap();
        eventually(|| async {
            let head = checkpoints::head_position(&pool).await.unwrap();
            (checkpoints::position(&pool, "relay").await.unwrap() == head).then_some(())
        })
        .await;
        stream.purge().await.unwrap();
        kontor
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(self.folder.path(), arguments);
        command.env("DATABASE_URL", &self.database.url).env("NATS_URL", &self.broker.url);
        command.env("KONTOR_MASTER_KEY", MASTER_KEY).env("KONTOR_NATS_ISSUER_SEED", &self.seed);
        command
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let output = run(self.command(arguments)).await;
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The events of these types in the log, as the examples print them.
    async fn expected(&self, types: &[&str]) -> Vec<String> {
        let pool = kontor_postgres::connect(&self.database.url, 1).await.unwrap();
        let page = kontor_postgres::EventReader::new(pool).page(0, 1_000, types).await.unwrap();
        let line = |event: &kontor_domain::Recorded| {
            format!("{} {} {}", event.position, event.event_type, event.stream_id)
        };
        page.events.iter().map(line).collect()
    }
}

#[tokio::test]
async fn both_examples_receive_what_the_stream_forgot_out_of_the_log() {
    let forgetful = Forgetful::start().await;
    let folder = forgetful.folder.path();
    let types = ["account.registered", "meter.registered"];
    let events = forgetful.expected(&types).await;
    assert_eq!(events.len(), 3, "{events:?}");
    let script = built_typescript(folder).await;
    for name in ["python", "typescript"] {
        let types = types.join(",");
        let add = ["integrator", "add", name, "--events", &types, "--json"];
        let file = folder.join(format!("{name}.json"));
        fs::write(&file, forgetful.json(&add).await.to_string()).unwrap();
        let replay = ["integrator", "replay", name, "--from-position", "1", "--json"];
        let replay = forgetful.json(&replay).await;
        assert_eq!(
            (&replay["out_of"], &replay["stream"]),
            (&"log".into(), &format!("REPLAY_{name}").into())
        );
        let listed = forgetful.json(&["integrator", "list", "--json"]).await;
        assert_eq!(listed[0]["replay"]["from_position"], 1, "{listed}");
        let mut command = if name == "python" {
            let mut command = Command::new("kontor-test-python");
            command.arg(root().join("docs/examples/integrator.py"));
            command
        } else {
            let mut command = Command::new("node");
            command.arg(&script);
            command
        };
        command.arg(&file).arg("3");
        assert_eq!(printed(command).await, events, "{name}");
        // The end was not read: an order takes it back.
        let cancel = ["integrator", "replay", name, "--cancel", "--json"];
        assert_eq!(forgetful.json(&cancel).await["cancelled"], true);
        assert_eq!(forgetful.json(&cancel).await["cancelled"], false);
    }
}
