//! Changing and deleting messages.

use serde_json::Value;

use super::Call;
use super::media::caption_of;
use super::send::{check_caption, check_text};
use crate::limits;
use crate::markup::Markup;
use crate::text::Formatted;
use crate::wire::error::WireError;
use crate::world::chat::ChatKey;
use crate::world::events::Event;
use crate::world::message::{Content, Message};
use crate::world::{World, now_seconds};

pub(super) fn edit_message_text(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let text = check_text(Formatted::read(call.params, "text", "entities")?)?;
    let keyboard = Markup::read_inline(call.params)?;
    edit(world, call, |message| {
        message.inline_keyboard = keyboard;
        match &mut message.content {
            Content::Text { text: old } => *old = text,
            Content::Photo { .. }
            | Content::Document { .. }
            | Content::Contact { .. }
            | Content::Invoice { .. }
            | Content::Paid { .. }
            | Content::PaidBack { .. } => {
                return Err(WireError::bad_request("there is no text in the message to edit"));
            }
        }
        Ok(())
    })
}

pub(super) fn edit_message_caption(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let caption = check_caption(Formatted::read(call.params, "caption", "caption_entities")?)?;
    let keyboard = Markup::read_inline(call.params)?;
    edit(world, call, |message| {
        message.inline_keyboard = keyboard;
        let old = message
            .content
            .caption_mut()
            .ok_or_else(|| WireError::bad_request("there is no caption in the message to edit"))?;
        *old = caption;
        Ok(())
    })
}

pub(super) fn edit_message_reply_markup(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, WireError> {
    let keyboard = Markup::read_inline(call.params)?;
    edit(world, call, |message| {
        message.inline_keyboard = keyboard;
        Ok(())
    })
}

pub(super) fn edit_message_media(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let media = call.params.json("media")?.unwrap_or_default();
    let caption = caption_of(&media)?;
    let file = call.file.as_ref().ok_or_else(|| WireError::bad_request("media not found"))?;
    let content = match file.photo().filter(|_| media["type"] == "photo") {
        Some(photo) => Content::Photo { photo, caption },
        None => Content::Document { document: file.document(), caption },
    };
    let keyboard = Markup::read_inline(call.params)?;
    edit(world, call, |message| {
        message.inline_keyboard = keyboard;
        if matches!(
            message.content,
            Content::Contact { .. }
                | Content::Invoice { .. }
                | Content::Paid { .. }
                | Content::PaidBack { .. }
        ) {
            return Err(WireError::bad_request("message can't be edited"));
        }
        message.content = content;
        Ok(())
    })
}

/// Changes a message of the bot and tells the pages, unless nothing changed.
fn edit(
    world: &mut World,
    call: &Call<'_>,
    change: impl FnOnce(&mut Message) -> Result<(), WireError>,
) -> Result<Value, WireError> {
    if call.params.text("inline_message_id").is_some() {
        return Err(WireError::bad_request("MESSAGE_ID_INVALID"));
    }
    let key = readable_chat(world, call)?;
    let message_id = call.params.required_message_id()?;
    let message = world
        .chat_mut(key)
        .message_mut(message_id)
        .ok_or_else(|| WireError::bad_request("message to edit not found"))?;
    if !message.from_bot {
        return Err(WireError::bad_request("message can't be edited"));
    }
    let mut changed = message.clone();
    change(&mut changed)?;
    if changed == *message {
        return Err(WireError::bad_request(
            "message is not modified: specified new message content and reply markup are exactly \
             the same as a current content and reply markup of the message",
        ));
    }
    // New buttons alone do not make a message "edited" in the eyes of people.
    if changed.content != message.content {
        changed.edit_date = Some(now_seconds());
    }
    *message = changed.clone();
    world.tell_edited(key, &changed);
    Ok(world.wire(key, &changed))
}

/// The chat whose messages the bot may change; blocking does not matter for that.
pub(super) fn readable_chat(world: &World, call: &Call<'_>) -> Result<ChatKey, WireError> {
    let person_id = call.params.required_chat_id()?;
    let key = ChatKey { bot_id: call.bot_id, person_id };
    if world.chats.get(&key).is_some_and(|chat| chat.started) {
        return Ok(key);
    }
    Err(WireError::bad_request("chat not found"))
}

pub(super) fn delete_message(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let key = readable_chat(world, call)?;
    let message_id = call.params.required_message_id()?;
    let date = world
        .chat_mut(key)
        .message(message_id)
        .map(|message| message.date)
        .ok_or_else(|| WireError::bad_request("message to delete not found"))?;
    if now_seconds() - date > limits::DELETABLE_SECONDS {
        return Err(WireError::bad_request("message can't be deleted for everyone"));
    }
    remove(world, key, message_id);
    Ok(Value::Bool(true))
}

/// Deletes what is there of up to 100 messages; those that are missing are passed over.
pub(super) fn delete_messages(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let key = readable_chat(world, call)?;
    let ids: Vec<i64> = call
        .params
        .json("message_ids")?
        .and_then(|ids| serde_json::from_value(ids).ok())
        .filter(|ids: &Vec<i64>| (1..=100).contains(&ids.len()))
        .ok_or_else(|| WireError::bad_request("message identifiers are not specified"))?;
    for message_id in ids {
        remove(world, key, message_id);
    }
    Ok(Value::Bool(true))
}

fn remove(world: &mut World, key: ChatKey, message_id: i64) {
    if world.chat_mut(key).remove(message_id).is_some() {
        let bot = world.bot_name(key.bot_id);
        world.tell(Event::MessageDeleted { bot, person_id: key.person_id, message_id });
    }
}
