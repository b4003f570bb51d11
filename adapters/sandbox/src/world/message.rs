//! Messages as they are kept, and as the wire shows them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::World;
use super::chat::ChatKey;
use super::stars::{CURRENCY, Charge, Invoice};
use crate::text::{Entity, Formatted};

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: i64,
    pub(crate) from_bot: bool,
    /// Seconds since 1970, as Telegram counts.
    pub(crate) date: i64,
    pub(crate) edit_date: Option<i64>,
    pub(crate) content: Content,
    /// The buttons under the message, as checked by [`crate::markup`].
    pub(crate) inline_keyboard: Option<Value>,
    pub(crate) reply_to: Option<i64>,
    pub(crate) forwarded: Option<Forwarded>,
}

/// Who wrote a forwarded message first, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forwarded {
    pub(crate) sender: Value,
    pub(crate) date: i64,
}

/// What a message holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Content {
    Text {
        text: Formatted,
    },
    Photo {
        photo: Photo,
        caption: Formatted,
    },
    Document {
        document: Document,
        caption: Formatted,
    },
    Contact {
        contact: Contact,
    },
    /// The bot asks for Stars.
    Invoice {
        invoice: Invoice,
    },
    /// Telegram says that they were paid.
    Paid {
        charge: Charge,
    },
    /// Telegram says that they were paid back.
    PaidBack {
        charge: Charge,
    },
}

/// A photo in its one size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Photo {
    pub(crate) file_id: String,
    pub(crate) file_unique_id: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) file_size: usize,
}

/// A file of any kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) file_id: String,
    pub(crate) file_unique_id: String,
    pub(crate) file_name: String,
    pub(crate) mime_type: String,
    pub(crate) file_size: usize,
}

/// A shared telephone number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contact {
    pub(crate) phone_number: String,
    pub(crate) first_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_name: Option<String>,
    pub(crate) user_id: i64,
}

impl Content {
    /// The caption, where there can be one.
    pub(crate) fn caption_mut(&mut self) -> Option<&mut Formatted> {
        match self {
            Self::Photo { caption, .. } | Self::Document { caption, .. } => Some(caption),
            Self::Text { .. }
            | Self::Contact { .. }
            | Self::Invoice { .. }
            | Self::Paid { .. }
            | Self::PaidBack { .. } => None,
        }
    }

    fn write_to(&self, wire: &mut Value) {
        match self {
            Self::Text { text } => write_text(wire, "text", "entities", text),
            Self::Photo { photo, caption } => {
                wire["photo"] = json!([photo]);
                write_text(wire, "caption", "caption_entities", caption);
            }
            Self::Document { document, caption } => {
                wire["document"] = json!(document);
                write_text(wire, "caption", "caption_entities", caption);
            }
            Self::Contact { contact } => wire["contact"] = json!(contact),
            Self::Invoice { invoice } => {
                wire["invoice"] = json!({
                    "title": invoice.title,
                    "description": invoice.description,
                    "start_parameter": "",
                    "currency": CURRENCY,
                    "total_amount": invoice.amount,
                });
            }
            Self::Paid { charge } => wire["successful_payment"] = payment(charge),
            Self::PaidBack { charge } => wire["refunded_payment"] = payment(charge),
        }
    }
}

fn payment(charge: &Charge) -> Value {
    json!({
        "currency": CURRENCY,
        "total_amount": charge.amount,
        "invoice_payload": charge.payload,
        "telegram_payment_charge_id": charge.id,
        "provider_payment_charge_id": "",
    })
}

fn write_text(wire: &mut Value, text_field: &str, entities_field: &str, text: &Formatted) {
    if text.text.is_empty() {
        return;
    }
    wire[text_field] = text.text.as_str().into();
    if !text.entities.is_empty() {
        wire[entities_field] = json!(text.entities.iter().collect::<Vec<&Entity>>());
    }
}

impl World {
    /// The message as a Bot API `Message`, with the message it answers to.
    pub(crate) fn wire(&self, key: ChatKey, message: &Message) -> Value {
        let mut wire = self.wire_without_reply(key, message);
        let answered = message
            .reply_to
            .and_then(|id| self.chats.get(&key).and_then(|chat| chat.message(id)))
            .map(|answered| self.wire_without_reply(key, answered));
        if let Some(answered) = answered {
            wire["reply_to_message"] = answered;
        }
        wire
    }

    fn wire_without_reply(&self, key: ChatKey, message: &Message) -> Value {
        let person = self.people.get(&key.person_id);
        let bot = self.bots.get(&key.bot_id);
        let from = if message.from_bot {
            bot.map(super::bot::Bot::user)
        } else {
            person.map(crate::Person::user)
        };
        let mut wire = json!({
            "message_id": message.id,
            "date": message.date,
            "chat": person.map(crate::Person::chat),
            "from": from,
        });
        if let Some(edit_date) = message.edit_date {
            wire["edit_date"] = edit_date.into();
        }
        if let Some(keyboard) = &message.inline_keyboard {
            wire["reply_markup"] = keyboard.clone();
        }
        if let Some(forwarded) = &message.forwarded {
            wire["forward_origin"] = json!({
                "type": "user",
                "date": forwarded.date,
                "sender_user": forwarded.sender,
            });
        }
        message.content.write_to(&mut wire);
        wire
    }
}
