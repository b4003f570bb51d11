//! A bot: its commands, its menu button, its updates.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::updates::{Queue, Webhook};
use crate::SandboxBot;

/// One bot with everything that Telegram keeps for it.
#[derive(Debug)]
pub(crate) struct Bot {
    pub(crate) settings: SandboxBot,
    pub(crate) id: i64,
    pub(crate) kept: KeptBot,
    /// Rises with every request of getUpdates; the newest poller wins.
    pub(crate) poll_generation: u64,
    /// Says that updates, webhook or poller changed.
    pub(crate) signal: watch::Sender<u64>,
}

/// The part of a bot that survives a restart.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct KeptBot {
    pub(crate) queue: Queue,
    pub(crate) webhook: Option<Webhook>,
    /// `None` is Telegram's default selection.
    pub(crate) allowed_updates: Option<Vec<String>>,
    pub(crate) commands: Vec<CommandList>,
    pub(crate) menu_button: Option<Value>,
    pub(crate) chat_menu_buttons: BTreeMap<i64, Value>,
    /// Name, description and short description by language, keyed as `description:ru`.
    pub(crate) texts: BTreeMap<String, String>,
}

/// The commands for one scope and language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CommandList {
    pub(crate) scope: Scope,
    /// Two letters; empty is the fallback.
    pub(crate) language_code: String,
    pub(crate) commands: Vec<Value>,
}

/// Whom a list of commands is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scope {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) chat_id: Option<i64>,
    pub(crate) user_id: Option<i64>,
}

impl Bot {
    pub(crate) fn new(settings: SandboxBot, id: i64, kept: KeptBot) -> Self {
        Self { settings, id, kept, poll_generation: 0, signal: watch::Sender::new(0) }
    }

    /// Wakes the poller and the webhook's task.
    pub(crate) fn wake(&self) {
        self.signal.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The bot as a Bot API `User`.
    pub(crate) fn user(&self) -> Value {
        json!({
            "id": self.id,
            "is_bot": true,
            "first_name": self.settings.title,
            "username": self.settings.username,
        })
    }

    /// The answer of getMe.
    pub(crate) fn me(&self) -> Value {
        let mut me = self.user();
        me["can_join_groups"] = true.into();
        me["can_read_all_group_messages"] = false.into();
        me["supports_inline_queries"] = false.into();
        me["can_connect_to_business"] = false.into();
        me["has_main_web_app"] = false.into();
        me
    }

    /// The commands that a person sees: the narrowest scope first, within a scope the person's
    /// language before the fallback.
    pub(crate) fn commands_for(&self, person_id: i64, language_code: &str) -> &[Value] {
        let language = language_code.split('-').next().unwrap_or_default();
        let scopes = [("chat", Some(person_id)), ("all_private_chats", None), ("default", None)];
        for (kind, chat_id) in scopes {
            for wanted in [language, ""] {
                let found = self.kept.commands.iter().find(|list| {
                    list.scope.kind == kind
                        && list.scope.chat_id == chat_id
                        && list.language_code == wanted
                });
                if let Some(list) = found {
                    return &list.commands;
                }
            }
        }
        &[]
    }

    /// The button beside the input in the chat with a person.
    pub(crate) fn menu_button_for(&self, person_id: i64) -> Value {
        self.kept
            .chat_menu_buttons
            .get(&person_id)
            .or(self.kept.menu_button.as_ref())
            .cloned()
            .unwrap_or_else(|| json!({"type": "default"}))
    }

    /// A text such as the description in the best language.
    pub(crate) fn text_for(&self, what: &str, language_code: &str) -> Option<&str> {
        let language = language_code.split('-').next().unwrap_or_default();
        [language, ""]
            .into_iter()
            .find_map(|language| self.kept.texts.get(&format!("{what}:{language}")))
            .map(String::as_str)
    }
}
