//! A start on one machine, and a reading on its whole way.

use std::{path::Path, time::Duration};

use futures::StreamExt;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::program::{MASTER_KEY, Up, command, eventually, run, text};

/// How long an event may take to the broker.
const EVENT_LIMIT: Duration = Duration::from_secs(20);

/// The API with the demo tenant's key.
#[derive(Clone)]
pub(crate) struct Api {
    client: reqwest::Client,
    base: String,
    key: String,
}

impl Api {
    pub(crate) fn of(up: &Up, folder: &Path) -> Self {
        let key = std::fs::read_to_string(folder.join(up.address("api_key_file"))).unwrap();
        let client = reqwest::Client::new();
        Self { client, base: up.address("api"), key: key.trim().to_owned() }
    }

    /// The same with the key of the whole platform.
    pub(crate) fn of_platform(up: &Up, folder: &Path) -> Self {
        let file = folder.join(up.address("operator_key_file"));
        let key = std::fs::read_to_string(file).unwrap().trim().to_owned();
        Self { key, ..Self::of(up, folder) }
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        let key = uuid::Uuid::now_v7().to_string();
        let (status, body) = self.try_post(path, body, &key).await;
        assert!((200..300).contains(&status), "{path}: {status}: {body}");
        body
    }

    /// Status and body, whatever they say; the same key again is the same request.
    pub(crate) async fn try_post(&self, path: &str, body: &Value, key: &str) -> (u16, Value) {
        let request = self.client.post(format!("{}{path}", self.base)).json(body);
        let request = request.header("X-Auth-Key", &self.key).header("Idempotency-Key", key);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Value {
        let request = self.client.patch(format!("{}{path}", self.base)).json(body);
        let request = request.header("X-Auth-Key", &self.key);
        let answer = request.send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Posts what must be refused; the problem.
    pub(crate) async fn refused(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.base)).json(body);
        let answer = request.header("X-Auth-Key", &self.key).send().await.unwrap();
        assert!(answer.status().is_client_error(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(path).await;
        assert!((200..300).contains(&status), "{path}: {status}: {body}");
        body
    }

    /// Status and body, whatever they say.
    pub(crate) async fn ask(&self, path: &str) -> (u16, Value) {
        let request = self.client.get(format!("{}{path}", self.base));
        let answer = request.header("X-Auth-Key", &self.key).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }
}

/// A connection to the broker by the printed address, whose user only listens.
async fn broker(up: &Up) -> async_nats::Client {
    let url = up.address("nats");
    let (login, host) = url.strip_prefix("nats://").unwrap().split_once('@').unwrap();
    let (user, password) = login.split_once(':').unwrap();
    let options = async_nats::ConnectOptions::with_user_and_password(user.into(), password.into());
    options.connect(host).await.unwrap()
}

#[tokio::test]
async fn a_reading_travels_from_http_to_the_read_model_and_to_nats_and_survives_a_restart() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    assert_eq!(up.addresses["demo"], "created", "{}", up.addresses);
    let nats = broker(&up).await;
    let mut events = nats.subscribe("evt.*.meter.reading_submitted").await.unwrap();
    nats.flush().await.unwrap();

    let api = Api::of(&up, folder.path());
    let person = json!({ "display_name": "Мария Ли", "language": "ru" });
    let account = api.post("/v1/accounts", &person).await["id"].clone();
    let meter = json!({
        "account_id": account, "kind": "cold_water", "digits": 5, "serial_number": "7",
    });
    let meter = api.post("/v1/meters", &meter).await["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/meters/{meter}/readings");
    let outcome = api.post(&path, &json!({ "values": { "t1": "12.5" } })).await;
    let position = outcome["position"].as_i64().unwrap();

    let read = api.get(&format!("{path}?min_position={position}")).await;
    assert!(read.to_string().contains("12.5"), "{read}");
    let event = tokio::time::timeout(EVENT_LIMIT, events.next()).await.unwrap().unwrap();
    assert_eq!(event.subject.as_str(), "evt.demo_utility.meter.reading_submitted");
    let event: Value = serde_json::from_slice(&event.payload).unwrap();
    // The past of the demo customer was published before the addresses were printed.
    assert_eq!(event["position"], position.to_string(), "{event}");
    assert_eq!(event["subject"], meter);

    up.stop().await;
    let up = Up::start(&folder).await;
    assert_eq!(up.addresses["demo"], "existing");
    let read = Api::of(&up, folder.path()).get(&path).await;
    assert!(read.to_string().contains("12.5"), "{read}");
    // The demo customer has a past, and it was seeded once.
    let demo_meters = api_meters(&Api::of(&up, folder.path())).await;
    assert_eq!(demo_meters, ["7", "ХВ-88120", "Э-204117"]);
    up.stop().await;
}

/// The serial numbers of all meters, sorted.
async fn api_meters(api: &Api) -> Vec<String> {
    let meters = api.get("/v1/meters").await;
    let items = meters["items"].as_array().unwrap();
    let mut numbers: Vec<String> =
        items.iter().map(|meter| meter["serial_number"].as_str().unwrap().to_owned()).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn a_person_in_the_sandbox_is_answered_by_the_demo_bot() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    let chat = format!("{}/sandbox/chats/demo/1001", up.address("chat"));
    let client = reqwest::Client::new();
    let answer = client.post(format!("{chat}/start")).json(&json!({})).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let reply = eventually(|| async {
        let chat: Value = client.get(&chat).send().await.unwrap().json().await.unwrap();
        let messages = chat["messages"].as_array()?.clone();
        messages.into_iter().find(|message| message["from"]["is_bot"] == true)
    })
    .await;
    assert!(reply["text"].as_str().is_some_and(|text| !text.is_empty()), "{reply}");
    up.stop().await;
}

#[tokio::test]
async fn other_calls_find_a_running_kontor_without_configuration() {
    let folder = tempdir().unwrap();
    let up = Up::start(&folder).await;
    let kontor = async |arguments: &[&str]| {
        let output = run(command(folder.path(), arguments)).await;
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let checks = eventually(|| async {
        let checks: Value = serde_json::from_str(&kontor(&["check", "--json"]).await).unwrap();
        // The states of the roles are written once a second.
        checks.to_string().contains("role work").then_some(checks)
    })
    .await;
    for check in checks.as_array().unwrap() {
        assert_eq!(check["ok"], true, "{check}");
    }
    let made = kontor(&["key", "create", "--tenant", "demo_utility", "--label", "test", "--json"]);
    let made: Value = serde_json::from_str(&made.await).unwrap();
    let id = made["id"].as_str().unwrap();
    assert!(made["key"].as_str().unwrap().starts_with("kontor_"), "a key begins with its name");
    assert!(kontor(&["key", "list"]).await.contains(id));
    assert!(kontor(&["key", "revoke", id]).await.contains("Revoked"));
    assert!(kontor(&["dead-letters", "list"]).await.contains("There are no dead letters"));
    let rebuilt = kontor(&["projection", "rebuild", "readings", "--segments", "2"]).await;
    assert!(rebuilt.contains("Generation 2 of readings is read now"), "{rebuilt}");
    assert!(kontor(&["projection", "list", "readings"]).await.contains("standby"));
    assert!(kontor(&["projection", "retire", "readings", "1"]).await.contains("is retired"));
    assert!(kontor(&["projection", "pause", "relay"]).await.contains("stands still"));
    assert!(kontor(&["projection", "resume", "relay"]).await.contains("goes on"));
    assert!(kontor(&["projection", "list", "reading_rounds"]).await.contains("acts"));
    let listed: Value =
        serde_json::from_str(&kontor(&["projection", "list", "--json"]).await).unwrap();
    let listed = listed["followers"].as_array().unwrap();
    let listed: Vec<&str> = listed.iter().map(|it| it["name"].as_str().unwrap()).collect();
    for name in ["credit_dues", "erasures", "reading_reminders", "relay", "telegram_reminders"] {
        assert!(listed.contains(&name), "{name}: {listed:?}");
    }
    assert!(!listed.contains(&"readings"), "a read model is listed with its generations");
    for (arguments, code, says) in [
        (&["rebuild", "credit_dues"][..], 2, "raise its version()"),
        (&["rebuild", "relay"], 2, "kontor integrator replay"),
        (&["promote", "credit_dues", "1"], 2, "higher version()"),
        (&["promote", "erasures", "2"], 1, "has no version 2"),
        (&["retire", "reading_rounds", "1"], 1, "only one that a newer version replaced"),
        (&["retire", "relay", "1"], 2, "nothing to retire"),
        (&["pause", "dispatch"], 2, "kontor scheduled list"),
        (&["pause", "credit_dues", "--generation", "1"], 2, "leave --generation out"),
    ] {
        let output = run(command(folder.path(), &[&["projection"], arguments].concat())).await;
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(says), "{arguments:?}: {}", text(&output.stderr));
    }
    assert!(kontor(&["migrate"]).await.contains("up to date"));
    assert!(kontor(&["seed"]).await.contains("exist already"));
    up.stop().await;
}

#[tokio::test]
async fn roles_run_as_processes_of_their_own() {
    let folder = tempdir().unwrap();
    let database = kontor_engines::testing::database().await;
    let broker = kontor_engines::testing::nats().await;
    let with_engines = |arguments: &[&str]| {
        let mut command = command(folder.path(), arguments);
        command.env("DATABASE_URL", &database.url).env("NATS_URL", &broker.url);
        command.env("KONTOR_MASTER_KEY", MASTER_KEY);
        command
    };
    let output = run(with_engines(&["check"])).await;
    assert_eq!(output.status.code(), Some(1), "nothing is migrated yet");
    assert!(text(&output.stdout).contains("run `kontor migrate`"), "{}", text(&output.stdout));
    assert!(run(with_engines(&["migrate"])).await.status.success());
    let mut roles: Vec<_> = ["work", "project", "relay"]
        .map(|role| with_engines(&[role]).spawn().unwrap())
        .into_iter()
        .collect();
    let output = run(with_engines(&["seed", "--json"])).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let seeded: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(seeded["demo"], "created");
    let pool = kontor_postgres::connect(&database.url, 1).await.unwrap();
    eventually(|| async {
        let head = kontor_projections::checkpoints::head_position(&pool).await.unwrap();
        let readings = kontor_projections::checkpoints::position(&pool, "readings").await.unwrap();
        let relay = kontor_projections::checkpoints::position(&pool, "relay").await.unwrap();
        (head > 1 && readings == head && relay == head).then_some(())
    })
    .await;
    for role in &mut roles {
        let pid = i32::try_from(role.id().unwrap()).unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = tokio::time::timeout(crate::program::STOP_LIMIT, role.wait()).await;
        assert!(status.unwrap().unwrap().success());
    }
}
