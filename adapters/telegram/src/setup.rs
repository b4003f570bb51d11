//! What a bot does before it works: proves its token, chooses how updates arrive, and names its
//! commands.

use kontor_domain::Language;
use kontor_projections::tenants;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use crate::{
    api::CallError, bots::Bot, conversation::menu::COMMANDS, intake::ALLOWED_UPDATES, offer::Offer,
    settings::Mode, texts::Voice,
};

/// Deliveries that Telegram may make at the same time; each is one insert.
const CONNECTIONS_MAX: u32 = 40;

/// Prepares a bot. What fails is tried again by the caller.
pub(crate) async fn prepare(bot: &Bot) -> Result<(), CallError> {
    call(bot, "getMe", json!({})).await?;
    match &bot.bot_settings.mode {
        Mode::Polling => no_webhook(bot).await?,
        Mode::Webhook { public_url, secret_token } => {
            let mut url = public_url.clone();
            url.path_segments_mut()
                .map_err(|()| CallError::Unsendable("the public address has no path".into()))?
                .pop_if_empty()
                .extend(["tg", bot.name()]);
            call(
                bot,
                "setWebhook",
                json!({
                    "url": url.as_str(),
                    "secret_token": secret_token.expose_secret(),
                    "allowed_updates": ALLOWED_UPDATES,
                    "max_connections": CONNECTIONS_MAX,
                }),
            )
            .await?;
        }
    }
    for parameters in command_lists(offer(bot).await) {
        // A bot works without its list of commands.
        if let Err(err) = call(bot, "setMyCommands", parameters).await {
            tracing::warn!(bot = bot.name(), "The commands were not named: {err}");
        }
    }
    Ok(())
}

/// What the bot's tenant offers. Meters while that is not known: the commands of the other are understood
/// all the same, they only do not stand in Telegram's list.
async fn offer(bot: &Bot) -> Offer {
    match tenants::find(bot.pool(), &bot.bot_settings.tenant).await {
        Ok(Some(tenant)) => Offer::of(&tenant),
        Ok(None) => Offer::METERS,
        Err(err) => {
            tracing::warn!(bot = bot.name(), "The tenant of the bot cannot be read: {err}");
            Offer::METERS
        }
    }
}

/// A webhook of earlier days would keep getUpdates from working.
pub(crate) async fn no_webhook(bot: &Bot) -> Result<(), CallError> {
    let info = call(bot, "getWebhookInfo", json!({})).await?;
    let url = info.get("url").and_then(Value::as_str).unwrap_or_default();
    if !url.is_empty() {
        tracing::info!(bot = bot.name(), "A webhook is removed, because the bot polls");
        call(bot, "deleteWebhook", json!({"drop_pending_updates": false})).await?;
    }
    Ok(())
}

/// The commands: in Russian for Telegrams in Russian, in English for all others.
fn command_lists(offer: Offer) -> [Value; 2] {
    let list = |language: Language| -> Vec<Value> {
        let voice = Voice::new(language);
        let offered = COMMANDS.into_iter().filter(|(_, intent)| intent.is_offered(offer));
        let described = offered.map(|(name, intent)| {
            json!({"command": name, "description": intent.description(voice, offer)})
        });
        described.collect()
    };
    let scope = json!({"type": "all_private_chats"});
    [
        json!({"commands": list(Language::En), "scope": scope}),
        json!({"commands": list(Language::Ru), "scope": scope, "language_code": "ru"}),
    ]
}

async fn call(bot: &Bot, method: &str, parameters: Value) -> Result<Value, CallError> {
    let parameters: Map<String, Value> = match parameters {
        Value::Object(parameters) => parameters,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    };
    bot.api.call(method, &parameters, bot.settings.call_timeout).await
}

#[cfg(test)]
mod tests {
    use super::{Offer, command_lists};

    #[test]
    fn the_lists_of_commands_keep_to_the_bot_api() {
        let everything = Offer { meters: true, credits: true, reset: true };
        let lists = [Offer::METERS, everything].into_iter().flat_map(command_lists);
        for list in lists {
            let commands = list["commands"].as_array().unwrap();
            assert!((1..=100).contains(&commands.len()));
            for command in commands {
                let name = command["command"].as_str().unwrap();
                let description = command["description"].as_str().unwrap();
                assert!(name.len() <= 32 && name.bytes().all(|b| b.is_ascii_lowercase()));
                assert!((1..=256).contains(&description.chars().count()));
            }
        }
    }
}
