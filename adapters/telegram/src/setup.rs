//! What a bot does before it works: proves its token and chooses how updates arrive; and how it keeps
//! Telegram's list of its commands as its tenant's rules are.

use kontor_domain::Language;
use kontor_projections::tenants;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

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
    Ok(())
}

/// Names the bot's commands to Telegram, and anew whenever its tenant offers something else, until
/// `stop`. A bot works without its list of commands, so what fails is tried again and holds up nothing.
pub(crate) async fn keep_commands(bot: &Bot, stop: CancellationToken) {
    let mut named: Option<Offer> = None;
    let mut failures = 0_u32;
    while !stop.is_cancelled() {
        let mut wait = bot.settings.commands_look_every;
        if let Some(offered) = offer(bot).await.filter(|offered| named != Some(*offered)) {
            match name_commands(bot, offered).await {
                Ok(()) => {
                    named = Some(offered);
                    failures = 0;
                }
                Err(err) => {
                    failures = failures.saturating_add(1);
                    wait = err.retry_after().unwrap_or_else(|| bot.pause(failures)).max(wait);
                    tracing::warn!(
                        bot = bot.name(),
                        "The commands were not named, again in {wait:?}: {err}"
                    );
                }
            }
        }
        stop.run_until_cancelled(tokio::time::sleep(wait)).await;
    }
}

async fn name_commands(bot: &Bot, offered: Offer) -> Result<(), CallError> {
    for parameters in command_lists(offered) {
        call(bot, "setMyCommands", parameters).await?;
    }
    Ok(())
}

/// What the bot's tenant offers: meters before it is created, nothing known while it cannot be read. The
/// commands of the other are understood all the same, they only do not stand in Telegram's list.
async fn offer(bot: &Bot) -> Option<Offer> {
    match tenants::find(bot.pool(), &bot.bot_settings.tenant).await {
        Ok(Some(tenant)) => Some(Offer::of(&tenant)),
        Ok(None) => Some(Offer::METERS),
        Err(err) => {
            tracing::warn!(bot = bot.name(), "The tenant of the bot cannot be read: {err}");
            None
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
