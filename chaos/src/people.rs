//! People who write to bots: Telegram's stand-in, which no fault strikes, and those who write there.

mod stand_in;
mod writer;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use anyhow::ensure;
use kontor_domain::{TenantId, account::telegram_account_id};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub(crate) use self::stand_in::{Message, StandIn, bot_settings};
use self::writer::Writer;
use crate::{
    load::{Command, Senders, Way},
    world::TENANT,
};

/// The bots with the digits of their tokens: two, so that both processes of the role have one.
pub(crate) const BOTS: [(&str, u32); 2] = [("first", 2_000_001), ("second", 2_000_002)];
/// The people of each bot: enough that every fault meets several chats.
const PEOPLE_PER_BOT: i64 = 3;
/// The number of the first person, as Telegram counts them.
const FIRST_PERSON: i64 = 5_001;
/// What all of them are called.
const NAME: &str = "Анна Петрова";
/// How long the people's accounts may take.
const FURNISH_LIMIT: Duration = Duration::from_secs(60);
/// The pause before a command with an unknown outcome is sent again.
const AGAIN: Duration = Duration::from_millis(50);

/// Someone who writes to one bot, about one meter.
#[derive(Debug)]
pub(crate) struct Person {
    pub(crate) bot: &'static str,
    /// The person's number and that of the chat.
    pub(crate) id: i64,
    /// What the meter counts, as far as it was sent.
    value: AtomicI64,
    /// How many messages the stand-in took.
    written: AtomicI64,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) stand_in: StandIn,
    pub(crate) persons: Vec<Arc<Person>>,
}

impl Person {
    /// The account that the bots know the person by.
    fn account(&self) -> anyhow::Result<Uuid> {
        Ok(telegram_account_id(&TENANT.parse::<TenantId>()?, self.id))
    }

    fn meter(&self) -> Uuid {
        Uuid::from_u128((0x3e7e5 << 64) + u128::from(self.id.unsigned_abs()))
    }

    /// One more message was taken.
    fn note_written(&self) {
        self.written.fetch_add(1, Ordering::Relaxed);
    }

    /// A reading above all that were sent.
    fn next_value(&self) -> i64 {
        self.value.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// The id of the command that an update with a reading leads to, whoever handles it and how often.
pub(crate) fn command_of(bot: &str, update_id: &str) -> anyhow::Result<Uuid> {
    let tenant: TenantId = TENANT.parse()?;
    let name = format!("telegram:{bot}:{update_id}:0");
    Ok(Uuid::new_v5(&tenant.stream_id(), name.as_bytes()))
}

impl People {
    /// Everybody, in a stand-in that runs.
    pub(crate) async fn meet(stand_in: StandIn) -> anyhow::Result<Self> {
        let mut persons = Vec::new();
        for (bot, _) in BOTS {
            for _ in 0..PEOPLE_PER_BOT {
                let id = FIRST_PERSON + i64::try_from(persons.len())?;
                stand_in.add_person(id, NAME).await?;
                persons.push(Arc::new(Person {
                    bot,
                    id,
                    value: AtomicI64::new(1),
                    written: AtomicI64::new(0),
                }));
            }
        }
        Ok(Self { stand_in, persons })
    }

    /// Gives everybody an account with consent, without reminders, and with a meter.
    pub(crate) async fn furnish(&self, senders: &Arc<Senders>) -> anyhow::Result<()> {
        let begun = Instant::now();
        for person in &self.persons {
            let account = person.account()?;
            let commands = [
                Command::register_person(
                    senders.new_id(),
                    account,
                    ((person.bot, person.id), NAME),
                )?,
                Command::consent(senders.new_id(), account)?,
                Command::mute(senders.new_id(), account)?,
                Command::register_meter(senders.new_id(), person.meter(), (account, ""))?,
            ];
            for command in commands {
                senders.history.open(command.id, command.stream, false);
                while !senders.send(&command, Way::Broker).await {
                    ensure!(begun.elapsed() < FURNISH_LIMIT, "an account's outcome stays unknown");
                    tokio::time::sleep(AGAIN).await;
                }
            }
        }
        Ok(())
    }

    /// How many messages all of them wrote.
    pub(crate) fn written(&self) -> i64 {
        self.persons.iter().map(|person| person.written.load(Ordering::Relaxed)).sum()
    }

    /// Lets everybody write until `stop`.
    pub(crate) fn write(
        &self,
        senders: &Arc<Senders>,
        chance: &mut StdRng,
        stop: &CancellationToken,
    ) -> JoinSet<()> {
        let mut writing = JoinSet::new();
        for person in &self.persons {
            let writer = Writer {
                stand_in: self.stand_in.clone(),
                history: Arc::clone(&senders.history),
                person: Arc::clone(person),
                chance: StdRng::seed_from_u64(chance.random()),
            };
            writing.spawn(writer.run(stop.clone()));
        }
        writing
    }
}
