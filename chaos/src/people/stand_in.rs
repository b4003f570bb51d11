//! Telegram's stand-in: a process of its own that no fault strikes.

use std::{fs::File, path::Path, process::Stdio, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    process::{Child, Command},
    time::Instant,
};

use super::BOTS;
use crate::{fleet::free_port, world::TENANT};

/// How long it may take until the stand-in answers.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long one request to it may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(20);
/// How often it is asked whether it is there.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How many messages are read at a time: what the stand-in gives at most.
const PAGE: usize = 200;

/// How a person's next update comes to the bot.
#[derive(Clone, Copy, Debug)]
pub(super) enum Arrival {
    /// A second time after it was confirmed.
    Twice,
    /// After the update that follows it.
    Late,
}

/// A message of a chat.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    pub(crate) id: i64,
    pub(crate) from_bot: bool,
    pub(crate) text: String,
}

/// The running stand-in; it ends with its last clone.
#[derive(Clone, Debug)]
pub(crate) struct StandIn {
    url: String,
    client: reqwest::Client,
    _child: Arc<Child>,
}

/// What tells a process of the bots.
pub(crate) fn bot_settings(url: &str) -> Vec<(String, String)> {
    BOTS.iter()
        .flat_map(|(name, number)| {
            let variable = |field| format!("KONTOR_BOT_{}_{field}", name.to_ascii_uppercase());
            let token = format!("{number}:CHAOS-no-bot-of-this-world");
            [
                (variable("TOKEN"), token),
                (variable("TENANT"), TENANT.to_owned()),
                (variable("API_URL"), url.to_owned()),
            ]
        })
        .collect()
}

impl StandIn {
    /// Starts it in `folder`, and waits until it answers.
    pub(crate) async fn start(binary: &Path, folder: &Path, log: &Path) -> anyhow::Result<Self> {
        let address = format!("127.0.0.1:{}", free_port()?);
        let url = format!("http://{address}");
        let child = Command::new(binary)
            .arg("sandbox")
            .current_dir(folder)
            .env_clear()
            .env("KONTOR_SANDBOX_ADDRESS", &address)
            .envs(bot_settings(&url))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(log)?)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", binary.display()))?;
        let client = reqwest::Client::builder().timeout(REQUEST_LIMIT).build()?;
        let stand_in = Self { url, client, _child: Arc::new(child) };
        let begun = Instant::now();
        while stand_in.get("people").await.is_err() {
            ensure!(begun.elapsed() < START_LIMIT, "the sandbox does not start: {}", log.display());
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(stand_in)
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    pub(crate) async fn add_person(&self, id: i64, name: &str) -> anyhow::Result<()> {
        let person = json!({ "id": id, "first_name": name, "language_code": "ru" });
        self.post("people", &person).await
    }

    /// Lets a person write.
    pub(crate) async fn write(&self, (bot, person): (&str, i64), text: &str) -> anyhow::Result<()> {
        self.post(&format!("chats/{bot}/{person}/text"), &json!({ "text": text })).await
    }

    /// Says how the next message of a person comes to the bot.
    pub(super) async fn next_update(
        &self,
        arrival: Arrival,
        (bot, person): (&str, i64),
    ) -> anyhow::Result<()> {
        let kind = match arrival {
            Arrival::Twice => "duplicate_update",
            Arrival::Late => "reorder_updates",
        };
        let rule = json!({
            "kind": kind, "method": "message", "bot": bot, "chat_id": person, "count": 1,
        });
        self.post("faults", &rule).await
    }

    /// Everything that was said in a chat, oldest first.
    pub(crate) async fn chat(&self, bot: &str, person: i64) -> anyhow::Result<Vec<Message>> {
        let mut pages: Vec<Vec<Message>> = Vec::new();
        let mut before = String::new();
        loop {
            let path = format!("chats/{bot}/{person}?limit={PAGE}{before}");
            let page: Page = serde_json::from_value(self.get(&path).await?)?;
            let messages: Vec<Message> = page.messages.into_iter().map(Message::from).collect();
            let oldest = messages.first().map(|message| message.id);
            pages.push(messages);
            match oldest.filter(|_| page.more) {
                Some(oldest) => before = format!("&before={oldest}"),
                None => return Ok(pages.into_iter().rev().flatten().collect()),
            }
        }
    }

    async fn get(&self, path: &str) -> anyhow::Result<Value> {
        let answer = self.client.get(format!("{}/sandbox/{path}", self.url)).send().await?;
        Ok(serde_json::from_str(&answer.error_for_status()?.text().await?)?)
    }

    async fn post(&self, path: &str, body: &Value) -> anyhow::Result<()> {
        let answer = self.client.post(format!("{}/sandbox/{path}", self.url)).json(body);
        answer.send().await?.error_for_status()?;
        Ok(())
    }
}

/// A part of a chat, as the stand-in shows it.
#[derive(Deserialize)]
struct Page {
    more: bool,
    messages: Vec<Wire>,
}

/// A message in the Bot API's form.
#[derive(Deserialize)]
struct Wire {
    message_id: i64,
    from: Sender,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Sender {
    is_bot: bool,
}

impl From<Wire> for Message {
    fn from(wire: Wire) -> Self {
        Self { id: wire.message_id, from_bot: wire.from.is_bot, text: wire.text }
    }
}
