//! What a sandbox is made of.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Everything a [`crate::Sandbox`] has to know.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// The bots that it answers for; any other token is refused with 401.
    pub bots: Vec<SandboxBot>,
    /// The people who are there from the start; more can be added on the page.
    pub people: Vec<Person>,
    /// Where chats, updates and commands survive a restart; photos lie in a folder beside it.
    /// `None` keeps everything in memory.
    pub state_file: Option<PathBuf>,
    /// Where a browser reaches the sandbox, such as `http://127.0.0.1:8090`; used in links.
    pub public_url: String,
    /// The accounts with Stripe that it answers for; any other key is refused with 401.
    pub shops: Vec<SandboxShop>,
}

/// One account with Stripe.
#[derive(Clone)]
pub struct SandboxShop {
    /// Its short name, such as `demo_stripe`.
    pub name: String,
    /// By which it is known.
    pub secret_key: String,
    /// What its webhooks are signed with.
    pub webhook_secret: String,
    /// Where its webhooks go.
    pub webhook_url: String,
}

impl fmt::Debug for SandboxShop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SandboxShop").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One bot of the sandbox.
#[derive(Clone)]
pub struct SandboxBot {
    /// Short name in addresses of the page, such as `demo`.
    pub name: String,
    /// User name without the leading `@`.
    pub username: String,
    /// The name that people read above the chat.
    pub title: String,
    /// Token in Telegram's form, `<bot id>:<secret>`.
    pub token: String,
}

impl fmt::Debug for SandboxBot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SandboxBot")
            .field("name", &self.name)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// A person who can write to the bots. The private chat with a person has the person's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Telegram user id, positive.
    pub id: i64,
    /// First name, 1-64 characters.
    pub first_name: String,
    /// Last name, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    /// User name without the leading `@`, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Language of the person's Telegram, such as `ru`.
    pub language_code: String,
}

impl Person {
    /// The telephone number that "share contact" shows; made from the id, in no real range.
    pub fn phone_number(&self) -> String {
        format!("+7000{:07}", self.id.unsigned_abs() % 10_000_000)
    }

    /// The person as the chat page knows it.
    pub(crate) fn card(&self) -> serde_json::Value {
        let mut card = serde_json::json!(self);
        card["phone_number"] = self.phone_number().into();
        card
    }

    /// The person as a Bot API `User`.
    pub(crate) fn user(&self) -> serde_json::Value {
        let mut user = serde_json::json!({
            "id": self.id,
            "is_bot": false,
            "first_name": self.first_name,
            "language_code": self.language_code,
        });
        self.add_optional_names(&mut user);
        user
    }

    /// The private chat with the person as a Bot API `Chat`.
    pub(crate) fn chat(&self) -> serde_json::Value {
        let mut chat =
            serde_json::json!({"id": self.id, "type": "private", "first_name": self.first_name});
        self.add_optional_names(&mut chat);
        chat
    }

    fn add_optional_names(&self, target: &mut serde_json::Value) {
        if let Some(last_name) = &self.last_name {
            target["last_name"] = last_name.as_str().into();
        }
        if let Some(username) = &self.username {
            target["username"] = username.as_str().into();
        }
    }
}
