//! Questions about the bot, people and files.

use serde_json::{Value, json};

use super::Call;
use crate::limits;
use crate::wire::error::WireError;
use crate::world::World;
use crate::world::chat::ChatKey;

pub(super) fn get_me(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    world.bot(call.bot_id).map(crate::world::bot::Bot::me)
}

pub(super) fn get_chat(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let chat_id = call.params.required_chat_id()?;
    let key = ChatKey { bot_id: call.bot_id, person_id: chat_id };
    let is_known = world.chats.get(&key).is_some_and(|chat| chat.started);
    let person = world
        .people
        .get(&chat_id)
        .filter(|_| is_known)
        .ok_or_else(|| WireError::bad_request("chat not found"))?;
    let mut chat = person.chat();
    chat["accent_color_id"] = (chat_id.unsigned_abs() % 7).into();
    chat["max_reaction_count"] = 11.into();
    chat["accepted_gift_types"] = json!({
        "unlimited_gifts": false,
        "limited_gifts": false,
        "unique_gifts": false,
        "premium_subscription": false,
    });
    Ok(chat)
}

pub(super) fn get_chat_member(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let chat_id = call.params.required_chat_id()?;
    let user_id = call.params.integer("user_id")?.unwrap_or_default();
    let person =
        world.people.get(&chat_id).ok_or_else(|| WireError::bad_request("chat not found"))?;
    let user = if user_id == chat_id { person.user() } else { world.bot(call.bot_id)?.user() };
    if user["id"] != user_id {
        return Err(WireError::bad_request("user not found"));
    }
    Ok(json!({"status": "member", "user": user}))
}

pub(super) fn get_user_profile_photos(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, WireError> {
    let user_id = call.params.integer("user_id")?.unwrap_or_default();
    if !world.people.contains_key(&user_id) {
        return Err(WireError::bad_request("user not found"));
    }
    Ok(json!({"total_count": 0, "photos": []}))
}

pub(super) fn get_file(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let file_id = call.params.text("file_id").unwrap_or_default();
    let file = world
        .files
        .get(&file_id)
        .filter(|file| file.bot_id == call.bot_id)
        .ok_or_else(|| WireError::bad_request("invalid file_id"))?;
    if file.size > limits::DOWNLOAD_BYTES {
        return Err(WireError::bad_request("file is too big"));
    }
    Ok(file.wire())
}
