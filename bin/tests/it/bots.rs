//! Bots that are shared by processes, one of which dies.

use std::time::{Duration, Instant};

use kontor_commands::{CommandSender, Envelope, Outcome, Sent, clock};
use kontor_domain::{Actor, TenantId, account::telegram_account_id};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::fleet::{Fleet, Listing, Process};

/// How many bots there are: each process has two of them, and three after one has died.
const BOTS: usize = 6;
/// How many readings each person sends.
const READINGS: i64 = 12;
/// After how many of them a process dies.
const BEFORE_THE_CRASH: i64 = 4;
/// Far above what a take-over takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const TENANT: &str = "bureau";

/// One bot with the one person who writes to it.
pub(crate) struct Chat {
    pub(crate) bot: String,
    pub(crate) person: i64,
    name: &'static str,
    meter: Uuid,
}

fn tenant() -> TenantId {
    TENANT.parse().unwrap()
}

async fn carry_out(fleet: &Fleet, (aggregate, id): (&str, Uuid), command: Value) {
    let actor = Actor::System { name: "test".to_owned() };
    let envelope =
        Envelope::new(Uuid::now_v7(), (tenant(), aggregate, id), command, actor, clock::now());
    let sent = fleet.sender.send(envelope, PATIENCE).await.unwrap();
    assert!(matches!(&sent, Sent::Done { outcome: Outcome::Accepted(_), .. }), "{sent:?}");
}

pub(crate) async fn open_tenant(fleet: &Fleet) {
    let create = json!({
        "type": "create", "name": "Бюро", "kind": "utility", "language": "ru",
        "time_zone": "Europe/Moscow",
        "meter_rules": { "window_first_day": 1, "window_last_day": 31 },
    });
    carry_out(fleet, ("tenant", tenant().stream_id()), create).await;
}

impl Chat {
    pub(crate) fn new(number: usize, name: &'static str) -> Self {
        let person = 3_001 + i64::try_from(number).unwrap();
        Self { bot: format!("bot{number}"), person, name, meter: Uuid::now_v7() }
    }

    /// The person's account.
    pub(crate) async fn register(&self, fleet: &Fleet) -> Uuid {
        let account = telegram_account_id(&tenant(), self.person);
        let register = json!({
            "type": "register", "display_name": self.name, "language": "ru",
            "origin": { "kind": "telegram", "bot": self.bot, "user_id": self.person },
        });
        carry_out(fleet, ("account", account), register).await;
        account
    }

    /// An account with consent and a meter, as the bot knows them.
    pub(crate) async fn furnish(&self, fleet: &Fleet, sandbox: &Sandbox) {
        sandbox.post("people", &json!({"id": self.person, "first_name": self.name})).await;
        let account = self.register(fleet).await;
        let consent = json!({ "type": "give_consent", "document_version": "1" });
        carry_out(fleet, ("account", account), consent).await;
        let mute = json!({ "type": "mute_reading_reminders" });
        carry_out(fleet, ("account", account), mute).await;
        let register = json!({
            "type": "register", "account_id": account, "kind": "cold_water", "zones": 1,
            "digits": 5, "serial_number": self.bot, "place": "", "initial_values_milli": {"t1": 1},
        });
        carry_out(fleet, ("meter", self.meter), register).await;
    }

    pub(crate) async fn write(&self, sandbox: &Sandbox, text: &str) {
        let path = format!("chats/{}/{}/text", self.bot, self.person);
        sandbox.post(&path, &json!({"text": text})).await;
    }

    /// Every message took effect once, in order, and has its one answer.
    async fn check(&self, fleet: &Fleet, sandbox: &Sandbox) {
        let expected: Vec<i64> = (1..=READINGS).map(|value| value * 1_000).collect();
        let values: Vec<i64> = sqlx::query_scalar(
            "select (payload->'values_milli'->>'t1')::bigint from events \
             where stream_id = $1 and event_type = 'meter.reading_submitted' order by version",
        )
        .bind(self.meter)
        .fetch_all(&fleet.pool)
        .await
        .unwrap();
        assert_eq!(values, expected, "{}", self.bot);
        let updates: Vec<String> =
            sqlx::query_scalar("select external_id from inbox where source = $1 order by arrival")
                .bind(format!("telegram/{}", self.bot))
                .fetch_all(&fleet.pool)
                .await
                .unwrap();
        assert_eq!(updates.len(), expected.len(), "{}: {updates:?}", self.bot);
        for update in &updates {
            let command = format!("telegram:{}:{update}:0", self.bot);
            let command = Uuid::new_v5(&tenant().stream_id(), command.as_bytes());
            let effects: i64 = sqlx::query_scalar(
                "select count(*) from receipts where command_id = $1 and refusal is null",
            )
            .bind(command)
            .fetch_one(&fleet.pool)
            .await
            .unwrap();
            assert_eq!(effects, 1, "{} {update}", self.bot);
            let replies: Vec<String> =
                sqlx::query_scalar("select state from telegram_outbox where bot = $1 and key = $2")
                    .bind(&self.bot)
                    .bind(format!("u{update}:0"))
                    .fetch_all(&fleet.pool)
                    .await
                    .unwrap();
            assert_eq!(replies, ["sent"], "{} {update}", self.bot);
        }
        let seen = sandbox.accepted(&self.bot, self.person).await;
        // A message that was on its way when its process died may have come twice.
        assert!(seen.len() <= updates.len() + 1, "{seen:?}");
        let mut first: Vec<&String> = Vec::new();
        for text in &seen {
            if !first.contains(&text) {
                first.push(text);
            }
        }
        for (text, value) in first.iter().zip(1..=READINGS) {
            assert!(text.contains(&format!("приняты: {value},0")), "{seen:?}");
        }
        assert_eq!(first.len(), updates.len(), "{seen:?}");
    }
}

