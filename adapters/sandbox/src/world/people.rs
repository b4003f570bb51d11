//! What people do on the page: write, press, edit, block.

use serde_json::{Value, json};

use super::bot::Bot;
use super::chat::{Chat, ChatKey};
use super::events::Event;
use super::message::{Contact, Content};
use super::{Draft, World, now_seconds};
use crate::text::Formatted;
use crate::{Person, limits};

/// Why a person's act was not possible.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActError {
    /// No such bot, person, message or button.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// The person blocked the bot and has to unblock it first.
    #[error("the bot is blocked in this chat")]
    Blocked,
    /// The text is empty or too long, the button cannot be pressed, and so on.
    #[error("{0}")]
    Unusable(String),
    /// A bound of the sandbox is reached.
    #[error("the sandbox holds no more {0}")]
    Full(&'static str),
}

impl World {
    /// The chat of a bot's short name and a person's id.
    pub(crate) fn chat_of(&self, bot: &str, person_id: i64) -> Result<ChatKey, ActError> {
        let bot_id = self.bot_id_of(bot).ok_or(ActError::Unknown("bot"))?;
        if !self.people.contains_key(&person_id) {
            return Err(ActError::Unknown("person"));
        }
        Ok(ChatKey { bot_id, person_id })
    }

    /// The person writes; the bot gets a `message` update. Returns the message on the wire.
    pub(crate) fn person_sends(
        &mut self,
        key: ChatKey,
        content: Content,
        reply_to: Option<i64>,
    ) -> Result<Value, ActError> {
        if self.chats.get(&key).is_some_and(|chat| chat.blocked) {
            return Err(ActError::Blocked);
        }
        let chat = self.chat_mut(key);
        if chat.keyboard.as_ref().is_some_and(|keyboard| keyboard.get("force_reply").is_some()) {
            chat.keyboard = None;
        }
        let draft = Draft { reply_to, ..Draft::from_person(content) };
        let message = self.post(key, draft);
        let wire = self.wire(key, &message);
        self.push_update(key, "message", wire.clone());
        Ok(wire)
    }

    /// The person writes a text.
    pub(crate) fn person_writes(
        &mut self,
        key: ChatKey,
        text: &str,
        reply_to: Option<i64>,
    ) -> Result<Value, ActError> {
        let text = written_text(text, limits::TEXT_UNITS)?;
        self.person_sends(key, Content::Text { text }, reply_to)
    }

    /// The person changes an own text or caption; the bot gets an `edited_message` update.
    pub(crate) fn person_edits(
        &mut self,
        key: ChatKey,
        message_id: i64,
        text: &str,
    ) -> Result<Value, ActError> {
        if self.chats.get(&key).is_some_and(|chat| chat.blocked) {
            return Err(ActError::Blocked);
        }
        let message = self
            .chat_mut(key)
            .message_mut(message_id)
            .filter(|message| !message.from_bot)
            .ok_or(ActError::Unknown("message"))?;
        match &mut message.content {
            Content::Text { text: old } => *old = written_text(text, limits::TEXT_UNITS)?,
            Content::Photo { caption, .. } | Content::Document { caption, .. } => {
                *caption = written_caption(text)?;
            }
            Content::Contact { .. }
            | Content::Invoice { .. }
            | Content::Paid { .. }
            | Content::PaidBack { .. } => {
                return Err(ActError::Unusable("this message cannot be edited".to_owned()));
            }
        }
        message.edit_date = Some(now_seconds());
        let message = message.clone();
        self.tell_edited(key, &message);
        let wire = self.wire(key, &message);
        self.push_update(key, "edited_message", wire.clone());
        Ok(wire)
    }

    /// The person presses a button under a message. Returns the callback id, or the link that the
    /// button opens.
    pub(crate) fn person_presses(
        &mut self,
        key: ChatKey,
        message_id: i64,
        (row, column): (usize, usize),
    ) -> Result<Value, ActError> {
        let chat = self.chats.get(&key).ok_or(ActError::Unknown("message"))?;
        if chat.blocked {
            return Err(ActError::Blocked);
        }
        let message = chat.message(message_id).ok_or(ActError::Unknown("message"))?;
        let button = message
            .inline_keyboard
            .as_ref()
            .and_then(|keyboard| keyboard["inline_keyboard"].get(row)?.get(column))
            .ok_or(ActError::Unknown("button"))?;
        if button["pay"] == true {
            return self.person_pays(key, message_id);
        }
        let Some(data) = button["callback_data"].as_str() else {
            return Ok(json!({"open": link_of(button)}));
        };
        let mut query = json!({
            "from": self.people.get(&key.person_id).map(Person::user),
            "chat_instance": format!("{}", key.bot_id.wrapping_mul(31) ^ key.person_id),
            "data": data,
            "message": self.wire(key, message),
        });
        let callback_id = self.callbacks.open(key, now_seconds());
        query["id"] = callback_id.as_str().into();
        self.push_update(key, "callback_query", query);
        Ok(json!({"callback_id": callback_id}))
    }

