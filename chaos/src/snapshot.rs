//! What the house says: read from the database and the broker directly, past every process and proxy.

mod chats;

use std::{collections::BTreeMap, path::Path, time::Duration};

use anyhow::{Context, bail};
use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, PullConsumer, pull},
};
use futures::StreamExt;
use sqlx::FromRow;
use tokio::time::timeout;
use uuid::Uuid;

pub(crate) use self::chats::{Chat, Reply, Update, open as chats_open};
use crate::{check::Rows, replay, world::World};

/// How long one message of the stream may take.
const MESSAGE_LIMIT: Duration = Duration::from_secs(20);
/// What a process writes to its log when a task of it panics.
const PANIC: &str = "panicked at";

/// Everything that is checked.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The log in order of position.
    pub(crate) events: Vec<Event>,
    pub(crate) receipts: Vec<Receipt>,
    /// The stream of events in its order.
    pub(crate) published: Vec<Published>,
    pub(crate) chats: Vec<Chat>,
    pub(crate) erasures: Erasures,
    pub(crate) leftovers: Leftovers,
    /// The tables of the read models.
    pub(crate) live: BTreeMap<String, Rows>,
    /// The same tables after a fresh replay of the log.
    pub(crate) replayed: BTreeMap<String, Rows>,
}

/// An event of the log.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Event {
    pub(crate) position: i64,
    pub(crate) stream: Uuid,
    pub(crate) version: i64,
    pub(crate) id: Uuid,
    pub(crate) command: Uuid,
    /// It is about somebody who was erased.
    pub(crate) erased: bool,
}

/// What is left of people who were erased.
#[derive(Clone, Debug, Default)]
pub(crate) struct Erasures {
    pub(crate) unfinished: i64,
    /// Where something about them can be read.
    pub(crate) readable: Vec<String>,
}

/// A receipt.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Receipt {
    pub(crate) command: Uuid,
    pub(crate) stream: Uuid,
    pub(crate) version: i64,
    pub(crate) first_position: Option<i64>,
    pub(crate) last_position: Option<i64>,
    /// The code of the refusal.
    pub(crate) refusal: Option<String>,
    /// A policy, a person in a chat or an erasure gave the command, and no caller who was told its
    /// outcome.
    pub(crate) uncalled: bool,
}

/// An event as it stands in the stream.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    pub(crate) id: Uuid,
    pub(crate) position: i64,
}

/// What should not be there.
#[derive(Clone, Debug, Default, FromRow)]
pub(crate) struct Leftovers {
    pub(crate) inbox: i64,
    pub(crate) parked_events: i64,
    pub(crate) parked_commands: i64,
    #[sqlx(skip)]
    pub(crate) waiting_commands: i64,
    #[sqlx(skip)]
    pub(crate) panics: i64,
}

impl Snapshot {
    /// Looks at everything. The house must be quiet.
    pub(crate) async fn take(world: &World) -> anyhow::Result<Self> {
        let pool = world.pool();
        let events = sqlx::query_as(
            "select position, stream_id as stream, version, event_id as id, \
                 (metadata->>'command_id')::uuid as command, \
                 stream_id in (select stream_id from events \
                     where event_type in ('account.erased', 'meter.holder_erased')) as erased \
             from events order by position",
        );
        let receipts = sqlx::query_as(
            "select command_id as command, stream_id as stream, version, first_position, \
                 last_position, refusal->>'code' as refusal, \
                 exists (select from scheduled_commands as s \
                     where s.command_id = receipts.command_id) \
                 or stream_id in (select stream_id from events \
                     where event_type in ('account.erased', 'meter.holder_erased')) as uncalled \
             from receipts",
        );
        let leftovers = sqlx::query_as(
            "select (select count(*) from inbox where state <> 'done') as inbox, \
                 (select count(*) from dead_letters) as parked_events, \
                 (select count(*) from command_dead_letters) as parked_commands",
        );
        let mut leftovers: Leftovers = leftovers.fetch_one(pool).await?;
        leftovers.waiting_commands = i64::try_from(commands_waiting(world).await?)?;
        leftovers.panics = i64::try_from(panics(&world.log_dir())?)?;
        let (live, replayed) = replay::compare(pool).await.context("the replay")?;
        let chats = chats::look(world).await.context("the chats")?;
        let by_chat = chats::commands(&chats)?;
        let mut receipts: Vec<Receipt> = receipts.fetch_all(pool).await?;
        for receipt in &mut receipts {
            receipt.uncalled |= by_chat.contains(&receipt.command);
        }
        let (published, mut readable) = published(world).await.context("the stream of events")?;
        readable.extend(world.erased.readable(world).await.context("the erased")?);
        let unfinished = sqlx::query_scalar(
            "select count(*) from kontor_keys.erasures where finished_at is null",
        );
        let unfinished: i64 = unfinished.fetch_one(pool).await?;
        Ok(Self {
            events: events.fetch_all(pool).await?,
            receipts,
            chats,
            published,
            erasures: Erasures { unfinished, readable },
            leftovers,
            live,
            replayed,
        })
    }
}

