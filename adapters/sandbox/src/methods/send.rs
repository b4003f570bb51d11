//! sendMessage, sendPhoto and the like.

use serde_json::Value;

use super::Call;
use crate::limits;
use crate::markup::Markup;
use crate::text::Formatted;
use crate::wire::error::WireError;
use crate::world::chat::ChatKey;
use crate::world::events::Event;
use crate::world::message::{Contact, Content};
use crate::world::{Draft, World};

/// What `sendChatAction` may say.
const ACTIONS: [&str; 11] = [
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];

pub(super) fn send_message(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let text = Formatted::read(call.params, "text", "entities")?;
    let text = check_text(text)?;
    send(world, call, Content::Text { text })
}

pub(super) fn send_photo(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let caption = Formatted::read(call.params, "caption", "caption_entities")?;
    let caption = check_caption(caption)?;
    let photo = call
        .file
        .as_ref()
        .and_then(crate::files::FileEntry::photo)
        .ok_or_else(|| WireError::bad_request("IMAGE_PROCESS_FAILED"))?;
    send(world, call, Content::Photo { photo, caption })
}

pub(super) fn send_document(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let caption = Formatted::read(call.params, "caption", "caption_entities")?;
    let caption = check_caption(caption)?;
    let document = call
        .file
        .as_ref()
        .map(crate::files::FileEntry::document)
        .ok_or_else(|| WireError::bad_request("there is no document in the request"))?;
    send(world, call, Content::Document { document, caption })
}

pub(super) fn send_contact(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let required = |name: &str| {
        call.params
            .text(name)
            .filter(|text| !text.trim().is_empty())
            .ok_or_else(|| WireError::bad_request(format!("{name} is empty")))
    };
    let contact = Contact {
        phone_number: required("phone_number")?,
        first_name: required("first_name")?,
        last_name: call.params.text("last_name"),
        user_id: 0,
    };
    send(world, call, Content::Contact { contact })
}

pub(super) fn send_chat_action(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let key = world.writable_chat(call.bot_id, call.params.required_chat_id()?)?;
    let action = call.params.text("action").unwrap_or_default().to_ascii_lowercase();
    if !ACTIONS.contains(&action.as_str()) {
        return Err(WireError::bad_request("wrong parameter action in request"));
    }
    let bot = world.bot_name(call.bot_id);
    world.events.tell(Event::Action { bot, person_id: key.person_id, action });
    Ok(Value::Bool(true))
}

pub(super) fn check_text(text: Formatted) -> Result<Formatted, WireError> {
    if text.text.is_empty() {
        return Err(WireError::bad_request("message text is empty"));
    }
    if text.units() > limits::TEXT_UNITS {
        return Err(WireError::bad_request("message is too long"));
    }
    Ok(text)
}

pub(super) fn check_caption(caption: Formatted) -> Result<Formatted, WireError> {
    if caption.units() > limits::CAPTION_UNITS {
        return Err(WireError::bad_request("message caption is too long"));
    }
    Ok(caption)
}

/// Sends a message with the call's chat, markup and answered message.
pub(super) fn send(
    world: &mut World,
    call: &Call<'_>,
    content: Content,
) -> Result<Value, WireError> {
    let key = world.writable_chat(call.bot_id, call.params.required_chat_id()?)?;
    let draft = Draft { from_bot: true, ..Draft::from_person(content) };
    post(world, call, key, draft)
}

/// Posts a bot's message after checking the parts that all kinds have in common.
pub(super) fn post(
    world: &mut World,
    call: &Call<'_>,
    key: ChatKey,
    mut draft: Draft,
) -> Result<Value, WireError> {
    let markup = Markup::read(call.params)?;
    draft.reply_to = checked_reply(world, call, key)?;
    let chat = world.chat_mut(key);
    match markup {
        None => {}
        Some(Markup::Inline(keyboard)) => draft.inline_keyboard = Some(keyboard),
        Some(Markup::Keyboard(keyboard)) => chat.keyboard = Some(keyboard),
        Some(Markup::Remove) => chat.keyboard = None,
    }
    let message = world.post(key, draft);
    Ok(world.wire(key, &message))
}

fn checked_reply(world: &World, call: &Call<'_>, key: ChatKey) -> Result<Option<i64>, WireError> {
    let Some(id) = call.params.reply_to()? else { return Ok(None) };
    let is_there = world.chats.get(&key).is_some_and(|chat| chat.message(id).is_some());
    let reply = call.params.json("reply_parameters")?.unwrap_or_default();
    let may_be_missing = reply["allow_sending_without_reply"].as_bool().unwrap_or_default()
        || call.params.flag("allow_sending_without_reply");
    if is_there || may_be_missing {
        return Ok(Some(id).filter(|_| is_there));
    }
    Err(WireError::bad_request("message to be replied not found"))
}
