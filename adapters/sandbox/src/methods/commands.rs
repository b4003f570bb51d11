//! The bot's commands, menu button, name and descriptions.

use serde_json::{Value, json};

use super::Call;
use crate::limits;
use crate::wire::error::WireError;
use crate::wire::params::Params;
use crate::world::World;
use crate::world::bot::{CommandList, Scope};
use crate::world::chat::ChatKey;

/// The scopes that need a chat, and all others.
const CHAT_SCOPES: [&str; 3] = ["chat", "chat_administrators", "chat_member"];
const WIDE_SCOPES: [&str; 4] =
    ["default", "all_private_chats", "all_group_chats", "all_chat_administrators"];

pub(super) fn set_my_commands(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let commands = call
        .params
        .json("commands")?
        .and_then(|commands| commands.as_array().cloned())
        .ok_or_else(|| WireError::bad_request("can't parse commands: Expected an Array"))?;
    if commands.len() > limits::COMMANDS {
        return Err(WireError::bad_request("BOT_COMMANDS_TOO_MUCH"));
    }
    let commands = commands.iter().map(checked_command).collect::<Result<Vec<_>, _>>()?;
    replace(world, call, commands)
}

pub(super) fn delete_my_commands(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    replace(world, call, Vec::new())
}

fn replace(world: &mut World, call: &Call<'_>, commands: Vec<Value>) -> Result<Value, WireError> {
    let (scope, language_code) = (scope_of(call.params)?, language_of(call.params)?);
    let lists = &mut world.bot_mut(call.bot_id)?.kept.commands;
    lists.retain(|list| list.scope != scope || list.language_code != language_code);
    if !commands.is_empty() {
        // Every person may have an own list in a few languages; more is a mistake.
        if lists.len() >= 4 * limits::PEOPLE {
            return Err(WireError::bad_request("BOT_COMMANDS_TOO_MUCH"));
        }
        lists.push(CommandList { scope, language_code, commands });
    }
    tell_chats(world, call.bot_id);
    Ok(Value::Bool(true))
}

/// The pages show commands and menu button per chat.
fn tell_chats(world: &mut World, bot_id: i64) {
    let people: Vec<i64> = world.people.keys().copied().collect();
    for person_id in people {
        world.tell_chat(ChatKey { bot_id, person_id });
    }
}

fn checked_command(command: &Value) -> Result<Value, WireError> {
    let name = command["command"].as_str().unwrap_or_default().trim_start_matches('/');
    let description = command["description"].as_str().unwrap_or_default().trim();
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if !(1..=32).contains(&name.len()) || !name.bytes().all(letter) {
        return Err(WireError::bad_request("BOT_COMMAND_INVALID"));
    }
    if !(1..=256).contains(&description.chars().count()) {
        return Err(WireError::bad_request("BOT_COMMAND_DESCRIPTION_INVALID"));
    }
    Ok(json!({"command": name, "description": description}))
}

fn scope_of(params: &Params) -> Result<Scope, WireError> {
    let scope = params.json("scope")?.unwrap_or_else(|| json!({"type": "default"}));
    let kind = scope["type"].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| {
        scope[name].as_i64().or_else(|| scope[name].as_str().and_then(|text| text.parse().ok()))
    };
    if WIDE_SCOPES.contains(&kind.as_str()) {
        return Ok(Scope { kind, chat_id: None, user_id: None });
    }
    if !CHAT_SCOPES.contains(&kind.as_str()) {
        return Err(WireError::bad_request(
            "can't parse BotCommandScope: Unsupported type specified",
        ));
    }
    let chat_id = number("chat_id").ok_or_else(|| WireError::bad_request("chat not found"))?;
    Ok(Scope { kind, chat_id: Some(chat_id), user_id: number("user_id") })
}

fn language_of(params: &Params) -> Result<String, WireError> {
    let language = params.text("language_code").unwrap_or_default();
    let is_code = language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase());
    if language.is_empty() || is_code {
        return Ok(language);
    }
    Err(WireError::bad_request("invalid language code specified"))
}

pub(super) fn get_my_commands(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let (scope, language_code) = (scope_of(call.params)?, language_of(call.params)?);
    let lists = &world.bot(call.bot_id)?.kept.commands;
    let found =
        lists.iter().find(|list| list.scope == scope && list.language_code == language_code);
    Ok(json!(found.map_or(&[] as &[Value], |list| &list.commands)))
}

pub(super) fn set_chat_menu_button(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let button = call.params.json("menu_button")?.unwrap_or_else(|| json!({"type": "default"}));
    let usable = match button["type"].as_str().unwrap_or_default() {
        "default" | "commands" => true,
        "web_app" => button["text"].is_string() && button["web_app"]["url"].is_string(),
        _ => false,
    };
    if !usable {
        return Err(WireError::bad_request("can't parse MenuButton: Unsupported type specified"));
    }
    let chat_id = call.params.integer("chat_id")?;
    if chat_id.is_some_and(|id| !world.people.contains_key(&id)) {
        return Err(WireError::bad_request("chat not found"));
    }
    let kept = &mut world.bot_mut(call.bot_id)?.kept;
    match chat_id {
        Some(chat_id) => drop(kept.chat_menu_buttons.insert(chat_id, button)),
        None => kept.menu_button = Some(button),
    }
    tell_chats(world, call.bot_id);
    Ok(Value::Bool(true))
}

pub(super) fn get_chat_menu_button(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let chat_id = call.params.integer("chat_id")?.unwrap_or_default();
    Ok(world.bot(call.bot_id)?.menu_button_for(chat_id))
}

pub(super) fn set_my_name(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    set_text(world, call, "name", 64)
}

pub(super) fn get_my_name(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let name = text(world, call, "name")?;
    let title = world.bot(call.bot_id)?.settings.title.clone();
    Ok(json!({"name": name.unwrap_or(title)}))
}

pub(super) fn set_my_description(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    set_text(world, call, "description", 512)
}

pub(super) fn get_my_description(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    Ok(json!({"description": text(world, call, "description")?.unwrap_or_default()}))
}

pub(super) fn set_my_short_description(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, WireError> {
    set_text(world, call, "short_description", 120)
}

pub(super) fn get_my_short_description(
    world: &mut World,
    call: &Call<'_>,
) -> Result<Value, WireError> {
    let description = text(world, call, "short_description")?.unwrap_or_default();
    Ok(json!({"short_description": description}))
}

fn set_text(
    world: &mut World,
    call: &Call<'_>,
    what: &str,
    most: usize,
) -> Result<Value, WireError> {
    let language = language_of(call.params)?;
    let text = call.params.text(what).unwrap_or_default();
    if text.chars().count() > most {
        return Err(WireError::bad_request(format!("{what} is too long")));
    }
    let texts = &mut world.bot_mut(call.bot_id)?.kept.texts;
    let key = format!("{what}:{language}");
    if text.is_empty() {
        texts.remove(&key);
    } else {
        texts.insert(key, text);
    }
    tell_chats(world, call.bot_id);
    Ok(Value::Bool(true))
}

fn text(world: &World, call: &Call<'_>, what: &str) -> Result<Option<String>, WireError> {
    let language = language_of(call.params)?;
    let bot = world.bot(call.bot_id)?;
    Ok(bot.text_for(what, &language).map(str::to_owned))
}
