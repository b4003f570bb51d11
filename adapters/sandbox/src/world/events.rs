//! What the pages hear: a bounded list of events that can be replayed, and a live stream.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use tokio::sync::broadcast;

use crate::faults::Rule;
use crate::limits;

/// Something that a page shows at once.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Event {
    /// A new message; `chat` is the chat's state after it.
    Message { bot: String, person_id: i64, message: Value, chat: Value },
    /// A message reads differently now.
    MessageEdited { bot: String, person_id: i64, message: Value },
    /// A message is gone for both sides.
    MessageDeleted { bot: String, person_id: i64, message_id: i64 },
    /// Unread count, keyboard, blocking, commands or menu button changed.
    Chat { bot: String, person_id: i64, chat: Value },
    /// The chat is as new.
    ChatCleared { bot: String, person_id: i64, chat: Value },
    /// The bot shows that it is busy, for about five seconds.
    Action { bot: String, person_id: i64, action: String },
    /// The answer to the press of a button.
    CallbackAnswer {
        bot: String,
        person_id: i64,
        callback_id: String,
        text: Option<String>,
        show_alert: bool,
        url: Option<String>,
    },
    /// A person was added.
    Person { person: Value },
    /// The fault rules changed.
    Faults { faults: Vec<Rule> },
    /// What the page knows is too old: it has to read everything anew.
    Reset,
}

/// An event with its number.
#[derive(Clone, Debug)]
pub(crate) struct Numbered {
    pub(crate) id: i64,
    pub(crate) event: Arc<Event>,
}

/// The list and the stream.
#[derive(Debug)]
pub(crate) struct Events {
    last_id: i64,
    recent: VecDeque<Numbered>,
    sender: broadcast::Sender<Numbered>,
}

impl Events {
    /// Numbers go on from `first_id`, which is taken from the clock, so that a page which comes
    /// back after a restart is known to be behind.
    pub(crate) fn new(first_id: i64) -> Self {
        let sender = broadcast::Sender::new(limits::REPLAYED_EVENTS);
        Self { last_id: first_id, recent: VecDeque::new(), sender }
    }

    pub(crate) fn last_id(&self) -> i64 {
        self.last_id
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.last_id += 1;
        let numbered = Numbered { id: self.last_id, event: Arc::new(event) };
        if self.recent.len() >= limits::REPLAYED_EVENTS {
            self.recent.pop_front();
        }
        self.recent.push_back(numbered.clone());
        // Nobody listening is fine: the list keeps the event.
        drop(self.sender.send(numbered));
    }

    /// What happened after `since`, and everything from now on. A gap is told as a reset.
    pub(crate) fn listen(
        &self,
        since: Option<i64>,
    ) -> (Vec<Numbered>, broadcast::Receiver<Numbered>) {
        let receiver = self.sender.subscribe();
        let Some(since) = since else { return (Vec::new(), receiver) };
        let oldest = self.last_id - i64::try_from(self.recent.len()).unwrap_or(i64::MAX);
        if since < oldest || since > self.last_id {
            return (vec![Numbered { id: self.last_id, event: Arc::new(Event::Reset) }], receiver);
        }
        let missed = self.recent.iter().filter(|event| event.id > since).cloned().collect();
        (missed, receiver)
    }
}
