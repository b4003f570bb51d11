//! Everything the sandbox knows, behind one lock: bots, people, chats, files, and what it records.

pub(crate) mod bot;
pub(crate) mod chat;
pub(crate) mod events;
pub(crate) mod message;
pub(crate) mod people;
pub(crate) mod stars;
pub(crate) mod updates;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::callbacks::Callbacks;
use crate::calls::Calls;
use crate::faults::Faults;
use crate::files::FileEntry;
use crate::stripe::Stripe;
use crate::wire::error::WireError;
use crate::yookassa::YooKassa;
use crate::{Person, limits};
use bot::Bot;
use chat::{Chat, ChatKey};
use events::{Event, Events};
use message::{Content, Forwarded, Message};
use stars::Stars;

/// The state of the sandbox.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) bots: BTreeMap<i64, Bot>,
    pub(crate) people: BTreeMap<i64, Person>,
    pub(crate) chats: BTreeMap<ChatKey, Chat>,
    /// By file id; ids rise with time, so the first is the oldest.
    pub(crate) files: BTreeMap<String, FileEntry>,
    pub(crate) callbacks: Callbacks,
    pub(crate) stars: Stars,
    pub(crate) stripe: Stripe,
    pub(crate) yookassa: YooKassa,
    pub(crate) faults: Faults,
    pub(crate) calls: Calls,
    pub(crate) events: Events,
    /// Rises with every change that belongs into the state file.
    pub(crate) changes: watch::Sender<u64>,
}

/// A message before it has a number and a time.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) from_bot: bool,
    pub(crate) content: Content,
    pub(crate) inline_keyboard: Option<Value>,
    pub(crate) reply_to: Option<i64>,
    pub(crate) forwarded: Option<Forwarded>,
}

impl Draft {
    pub(crate) fn from_person(content: Content) -> Self {
        Self { from_bot: false, content, inline_keyboard: None, reply_to: None, forwarded: None }
    }
}

/// Seconds since 1970.
pub(crate) fn now_seconds() -> i64 {
    kontor_commands::clock::now().timestamp()
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    kontor_commands::clock::now().timestamp_millis()
}

impl World {
    /// An empty world with these bots and people.
    pub(crate) fn new(bots: BTreeMap<i64, Bot>, people: BTreeMap<i64, Person>) -> Self {
        Self {
            bots,
            people,
            chats: BTreeMap::new(),
            files: BTreeMap::new(),
            callbacks: Callbacks::default(),
            stars: Stars::default(),
            stripe: Stripe::default(),
            yookassa: YooKassa::default(),
            faults: Faults::default(),
            calls: Calls::default(),
            events: Events::new(kontor_commands::clock::now().timestamp_micros()),
            changes: watch::Sender::new(0),
        }
    }

    /// Notes that the state file is behind.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Tells the pages, and notes the change.
    pub(crate) fn tell(&mut self, event: Event) {
        self.events.tell(event);
        self.changed();
    }

    /// The bot of a checked token.
    pub(crate) fn bot(&self, bot_id: i64) -> Result<&Bot, WireError> {
        self.bots.get(&bot_id).ok_or_else(WireError::unauthorized)
    }

    /// As [`Self::bot`], to change it.
    pub(crate) fn bot_mut(&mut self, bot_id: i64) -> Result<&mut Bot, WireError> {
        self.bots.get_mut(&bot_id).ok_or_else(WireError::unauthorized)
    }

    /// The bot's short name, as the pages know it.
    pub(crate) fn bot_name(&self, bot_id: i64) -> String {
        self.bots.get(&bot_id).map(|bot| bot.settings.name.clone()).unwrap_or_default()
    }

    /// The bot with this short name.
    pub(crate) fn bot_id_of(&self, name: &str) -> Option<i64> {
        self.bots.values().find(|bot| bot.settings.name == name).map(|bot| bot.id)
    }

    /// The chat, which is there as soon as somebody asks for it.
    pub(crate) fn chat_mut(&mut self, key: ChatKey) -> &mut Chat {
        self.chats.entry(key).or_default()
    }

