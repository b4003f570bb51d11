//! What a person did, read from an update.

use kontor_domain::Money;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use teloxide::types::{CallbackQuery, Chat, ChatMemberKind, ChatMemberUpdated, Message, User};

use crate::checkout;

/// An update as the conversation sees it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Input {
    /// The chat that it came from and that replies go to.
    pub(crate) chat_id: i64,
    /// A chat with one person, not a group.
    pub(crate) is_private: bool,
    /// Who did it.
    pub(crate) person: Person,
    /// What they did.
    pub(crate) act: Act,
}

/// Who wrote, as Telegram says. Personal data: never log it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) first_name: String,
    pub(crate) last_name: Option<String>,
    pub(crate) username: Option<String>,
    pub(crate) language_code: Option<String>,
}

/// What a person did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    /// A command such as `/start`, without the slash and the bot's name, in lower case.
    Command { name: String, argument: String },
    /// Any other text.
    Text(String),
    /// A photo: Telegram's id of the largest size.
    Photo { file_id: String, caption: Option<String> },
    /// A telephone number out of the address book, or the person's own.
    Contact { phone: String, owner_id: Option<i64> },
    /// A message of a kind that the bot does not read, such as a sticker or a voice message.
    OtherMessage,
    /// A button under a message.
    Press { data: String, message_id: Option<i32> },
    /// The person blocked or unblocked the bot.
    Membership { blocked: bool },
    /// Telegram says that the person paid.
    Paid(Receipt),
    /// Telegram says that the person was paid back.
    PaidBack(Receipt),
}

/// What Telegram says of a payment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Receipt {
    /// Telegram's id of the charge.
    pub(crate) charge: String,
    /// What the bot wrote into the invoice.
    pub(crate) payload: String,
    /// None in a currency that is not known.
    pub(crate) amount: Option<Money>,
}

/// Reads an update. None when it asks for nothing: an edited message, a post of a channel, a
/// service message, or a kind that this build does not know.
///
/// The parts are read one by one, not as a whole: teloxide's `Update` takes any kind that it cannot
/// read for an error of its own, and loses kinds when it reads from a parsed value.
pub(crate) fn read(payload: &Value) -> Option<Input> {
    if let Some(message) = payload.get("message") {
        return from_message(message);
    }
    if let Some(query) = part::<CallbackQuery>(payload, "callback_query") {
        return from_press(query);
    }
    part::<ChatMemberUpdated>(payload, "my_chat_member").and_then(|change| from_membership(&change))
}

fn part<T: DeserializeOwned>(payload: &Value, name: &str) -> Option<T> {
    let value = payload.get(name)?;
    T::deserialize(value).map_err(|err| newer_shape(name, &err)).ok()
}

fn newer_shape(name: &str, err: &serde_json::Error) {
    // The reader's words may repeat what a person wrote; its class does not.
    tracing::warn!(
        update.part = name,
        "A `{name}` of a newer shape cannot be read ({:?})",
        err.classify()
    );
}

/// The update's number, read from the raw JSON so that kinds of a newer Bot API are stored too.
pub(crate) fn update_id(payload: &Value) -> Option<i64> {
    payload.get("update_id").and_then(Value::as_i64).filter(|id| *id >= 0)
}

/// What updates are kept in order by: the chat, or the person where there is none.
pub(crate) fn order_key(payload: &Value) -> String {
    let parts = payload.as_object().into_iter().flatten().map(|(_, part)| part);
    let mut parts = parts.filter(|part| part.is_object());
    let found = parts.find_map(|part| {
        ["/chat/id", "/message/chat/id", "/from/id", "/user/id"]
            .iter()
            .find_map(|pointer| part.pointer(pointer).and_then(Value::as_i64))
    });
    found.unwrap_or(0).to_string()
}

/// The id of a button press, which has to be answered at once.
pub(crate) fn callback_query_id(payload: &Value) -> Option<&str> {
    payload.pointer("/callback_query/id").and_then(Value::as_str)
}

