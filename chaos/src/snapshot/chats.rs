//! What the house and Telegram's stand-in say of the chats.

use std::collections::BTreeSet;

use anyhow::Context;
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use crate::{
    people::{self, BOTS, Message, People},
    world::World,
};

/// One chat, from all sides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chat {
    /// The bot and the person's number.
    pub(crate) name: String,
    /// What stands in the chat, in its order.
    pub(crate) messages: Vec<Message>,
    /// What came in, in order of arrival.
    pub(crate) updates: Vec<Update>,
    /// What the bot was to send, in the order in which it was written.
    pub(crate) replies: Vec<Reply>,
}

/// An update of the inbox.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Update {
    /// The number that Telegram gave it.
    pub(crate) id: String,
    pub(crate) text: String,
    /// The message that it tells of.
    pub(crate) message_id: i64,
}

/// A row of the outbox.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Reply {
    pub(crate) key: String,
    pub(crate) state: String,
    pub(crate) message_id: Option<i64>,
}

impl Update {
    /// Whether it asks for a command: anything but a question for help.
    pub(crate) fn is_reading(&self) -> bool {
        !self.text.starts_with('/')
    }

    /// The id of the command that it leads to.
    pub(crate) fn command(&self, bot: &str) -> anyhow::Result<Uuid> {
        people::command_of(bot, &self.id)
    }
}

impl Chat {
    /// The bot's name.
    pub(crate) fn bot(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

/// Looks at all chats.
pub(super) async fn look(world: &World) -> anyhow::Result<Vec<Chat>> {
    let people: &People = &world.people;
    let mut chats = Vec::new();
    for person in &people.persons {
        chats.push(Chat {
            name: format!("{}/{}", person.bot, person.id),
            messages: people.stand_in.chat(person.bot, person.id).await.context("the sandbox")?,
            updates: updates(world.pool(), person.bot, person.id).await?,
            replies: replies(world.pool(), person.bot, person.id).await?,
        });
    }
    Ok(chats)
}

/// The ids of the commands that chats led to.
pub(super) fn commands(chats: &[Chat]) -> anyhow::Result<BTreeSet<Uuid>> {
    let mut commands = BTreeSet::new();
    for chat in chats {
        for update in chat.updates.iter().filter(|update| update.is_reading()) {
            commands.insert(update.command(chat.bot())?);
        }
    }
    Ok(commands)
}

async fn updates(pool: &PgPool, bot: &str, person: i64) -> Result<Vec<Update>, sqlx::Error> {
    sqlx::query_as(
        "select external_id as id, coalesce(payload->'message'->>'text', '') as text, \
             coalesce((payload->'message'->>'message_id')::bigint, 0) as message_id \
         from inbox where source = $1 and key = $2 order by arrival",
    )
    .bind(format!("telegram/{bot}"))
    .bind(person.to_string())
    .fetch_all(pool)
    .await
}

async fn replies(pool: &PgPool, bot: &str, person: i64) -> Result<Vec<Reply>, sqlx::Error> {
    sqlx::query_as(
        "select key, state, message_id::bigint as message_id \
         from telegram_outbox where bot = $1 and chat_id = $2 order by id",
    )
    .bind(bot)
    .bind(person)
    .fetch_all(pool)
    .await
}

/// How many messages of people have not come in, how many updates are not handled, and how many
/// replies are not sent yet.
pub(crate) async fn open(world: &World) -> Result<i64, sqlx::Error> {
    let open: i64 = sqlx::query_scalar(
        "select (select count(*) from inbox where state = 'pending') \
             + (select count(*) from telegram_outbox \
                 where bot = any($1) and state in ('pending', 'sending')) \
             + greatest($2 - (select count(*) from inbox where key = any($3)), 0)",
    )
    .bind(BOTS.map(|(name, _)| name.to_owned()).to_vec())
    .bind(world.people.written())
    .bind(world.people.persons.iter().map(|person| person.id.to_string()).collect::<Vec<_>>())
    .fetch_one(world.pool())
    .await?;
    Ok(open)
}
