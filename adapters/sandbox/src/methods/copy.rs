//! copyMessage and forwardMessage.

use serde_json::{Value, json};

use super::Call;
use super::send::{check_caption, post};
use crate::text::Formatted;
use crate::wire::error::WireError;
use crate::world::bot::Bot;
use crate::world::chat::ChatKey;
use crate::world::message::{Forwarded, Message};
use crate::world::{Draft, World};

pub(super) fn copy_message(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let (key, mut message, _) = source(world, call, "copy")?;
    if call.params.text("caption").is_some() {
        let caption = Formatted::read(call.params, "caption", "caption_entities")?;
        let caption = check_caption(caption)?;
        if let Some(old) = message.content.caption_mut() {
            *old = caption;
        }
    }
    let draft = Draft { from_bot: true, ..Draft::from_person(message.content) };
    let sent = post(world, call, key, draft)?;
    Ok(json!({"message_id": sent["message_id"]}))
}

pub(super) fn forward_message(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let (key, message, sender) = source(world, call, "forward")?;
    let forwarded = message.forwarded.unwrap_or(Forwarded { sender, date: message.date });
    let draft =
        Draft { from_bot: true, forwarded: Some(forwarded), ..Draft::from_person(message.content) };
    post(world, call, key, draft)
}

/// The chat to write to, the message to take, and who wrote it.
fn source(
    world: &World,
    call: &Call<'_>,
    what: &str,
) -> Result<(ChatKey, Message, Value), WireError> {
    let key = world.writable_chat(call.bot_id, call.params.required_chat_id()?)?;
    let from_chat = call
        .params
        .integer("from_chat_id")?
        .ok_or_else(|| WireError::bad_request("chat_id is empty"))?;
    let message_id = call.params.required_message_id()?;
    let from_key = ChatKey { bot_id: call.bot_id, person_id: from_chat };
    let message = world
        .chats
        .get(&from_key)
        .and_then(|chat| chat.message(message_id))
        .cloned()
        .ok_or_else(|| WireError::bad_request(format!("message to {what} not found")))?;
    let sender = if message.from_bot {
        world.bots.get(&call.bot_id).map(Bot::user)
    } else {
        world.people.get(&from_chat).map(crate::Person::user)
    };
    Ok((key, message, sender.unwrap_or_default()))
}
