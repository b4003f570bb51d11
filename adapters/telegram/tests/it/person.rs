//! A person who writes to a bot and reads what it says.

use std::time::Duration;

use kontor_commands::clock;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::{
    stand_in::Seen,
    world::{PATIENCE, World, until},
};

/// A person in a private chat with a bot.
#[derive(Clone)]
pub(crate) struct Person<'a> {
    pub(crate) world: &'a World,
    pub(crate) token: String,
    pub(crate) id: i64,
    pub(crate) first_name: String,
    pub(crate) language: String,
}

impl Person<'_> {
    pub(crate) fn user(&self) -> Value {
        json!({
            "id": self.id, "is_bot": false, "first_name": self.first_name,
            "language_code": self.language,
        })
    }

    /// An update with a message of this content.
    pub(crate) fn message(&self, content: Value) -> Value {
        let telegram = &self.world.telegram;
        let mut message = json!({
            "message_id": telegram.message_id(), "date": clock::now().timestamp(),
            "from": self.user(),
            "chat": {"id": self.id, "type": "private", "first_name": self.first_name},
        });
        let content = content.as_object().unwrap().clone();
        message.as_object_mut().unwrap().extend(content);
        json!({"update_id": telegram.update_id(), "message": message})
    }

    pub(crate) fn push(&self, update: Value) {
        self.world.telegram.push(&self.token, update);
    }

    /// Writes something and waits for a reply that contains `reply`.
    pub(crate) async fn say(&self, text: &str, reply: &str) -> Seen {
        self.send(json!({"text": text}), reply).await
    }

    /// Sends a message and waits for a reply that contains `reply`.
    pub(crate) async fn send(&self, content: Value, reply: &str) -> Seen {
        let before = self.snapshot();
        self.push(self.message(content));
        self.reply(&before, reply).await
    }

    /// Presses the newest button of that label and waits for a reply that contains `reply`.
    pub(crate) async fn press(&self, label: &str, reply: &str) -> Seen {
        let (message_id, data) = self.button(label).await;
        self.press_data(message_id, &data, reply).await
    }

    pub(crate) async fn press_data(&self, message_id: i64, data: &str, reply: &str) -> Seen {
        let before = self.snapshot();
        self.push(self.pressed(message_id, data));
        self.reply(&before, reply).await
    }

    pub(crate) fn pressed(&self, message_id: i64, data: &str) -> Value {
        let update_id = self.world.telegram.update_id();
        json!({"update_id": update_id, "callback_query": {
            "id": format!("press-{update_id}"), "from": self.user(), "chat_instance": "-1",
            "data": data,
            "message": {"message_id": message_id, "date": 1,
                "chat": {"id": self.id, "type": "private", "first_name": self.first_name},
                "from": {"id": 900, "is_bot": true, "first_name": "Kontor"}, "text": "?"},
        }})
    }

    /// The newest button whose label contains the text: its message and its data.
    pub(crate) async fn button(&self, label: &str) -> (i64, String) {
        until(&format!("a button `{label}`: {:?}", self.texts()), || async {
            self.seen().into_iter().rev().find_map(|seen| {
                let found = seen.buttons.iter().find(|(text, _)| text.contains(label));
                found.map(|(_, data)| (seen.id, data.clone()))
            })
        })
        .await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.world.telegram.chat(&self.token, self.id)
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.text).collect()
    }

    /// How many messages contain the text.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.texts().iter().filter(|seen| seen.contains(text)).count()
    }

    fn snapshot(&self) -> Vec<(i64, String)> {
        self.seen().into_iter().map(|seen| (seen.id, seen.text)).collect()
    }

    /// Waits for a message that is new or changed and contains the text.
    async fn reply(&self, before: &[(i64, String)], text: &str) -> Seen {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let fresh = self.seen().into_iter().find(|seen| {
                let same = |(id, old): &(i64, String)| *id == seen.id && *old == seen.text;
                seen.text.contains(text) && !before.iter().any(same)
            });
            if let Some(seen) = fresh {
                return seen;
            }
            assert!(Instant::now() < deadline, "no reply `{text}` in {:#?}", self.texts());
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Meets the bot and gives consent, in Russian.
    pub(crate) async fn register(&self) {
        self.say("/start", "нужно ваше согласие").await;
        self.press("Даю согласие", "Меню — внизу").await;
    }

    /// Adds a cold water meter of five digits.
    pub(crate) async fn add_water_meter(&self, initial: &str) {
        self.say("/meters", "Счётчиков пока нет").await;
        self.press("Добавить счётчик", "Что считает").await;
        self.press("Холодная вода", "Сколько цифр").await;
        self.press("5", "номер счётчика").await;
        self.say("В-77", "Где стоит").await;
        self.press("Пропустить", "поверка").await;
        self.press("Пропустить", "показывает сейчас").await;
        self.say(initial, "Проверьте").await;
        self.press("Всё верно, добавить", "Счётчик добавлен").await;
    }
}
