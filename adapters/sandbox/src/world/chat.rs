//! One private chat between a bot and a person.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::message::Message;
use crate::limits;

/// Which chat: the bot and the person, whose id is also the chat's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ChatKey {
    pub(crate) bot_id: i64,
    pub(crate) person_id: i64,
}

/// The state of one chat.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Chat {
    /// Whether the person ever wrote; before that a bot may not.
    pub(crate) started: bool,
    /// Whether the person blocked the bot.
    pub(crate) blocked: bool,
    /// The bot's messages that the person has not looked at.
    pub(crate) unread: u32,
    /// The keyboard in place of the person's own, or the request to answer a message.
    pub(crate) keyboard: Option<Value>,
    pub(crate) next_message_id: i64,
    pub(crate) messages: VecDeque<Message>,
}

impl Default for Chat {
    fn default() -> Self {
        Self {
            started: false,
            blocked: false,
            unread: 0,
            keyboard: None,
            next_message_id: 1,
            messages: VecDeque::new(),
        }
    }
}

impl Chat {
    /// Finds a message; ids rise, so it is a search by halves.
    pub(crate) fn message(&self, id: i64) -> Option<&Message> {
        self.place(id).and_then(|index| self.messages.get(index))
    }

    pub(crate) fn message_mut(&mut self, id: i64) -> Option<&mut Message> {
        self.place(id).and_then(|index| self.messages.get_mut(index))
    }

    /// Takes a message away for both sides.
    pub(crate) fn remove(&mut self, id: i64) -> Option<Message> {
        self.place(id).and_then(|index| self.messages.remove(index))
    }

    /// Adds a message at the end and forgets the oldest beyond the bound.
    pub(crate) fn push(&mut self, message: Message) {
        if self.messages.len() >= limits::MESSAGES_PER_CHAT {
            self.messages.pop_front();
        }
        self.messages.push_back(message);
    }

    /// The messages before `before` (all without it), the newest `limit` of them, oldest first.
    pub(crate) fn page(&self, before: Option<i64>, limit: usize) -> Vec<&Message> {
        let end = before.map_or(self.messages.len(), |id| {
            self.messages.partition_point(|message| message.id < id)
        });
        self.messages.range(end.saturating_sub(limit)..end).collect()
    }

    fn place(&self, id: i64) -> Option<usize> {
        self.messages.binary_search_by_key(&id, |message| message.id).ok()
    }
}
