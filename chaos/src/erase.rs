//! A person who is erased while faults strike: everything about them bears one word, which must be
//! nowhere afterwards.

use std::sync::{Mutex, PoisonError};

use anyhow::{Context, ensure};
use kontor_domain::{TenantId, account::telegram_account_id};
use serde_json::Value;
use sqlx::AssertSqlSafe;
use tokio::time::{Duration, Instant, sleep};
use uuid::Uuid;

use crate::{
    load::{Command, Senders, Way},
    people::BOTS,
    world::{TENANT, World},
};

/// How long the person's account and the beginning of the erasure may take.
const LIMIT: Duration = Duration::from_secs(60);
/// The pause before something is tried or looked at again.
const AGAIN: Duration = Duration::from_millis(50);
/// Where the numbers of these people begin, as Telegram counts them.
const FIRST_PERSON: i64 = 7_000_000;

/// The words of all who were erased in a world.
#[derive(Debug, Default)]
pub(crate) struct Erased(Mutex<Vec<String>>);

impl Erased {
    /// From now on the word must be nowhere.
    pub(crate) fn note(&self, word: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(word);
    }

    /// Where one of the words can still be read, as table and word.
    pub(crate) async fn readable(&self, world: &World) -> anyhow::Result<Vec<String>> {
        let words = self.words();
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let tables: Vec<(String, String)> = sqlx::query_as(
            "select schemaname, tablename from pg_tables \
             where schemaname not in ('pg_catalog', 'information_schema')",
        )
        .fetch_all(world.pool())
        .await?;
        let mut found = Vec::new();
        for (schema, table) in tables {
            // Bytes are shown as hexadecimal digits.
            let query = format!(
                "select distinct word from unnest($1::text[]) as word, \"{schema}\".\"{table}\" as t \
                 where strpos(t::text, word) > 0 \
                     or strpos(t::text, encode(convert_to(word, 'UTF8'), 'hex')) > 0"
            );
            let words: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query))
                .bind(&words)
                .fetch_all(world.pool())
                .await?;
            found.extend(words.into_iter().map(|word| format!("`{word}` in {schema}.{table}")));
        }
        Ok(found)
    }

    /// Which of the words stand in a text.
    pub(crate) fn words_in(&self, text: &str) -> Vec<String> {
        self.words().into_iter().filter(|word| text.contains(word.as_str())).collect()
    }

    fn words(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A person who is going to be erased.
pub(crate) struct Doomed {
    account: Uuid,
    meter: Uuid,
    word: String,
}

impl Doomed {
    /// Somebody with an account, a meter and a conversation.
    pub(crate) async fn new(world: &World, seed: u64) -> anyhow::Result<Self> {
        let number = FIRST_PERSON + i64::try_from(seed % 1_000_000)?;
        let (bot, _) = BOTS[0];
        let account = telegram_account_id(&TENANT.parse::<TenantId>()?, number);
        let word = format!("Неповторимова-{seed}");
        let meter = Uuid::now_v7();
        let senders = &world.senders;
        let commands = [
            Command::register_person(senders.new_id(), account, ((bot, number), &word))?,
            Command::consent(senders.new_id(), account)?,
            Command::mute(senders.new_id(), account)?,
            Command::register_meter(senders.new_id(), meter, (account, &word))?,
            Command::submit(senders.new_id(), meter, 2_000)?,
        ];
        for command in &commands {
            carry(senders, command).await?;
        }
        let stand_in = &world.people.stand_in;
        stand_in.add_person(number, &word).await?;
        stand_in.write((bot, number), "/help").await?;
        let begun = Instant::now();
        while stand_in.chat(bot, number).await?.iter().all(|message| !message.from_bot) {
            ensure!(begun.elapsed() < LIMIT, "the person gets no answer");
            sleep(AGAIN).await;
        }
        Ok(Self { account, meter, word })
    }

    /// Gives the command; what follows from it is the house's affair. With the person go the
    /// receipts of what they did, so that nobody is told of those any more.
    pub(crate) async fn erase(&self, world: &World) -> anyhow::Result<()> {
        for stream in [self.account, self.meter] {
            world.history.forget(stream);
        }
        world.erased.note(self.word.clone());
        carry(&world.senders, &Command::erase(world.senders.new_id(), self.account)?).await
    }

    /// Asks for the erasure again, as an operator does, who is told when it is finished.
    pub(crate) async fn erase_again(&self, world: &World) -> anyhow::Result<()> {
        let id = self.account.to_string();
        let said = world.run(&["subject", "erase", TENANT, &id, "--yes", "--json"]).await?;
        let said: Value = serde_json::from_str(&said)?;
        let erased = said.get("erased").and_then(Value::as_bool).context("no verdict")?;
        ensure!(erased, "the person is not erased: {said}");
        Ok(())
    }
}

/// Sends a command until its outcome is known.
async fn carry(senders: &Senders, command: &Command) -> anyhow::Result<()> {
    senders.history.open(command.id, command.stream, false);
    let begun = Instant::now();
    while !senders.send(command, Way::Broker).await {
        ensure!(begun.elapsed() < LIMIT, "the outcome of a command stays unknown");
        sleep(AGAIN).await;
    }
    Ok(())
}