    /// Adds a message to a chat and tells the pages. Does not tell the bot.
    pub(crate) fn post(&mut self, key: ChatKey, draft: Draft) -> Message {
        let chat = self.chat_mut(key);
        let message = Message {
            id: chat.next_message_id,
            from_bot: draft.from_bot,
            date: now_seconds(),
            edit_date: None,
            content: draft.content,
            inline_keyboard: draft.inline_keyboard,
            reply_to: draft.reply_to.filter(|id| chat.message(*id).is_some()),
            forwarded: draft.forwarded,
        };
        chat.next_message_id += 1;
        chat.push(message.clone());
        if draft.from_bot {
            chat.unread = chat.unread.saturating_add(1);
        } else {
            chat.started = true;
            chat.unread = 0;
        }
        let event = Event::Message {
            bot: self.bot_name(key.bot_id),
            person_id: key.person_id,
            message: self.wire(key, &message),
            chat: self.chat_view(key),
        };
        self.tell(event);
        message
    }

    /// Tells the pages that a message reads differently now.
    pub(crate) fn tell_edited(&mut self, key: ChatKey, message: &Message) {
        let event = Event::MessageEdited {
            bot: self.bot_name(key.bot_id),
            person_id: key.person_id,
            message: self.wire(key, message),
        };
        self.tell(event);
    }

    /// Tells the pages that the chat's state changed.
    pub(crate) fn tell_chat(&mut self, key: ChatKey) {
        let event = Event::Chat {
            bot: self.bot_name(key.bot_id),
            person_id: key.person_id,
            chat: self.chat_view(key),
        };
        self.tell(event);
    }

    /// The chat's state as the pages see it, without messages.
    pub(crate) fn chat_view(&self, key: ChatKey) -> Value {
        let fresh = Chat::default();
        let chat = self.chats.get(&key).unwrap_or(&fresh);
        let language = self.people.get(&key.person_id).map_or("", |person| &person.language_code);
        let bot = self.bots.get(&key.bot_id);
        json!({
            "started": chat.started,
            "blocked": chat.blocked,
            "unread": chat.unread,
            "keyboard": chat.keyboard,
            "commands": bot.map(|bot| bot.commands_for(key.person_id, language)),
            "menu_button": bot.map(|bot| bot.menu_button_for(key.person_id)),
            "description": bot.and_then(|bot| bot.text_for("description", language)),
        })
    }

    /// Puts an update into the bot's queue, unless the bot did not ask for its kind.
    pub(crate) fn push_update(&mut self, key: ChatKey, kind: &str, body: Value) {
        let Some(bot) = self.bots.get_mut(&key.bot_id) else { return };
        if !updates::wants(bot.kept.allowed_updates.as_deref(), kind) {
            return;
        }
        let (arrival, fault_used) = self.faults.arrival(&bot.settings.name, kind, key.person_id);
        let mut update = json!({});
        update[kind] = body;
        bot.kept.queue.push(update, arrival, now_ms());
        bot.wake();
        self.changed();
        if fault_used {
            let faults = self.faults.list();
            self.events.tell(Event::Faults { faults });
        }
    }

    /// The chat that a bot may write to now.
    ///
    /// # Errors
    ///
    /// As Telegram: the chat is unknown, was never started, or the person blocked the bot.
    pub(crate) fn writable_chat(&self, bot_id: i64, chat_id: i64) -> Result<ChatKey, WireError> {
        if !self.people.contains_key(&chat_id) {
            return Err(WireError::bad_request("chat not found"));
        }
        let key = ChatKey { bot_id, person_id: chat_id };
        let chat = self.chats.get(&key);
        if !chat.is_some_and(|chat| chat.started) {
            return Err(WireError::forbidden("bot can't initiate conversation with a user"));
        }
        if chat.is_some_and(|chat| chat.blocked) {
            return Err(WireError::forbidden("bot was blocked by the user"));
        }
        Ok(key)
    }

    /// Keeps a file's entry; returns the ids of the oldest files that have to go for it.
    pub(crate) fn add_file(&mut self, entry: FileEntry) -> Vec<String> {
        self.files.insert(entry.file_id.clone(), entry);
        self.changed();
        let mut total: usize = self.files.values().map(|file| file.size).sum();
        let mut gone = Vec::new();
        while total > limits::FILES_BYTES {
            let Some((id, file)) = self.files.pop_first() else { break };
            total = total.saturating_sub(file.size);
            gone.push(id);
        }
        gone
    }
}