    /// The person presses a button of the keyboard below the input.
    pub(crate) fn person_presses_keyboard(
        &mut self,
        key: ChatKey,
        (row, column): (usize, usize),
    ) -> Result<Value, ActError> {
        let button = self
            .chats
            .get(&key)
            .and_then(|chat| chat.keyboard.as_ref()?["keyboard"].get(row)?.get(column))
            .cloned()
            .ok_or(ActError::Unknown("button"))?;
        if button["request_contact"].as_bool().unwrap_or_default() {
            return self.person_shares_contact(key);
        }
        let asks_for_more = ["request_location", "request_poll", "request_users", "request_chat"]
            .into_iter()
            .find(|kind| button.get(kind).is_some());
        if let Some(kind) = asks_for_more {
            return Err(ActError::Unusable(format!("the sandbox cannot answer {kind}")));
        }
        if let Some(url) = button["web_app"]["url"].as_str() {
            return Ok(json!({"open": url}));
        }
        self.person_writes(key, button["text"].as_str().unwrap_or_default(), None)
    }

    /// The person shares the own telephone number.
    pub(crate) fn person_shares_contact(&mut self, key: ChatKey) -> Result<Value, ActError> {
        let person = self.people.get(&key.person_id).ok_or(ActError::Unknown("person"))?;
        let contact = Contact {
            phone_number: person.phone_number(),
            first_name: person.first_name.clone(),
            last_name: person.last_name.clone(),
            user_id: person.id,
        };
        self.person_sends(key, Content::Contact { contact }, None)
    }

    /// The person blocks or unblocks the bot; the bot hears of it only when something changed.
    pub(crate) fn person_blocks(&mut self, key: ChatKey, blocked: bool) {
        let chat = self.chat_mut(key);
        if chat.blocked == blocked {
            return;
        }
        chat.blocked = blocked;
        let member = |is_member: bool| {
            let status = if is_member { "member" } else { "kicked" };
            let mut member = json!({
                "status": status,
                "user": self.bots.get(&key.bot_id).map(Bot::user),
            });
            if !is_member {
                member["until_date"] = 0.into();
            }
            member
        };
        let person = self.people.get(&key.person_id);
        let body = json!({
            "chat": person.map(Person::chat),
            "from": person.map(Person::user),
            "date": now_seconds(),
            "old_chat_member": member(blocked),
            "new_chat_member": member(!blocked),
        });
        self.push_update(key, "my_chat_member", body);
        self.tell_chat(key);
    }

    /// The person has looked at the chat.
    pub(crate) fn person_reads(&mut self, key: ChatKey) {
        let chat = self.chat_mut(key);
        if std::mem::take(&mut chat.unread) > 0 {
            self.tell_chat(key);
        }
    }

    /// The chat is as if it had never been started; message ids go on rising.
    pub(crate) fn clear_chat(&mut self, key: ChatKey) {
        let next_message_id = self.chat_mut(key).next_message_id;
        self.chats.insert(key, Chat { next_message_id, ..Chat::default() });
        let event = Event::ChatCleared {
            bot: self.bot_name(key.bot_id),
            person_id: key.person_id,
            chat: self.chat_view(key),
        };
        self.tell(event);
    }

    /// Adds a person; an id of 0 is replaced by the next free one.
    pub(crate) fn add_person(&mut self, mut person: Person) -> Result<Person, ActError> {
        if self.people.len() >= limits::PEOPLE {
            return Err(ActError::Full("people"));
        }
        let name_length = person.first_name.trim().chars().count();
        if !(1..=64).contains(&name_length) {
            return Err(ActError::Unusable("a first name has 1 to 64 characters".to_owned()));
        }
        if person.id == 0 {
            person.id = self.people.keys().next_back().map_or(1001, |last| last + 1);
        }
        if person.id < 0 || self.people.contains_key(&person.id) {
            return Err(ActError::Unusable("this id cannot be taken".to_owned()));
        }
        person.first_name = person.first_name.trim().to_owned();
        self.people.insert(person.id, person.clone());
        self.tell(Event::Person { person: person.card() });
        Ok(person)
    }
}

/// Where a button without callback data leads.
fn link_of(button: &Value) -> Option<&str> {
    button["url"]
        .as_str()
        .or_else(|| button["web_app"]["url"].as_str())
        .or_else(|| button["login_url"]["url"].as_str())
}

/// A text as a person may send it.
fn written_text(text: &str, units: usize) -> Result<Formatted, ActError> {
    let formatted = Formatted::plain(text.trim());
    if formatted.text.is_empty() {
        return Err(ActError::Unusable("the text is empty".to_owned()));
    }
    if formatted.units() > units {
        return Err(ActError::Unusable(format!("the text is longer than {units} characters")));
    }
    Ok(formatted)
}

/// A caption as a person may send it; empty is none.
pub(crate) fn written_caption(text: &str) -> Result<Formatted, ActError> {
    if text.trim().is_empty() {
        return Ok(Formatted::default());
    }
    written_text(text, limits::CAPTION_UNITS)
}
