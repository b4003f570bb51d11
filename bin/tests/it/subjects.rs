//! A person from the first message to the erasure, looked for in every place where data is kept.

use std::{fmt::Write, path::Path, process::Stdio, time::Duration};

use async_nats::jetstream;
use kontor_domain::account::{account_id_after, telegram_account_id};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use tempfile::{TempDir, tempdir};
use uuid::Uuid;

use crate::program::{STOP_LIMIT, Up, command, eventually, run, text};

/// Rare words about one person, as they came in: through Telegram, and through HTTP.
const WORDS: [&str; 9] = [
    "Прасковья",
    "Неповторимова",
    "praskovya_unica",
    "77012345",
    "чуланом",
    "unica.example",
    "переклеена",
    "Варфоломей",
    "+79990001122",
];
const PERSON: i64 = 77_012_345;

struct World {
    folder: TempDir,
    up: Up,
    pool: PgPool,
    client: reqwest::Client,
    key: String,
}

impl World {
    async fn start() -> Self {
        let folder = tempdir().unwrap();
        let log = std::fs::File::create(folder.path().join("log.txt")).unwrap();
        let mut command = command(folder.path(), &["up", "--json"]);
        // The sandbox plays the outside world: what it says is not Kontor's.
        command.env("KONTOR_LOG", "debug,kontor_sandbox=off").stderr(Stdio::from(log));
        let up = Up::start_with(command).await;
        let run: Value = read_json(&folder.path().join(".kontor/run.json"));
        let pool = kontor_postgres::connect(run["database_url"].as_str().unwrap(), 3).await;
        let key = std::fs::read_to_string(folder.path().join(up.address("api_key_file"))).unwrap();
        let key = key.trim().to_owned();
        Self { folder, up, pool: pool.unwrap(), client: reqwest::Client::new(), key }
    }

    /// The same as an admin of the platform asks for it: status and body.
    async fn as_admin(&self, key: &str, path: &str, body: Option<Value>) -> (u16, String) {
        let url = format!("{}/v1/subjects/{path}?tenant=demo_utility", self.up.address("api"));
        let request = match body {
            Some(body) => self.client.post(url).json(&body),
            None => self.client.get(url),
        };
        let answer = request.header("X-Auth-Key", key).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.up.address("api"))).json(body);
        let request = request.header("X-Auth-Key", &self.key);
        let request = request.header("Idempotency-Key", Uuid::now_v7().to_string());
        let answer = request.send().await.unwrap();
        let (status, body) = (answer.status(), answer.text().await.unwrap());
        let mut body: Value = serde_json::from_str(&body).unwrap();
        body["http"] = status.as_u16().into();
        body
    }

    async fn chat(&self, what: &str, body: &Value) -> Value {
        let url = format!("{}/sandbox{what}", self.up.address("chat"));
        let answer = self.client.post(url).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{what}: {}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }

    /// Waits for a button that carries `data` and presses it.
    async fn press(&self, data: &str) {
        let url = format!("{}/sandbox/chats/demo/{PERSON}", self.up.address("chat"));
        let (message, row, column) = eventually(|| async {
            let chat: Value = self.client.get(&url).send().await.unwrap().json().await.unwrap();
            button(&chat, data)
        })
        .await;
        let press = json!({"message_id": message, "row": row, "column": column});
        self.chat(&format!("/chats/demo/{PERSON}/press"), &press).await;
    }

    async fn kontor(&self, arguments: &[&str]) -> String {
        let output = run(command(self.folder.path(), arguments)).await;
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Opens the account of the person in the chat, and waits until it is there.
    async fn consent(&self, account: Uuid) {
        self.chat(&format!("/chats/demo/{PERSON}/start"), &json!({})).await;
        self.press("ok").await;
        let tenant = "demo_utility".parse().unwrap();
        eventually(|| async {
            let found = kontor_projections::accounts::find(&self.pool, &tenant, account).await;
            found.unwrap().filter(|account| account.consent.is_some())
        })
        .await;
    }

    /// Everything in the database but the sandbox: every column of every row as text, with what is
    /// kept as bytes.
    async fn database(&self) -> String {
        let tables: Vec<(String, String)> = sqlx::query_as(
            "select schemaname, tablename from pg_tables
             where schemaname not in ('pg_catalog', 'information_schema')",
        )
        .fetch_all(&self.pool)
        .await
        .unwrap();
        assert!(tables.len() > 12, "{tables:?}");
        let mut all = String::new();
        for (schema, table) in tables {
            let sql = format!("select t::text from {schema}.{table} as t");
            let rows: Vec<String> =
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&self.pool).await.unwrap();
            for row in rows {
                writeln!(all, "{schema}.{table}: {row}").unwrap();
            }
        }
        all
    }

    /// Every message of both streams.
    async fn streams(&self) -> String {
        let run: Value = read_json(&self.folder.path().join(".kontor/run.json"));
        let url = run["nats_servers"][0].as_str().unwrap();
        let (login, host) = url.strip_prefix("nats://").unwrap().split_once('@').unwrap();
        let (user, password) = login.split_once(':').unwrap();
        let options =
            async_nats::ConnectOptions::with_user_and_password(user.into(), password.into());
        let context = jetstream::new(options.connect(host).await.unwrap());
        let mut all = String::new();
        for name in ["EVENTS", "COMMANDS"] {
            let mut stream = context.get_stream(name).await.unwrap();
            let state = stream.info().await.unwrap().state.clone();
            for sequence in state.first_sequence..=state.last_sequence {
                // Commands that were carried out are gone.
                if let Ok(message) = stream.get_raw_message(sequence).await {
                    all.push_str(&String::from_utf8_lossy(&message.payload));
                    all.push('\n');
                }
            }
        }
        all
    }
}

fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn button(chat: &Value, data: &str) -> Option<(i64, usize, usize)> {
    for message in chat["messages"].as_array()?.iter().rev() {
        let Some(rows) = message.pointer("/reply_markup/inline_keyboard") else { continue };
        for (row, buttons) in rows.as_array()?.iter().enumerate() {
            let found = buttons.as_array()?.iter().position(|it| it["callback_data"] == data);
            if let Some(column) = found {
                return Some((message["message_id"].as_i64()?, row, column));
            }
        }
    }
    None
}

/// The words that stand in a text, plainly or as the bytes of a `bytea` column.
fn found(haystack: &str) -> Vec<&'static str> {
    let stands = |word: &&str| {
        let mut hex = String::new();
        word.bytes().for_each(|byte| write!(hex, "{byte:02x}").unwrap());
        haystack.contains(*word) || haystack.contains(&hex)
    };
    WORDS.into_iter().filter(stands).collect()
}

/// A meter with a reading, a photo and a correction.
async fn use_a_meter(world: &World, account: Uuid) -> Uuid {
    let meter = world
        .post(
            "/v1/meters",
            &json!({
                "account_id": account, "kind": "cold_water", "digits": 5, "serial_number": "4711",
                "place": "за чуланом с вареньем",
            }),
        )
        .await;
    let meter: Uuid = meter["id"].as_str().unwrap().parse().unwrap();
    let reading = json!({"values": {"t1": "12.5"}, "photo_url": "https://unica.example/1.jpg"});
    let reading = world.post(&format!("/v1/meters/{meter}/readings"), &reading).await;
    assert_eq!(reading["status"], "accepted", "{reading}");
    let archive = json!({"reason": "пломба переклеена"});
    let archived = world.post(&format!("/v1/meters/{meter}/archive"), &archive).await;
    assert_eq!(archived["status"], "accepted", "{archived}");
    meter
}

#[tokio::test]
async fn an_erased_person_is_nowhere_and_comes_back_as_somebody_new() {
    let world = World::start().await;
    let account = telegram_account_id(&"demo_utility".parse().unwrap(), PERSON);
    let person = json!({
        "id": PERSON, "first_name": "Прасковья", "last_name": "Неповторимова",
        "username": "praskovya_unica", "language_code": "ru",
    });
    world.chat("/people", &person).await;
    world.consent(account).await;
    let meter = use_a_meter(&world, account).await;
    // Half of a new meter: the dialogue holds what was said so far.
    world.chat(&format!("/chats/demo/{PERSON}/text"), &json!({"text": "Варфоломей"})).await;
    // A customer without Telegram.
    let plain = json!({
        "display_name": "Варфоломей", "phone": "+79990001122", "external_id": "77012345",
    });
    let other = world.post("/v1/accounts", &plain).await["id"].as_str().unwrap().to_owned();

    // Until here everything is readable where people read it, and nowhere in log and streams.
    let database = world.database().await;
    let missing: Vec<&str> =
        WORDS.into_iter().filter(|word| !found(&database).contains(word)).collect();
    assert_eq!(missing, Vec::<&str>::new(), "the words are there to be found");
    let log: String = database.lines().filter(|line| line.starts_with("public.events:")).collect();
    assert!(log.contains("$sealed"));
    assert_eq!(found(&log), Vec::<&str>::new(), "in the log");
    let id = account.to_string();
    let export = world.kontor(&["subject", "export", "demo_utility", &id, "--json"]).await;
    let export_words = found(&export);
    for word in ["Неповторимова", "praskovya_unica", "чуланом", "unica.example", "переклеена"]
    {
        assert!(export_words.contains(&word), "{word} is missing in {export}");
    }
    let create = ["key", "create", "--role", "admin", "--label", "privacy", "--json"];
    let admin: Value = serde_json::from_str(&world.kontor(&create).await).unwrap();
    let admin = admin["key"].as_str().unwrap();
    let (status, by_http) = world.as_admin(admin, &format!("{id}/export"), None).await;
    assert_eq!((status, found(&by_http)), (200, export_words), "the same over HTTP");
    eventually(|| async { world.streams().await.contains(&id).then_some(()) }).await;
    assert_eq!(found(&world.streams().await), Vec::<&str>::new(), "in the streams");

    // The other one by way of HTTP; the verb finds it done.
    let (erasure, confirm) = (format!("{other}/erasure"), json!({"confirm": other}));
    let (status, said) = world.as_admin(admin, &erasure, Some(confirm)).await;
    assert!(status == 202 && said.contains("under_way"), "{said}");
    eventually(|| async {
        let (status, said) = world.as_admin(admin, &erasure, None).await;
        (status == 200 && said.contains("finished")).then_some(())
    })
    .await;
    for id in [id.as_str(), other.as_str()] {
        for _ in 0..2 {
            let erase = ["subject", "erase", "demo_utility", id, "--yes", "--json"];
            let erased: Value = serde_json::from_str(&world.kontor(&erase).await).unwrap();
            assert_eq!((&erased["erased"], &erased["events_in_clear"]), (&json!(true), &json!(0)));
        }
    }
    let database = world.database().await;
    let lines: Vec<&str> = database.lines().filter(|line| !found(line).is_empty()).collect();
    assert_eq!(lines, Vec::<&str>::new(), "in the database");
    assert_eq!(found(&world.streams().await), Vec::<&str>::new(), "in the streams");

    refuses_anything_new(&world, account, meter).await;
    rebuild_read_models(&world).await;
    let database = world.database().await;
    let lines: Vec<&str> = database.lines().filter(|line| !found(line).is_empty()).collect();
    assert_eq!(lines, Vec::<&str>::new(), "in the database after the rebuild");

    // To the bot they are somebody new.
    world.consent(account_id_after(account)).await;
    stop_and_read_the_log(world).await;
}