fn from_message(raw: &Value) -> Option<Input> {
    let user: User = part(raw, "from")?;
    let chat: Chat = part(raw, "chat")?;
    if user.is_bot {
        return None;
    }
    let known = Message::deserialize(raw).map_err(|err| newer_shape("message", &err)).ok();
    let receipt = |kind: &str| raw.get(kind).and_then(receipt);
    let of_payment = receipt("successful_payment").map(Act::Paid);
    let of_payment = of_payment.or_else(|| receipt("refunded_payment").map(Act::PaidBack));
    let sent_something = CONTENT.iter().any(|kind| raw.get(kind).is_some());
    let act = of_payment.or_else(|| known.as_ref().and_then(act_of));
    let act = act.or(sent_something.then_some(Act::OtherMessage))?;
    Some(Input { chat_id: chat.id.0, is_private: chat.is_private(), person: person(&user)?, act })
}

fn receipt(said: &Value) -> Option<Receipt> {
    let text = |name: &str| said.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(Receipt {
        charge: text("telegram_payment_charge_id")?,
        payload: text("invoice_payload").unwrap_or_default(),
        amount: checkout::amount(said),
    })
}

/// What a person may send besides texts, photos and contacts; a message without any of these is a
/// service message, such as a pinned one.
const CONTENT: [&str; 18] = [
    "animation",
    "audio",
    "checklist",
    "contact",
    "dice",
    "document",
    "game",
    "location",
    "paid_media",
    "photo",
    "poll",
    "sticker",
    "story",
    "text",
    "venue",
    "video",
    "video_note",
    "voice",
];

fn act_of(message: &Message) -> Option<Act> {
    if let Some(text) = message.text() {
        return Some(command(text).unwrap_or_else(|| Act::Text(text.to_owned())));
    }
    if let Some(sizes) = message.photo() {
        let largest = sizes.iter().max_by_key(|size| size.width)?;
        return Some(Act::Photo {
            file_id: largest.file.id.0.clone(),
            caption: message.caption().map(str::to_owned),
        });
    }
    message.contact().map(|contact| Act::Contact {
        phone: contact.phone_number.clone(),
        owner_id: contact.user_id.and_then(|id| i64::try_from(id.0).ok()),
    })
}

fn from_press(query: CallbackQuery) -> Option<Input> {
    let person = person(&query.from)?;
    let chat = query.message.as_ref().map(|message| message.chat());
    let is_private = chat.is_none_or(Chat::is_private);
    Some(Input {
        chat_id: chat.map_or(person.id, |chat| chat.id.0),
        is_private,
        act: Act::Press {
            data: query.data.unwrap_or_default(),
            message_id: query.message.as_ref().map(|message| message.id().0),
        },
        person,
    })
}

fn from_membership(change: &ChatMemberUpdated) -> Option<Input> {
    let blocked = match change.new_chat_member.kind {
        ChatMemberKind::Banned(_) => true,
        ChatMemberKind::Member(_) => false,
        ChatMemberKind::Owner(_)
        | ChatMemberKind::Administrator(_)
        | ChatMemberKind::Restricted(_)
        | ChatMemberKind::Left => return None,
    };
    Some(Input {
        chat_id: change.chat.id.0,
        is_private: change.chat.is_private(),
        person: person(&change.from)?,
        act: Act::Membership { blocked },
    })
}

/// The person in an update that teloxide does not read.
pub(crate) fn raw_person(from: &Value) -> Option<Person> {
    User::deserialize(from).ok().as_ref().and_then(person)
}

fn person(user: &User) -> Option<Person> {
    Some(Person {
        id: i64::try_from(user.id.0).ok()?,
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone(),
        username: user.username.clone(),
        language_code: user.language_code.clone(),
    })
}

/// Splits `/start@bot payload` into its parts.
fn command(text: &str) -> Option<Act> {
    let rest = text.trim_start().strip_prefix('/')?;
    let (word, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let name = word.split('@').next().unwrap_or_default().to_lowercase();
    let well_formed =
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    well_formed.then(|| Act::Command { name, argument: argument.trim().to_owned() })
}

#[cfg(test)]
mod tests;