/// Telegram's stand-in.
pub(crate) struct Sandbox {
    url: String,
    client: reqwest::Client,
    _process: Process,
}

impl Sandbox {
    pub(crate) async fn start(fleet: &Fleet, settings: &[(String, String)], url: String) -> Self {
        let process = fleet.start_with("sandbox", settings);
        let sandbox = Self { url, client: reqwest::Client::new(), _process: process };
        let begun = Instant::now();
        while sandbox.client.get(format!("{}/sandbox/people", sandbox.url)).send().await.is_err() {
            assert!(begun.elapsed() < PATIENCE, "the sandbox does not start");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        sandbox
    }

    async fn post(&self, path: &str, body: &Value) {
        let answer = self.client.post(format!("{}/sandbox/{path}", self.url)).json(body);
        answer.send().await.unwrap().error_for_status().unwrap();
    }

    /// What a bot said about readings that were accepted, in order.
    async fn accepted(&self, bot: &str, person: i64) -> Vec<String> {
        let url = format!("{}/sandbox/chats/{bot}/{person}", self.url);
        let chat: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        let messages = chat["messages"].as_array().unwrap().iter();
        let from_bot = messages.filter(|message| message["from"]["is_bot"] == true);
        from_bot.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
    }
}

/// What makes processes run these bots against a stand-in, and its address.
pub(crate) fn settings(chats: &[Chat]) -> (Vec<(String, String)>, String) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let mut settings = vec![("KONTOR_SANDBOX_ADDRESS".to_owned(), format!("127.0.0.1:{port}"))];
    for (number, chat) in chats.iter().enumerate() {
        let variable = |field| format!("KONTOR_BOT_{}_{field}", chat.bot.to_uppercase());
        let token = format!("{}:SANDBOX-bot-of-this-test", 3_000_000 + number);
        settings.push((variable("TOKEN"), token));
        settings.push((variable("TENANT"), TENANT.to_owned()));
        settings.push((variable("API_URL"), url.clone()));
    }
    (settings, url)
}

async fn until_listed(fleet: &Fleet, what: &str, holds: impl Fn(&Listing) -> bool) {
    let begun = Instant::now();
    loop {
        let listing = fleet.list().await;
        if holds(&listing) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}: {listing:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bots_are_shared_by_processes_and_every_update_is_handled_once_though_one_dies() {
    let fleet = Fleet::new().await;
    let _others = [fleet.start("work"), fleet.start("project")];
    let chats: Vec<Chat> = (0..BOTS).map(|number| Chat::new(number, "Анна")).collect();
    let (settings, url) = settings(&chats);
    let sandbox = Sandbox::start(&fleet, &settings, url).await;
    open_tenant(&fleet).await;
    for chat in &chats {
        chat.furnish(&fleet, &sandbox).await;
    }
    let mut bots: Vec<Process> = (0..3).map(|_| fleet.start_with("bot", &settings)).collect();
    until_listed(&fleet, "three share six bots", |listing| {
        bots.iter().all(|bot| listing.held(bot, "telegram/") == BOTS / 3)
    })
    .await;

    let mut dying = Some(bots.remove(0));
    for value in 1..=READINGS {
        for chat in &chats {
            chat.write(&sandbox, &value.to_string()).await;
        }
        if value == BEFORE_THE_CRASH
            && let Some(bot) = dying.take()
        {
            bot.kill().await;
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    until_listed(&fleet, "two share six bots", |listing| {
        bots.iter().all(|bot| listing.held(bot, "telegram/") == BOTS / 2)
    })
    .await;
    let begun = Instant::now();
    loop {
        let open: i64 =
            sqlx::query_scalar("select $1 - count(*) filter (where state = 'done') from inbox")
                .bind(i64::try_from(BOTS).unwrap() * READINGS)
                .fetch_one(&fleet.pool)
                .await
                .unwrap();
        let unsent: i64 = sqlx::query_scalar(
            "select count(*) from telegram_outbox where state in ('pending', 'sending')",
        )
        .fetch_one(&fleet.pool)
        .await
        .unwrap();
        if (open, unsent) == (0, 0) {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "{open} updates and {unsent} messages are open");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for chat in &chats {
        chat.check(&fleet, &sandbox).await;
    }
}