/// Nor does anything new get in under the erased account.
async fn refuses_anything_new(world: &World, account: Uuid, meter: Uuid) {
    let reading = json!({"values": {"t1": "13"}});
    let late = world.post(&format!("/v1/meters/{meter}/readings"), &reading).await;
    assert_eq!(late["http"], 422, "{late}");
    assert!(late.to_string().contains("account_erased"), "{late}");
    let late = json!({
        "account_id": account, "kind": "gas", "digits": 5, "serial_number": "1", "place": "чуланом",
    });
    let late = world.post("/v1/meters", &late).await;
    assert_eq!(late["http"], 400, "{late}");
}

async fn rebuild_read_models(world: &World) {
    for name in ["accounts", "meters", "readings"] {
        world.kontor(&["projection", "rebuild", name]).await;
    }
    let head = kontor_projections::checkpoints::head_position(&world.pool).await.unwrap();
    let names = ["accounts", "meters", "readings"];
    let patience = Duration::from_secs(60);
    let caught_up =
        kontor_projections::checkpoints::wait_for(&world.pool, &names, head, patience).await;
    assert!(caught_up.unwrap());
}

/// Nothing personal was logged, at any level.
async fn stop_and_read_the_log(mut world: World) {
    world.pool.close().await;
    world.up.signal(rustix::process::Signal::TERM);
    let ended = tokio::time::timeout(3 * STOP_LIMIT, world.up.child.wait()).await;
    assert!(ended.unwrap().unwrap().success());
    let log = std::fs::read_to_string(world.folder.path().join("log.txt")).unwrap();
    assert!(log.contains("DEBUG"), "the log is complete");
    // The number of the chat is part of the sandbox's addresses only.
    let lines: Vec<&str> =
        log.lines().filter(|line| found(line).iter().any(|word| *word != "77012345")).collect();
    assert_eq!(lines, Vec::<&str>::new());
}

#[tokio::test]
async fn the_verbs_say_what_is_missing() {
    let folder = tempdir().unwrap();
    let id = Uuid::now_v7().to_string();
    let output = run(command(folder.path(), &["subject", "export", "demo_utility", &id])).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("KONTOR_MASTER_KEY"), "{}", text(&output.stderr));
    let mut wrong = command(folder.path(), &["subject", "rotate-master-key"]);
    wrong.env("KONTOR_MASTER_KEY", "hunter2");
    let output = run(wrong).await;
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains("32 bytes") && !said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn the_wrong_master_key_stops_the_start_with_one_clear_error() {
    let folder = tempdir().unwrap();
    Up::start(&folder).await.stop().await;
    let key = folder.path().join(".kontor/master.key");
    let right = std::fs::read_to_string(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let output = run(command(folder.path(), &["up", "--json"])).await;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let said = text(&output.stderr);
    assert!(said.contains("is not configured"), "{said}");
    // With the new key first and the old one behind it, it starts, and the keys can be changed.
    let new = std::fs::read_to_string(&key).unwrap();
    std::fs::write(&key, format!("{new}{right}")).unwrap();
    let up = Up::start(&folder).await;
    let output = run(command(folder.path(), &["subject", "rotate-master-key", "--json"])).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    let rewrapped: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(rewrapped["rewrapped"].as_i64().is_some_and(|keys| keys > 0), "{rewrapped}");
    up.stop().await;
    std::fs::write(&key, new).unwrap();
    Up::start(&folder).await.stop().await;
}