/// A context of the broker, past the proxies.
async fn broker(world: &World) -> anyhow::Result<jetstream::Context> {
    let address = world.broker_url();
    let rest = address.strip_prefix("nats://").unwrap_or(&address);
    let (login, host) = rest.split_once('@').context("the broker's address has no user")?;
    let (user, password) = login.split_once(':').context("the broker's address has no password")?;
    let options = async_nats::ConnectOptions::with_user_and_password(user.into(), password.into());
    Ok(jetstream::new(options.connect(host).await?))
}

/// How many commands stand in the queue; an absent queue holds none.
pub(crate) async fn commands_waiting(world: &World) -> anyhow::Result<u64> {
    let stream = broker(world).await?.get_stream(kontor_nats::names::COMMANDS).await;
    Ok(stream.context("the stream of commands")?.cached_info().state.messages)
}

/// How many events stand in the stream; an absent stream holds none.
pub(crate) async fn events_published(world: &World) -> anyhow::Result<u64> {
    let stream = broker(world).await?.get_stream(kontor_nats::names::EVENTS).await;
    Ok(stream.context("the stream of events")?.cached_info().state.messages)
}

/// Deletes one message of the stream of events.
pub(crate) async fn forget_event(world: &World, sequence: u64) -> anyhow::Result<()> {
    let stream = broker(world).await?.get_stream(kontor_nats::names::EVENTS).await?;
    stream.delete_message(sequence).await?;
    Ok(())
}

/// The events in the stream, and which of them tell something of people who were erased.
async fn published(world: &World) -> anyhow::Result<(Vec<Published>, Vec<String>)> {
    let stream = broker(world).await?.get_stream(kontor_nats::names::EVENTS).await?;
    let count = stream.cached_info().state.messages;
    let config = pull::Config { ack_policy: AckPolicy::None, ..pull::Config::default() };
    let consumer: PullConsumer = stream.create_consumer(config).await?;
    let mut messages = consumer.messages().await?;
    let (mut published, mut readable) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let message = timeout(MESSAGE_LIMIT, messages.next()).await.context("no message came")?;
        let message = message.context("the messages ended")??;
        let header = |name| {
            let headers = message.headers.as_ref()?;
            Some(headers.get(name)?.as_str().to_owned())
        };
        let (Some(id), Some(position)) = (header("Nats-Msg-Id"), header("ce-position")) else {
            bail!("a message on {} has no id or no position", message.subject);
        };
        let words = world.erased.words_in(&String::from_utf8_lossy(&message.payload));
        readable.extend(words.iter().map(|word| format!("`{word}` in event {id}")));
        published.push(Published { id: id.parse()?, position: position.parse()? });
    }
    Ok((published, readable))
}

fn panics(folder: &Path) -> anyhow::Result<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir(folder)? {
        let text = std::fs::read(entry?.path())?;
        found += String::from_utf8_lossy(&text).matches(PANIC).count();
    }
    Ok(found)
}
