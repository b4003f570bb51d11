//! setWebhook and its kin; the delivery itself is in [`crate::delivery`].

use serde_json::{Value, json};

use super::Call;
use super::polling::allowed_updates;
use crate::wire::error::WireError;
use crate::wire::params::Params;
use crate::world::World;
use crate::world::updates::Webhook;

pub(super) fn set_webhook(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let url = call.params.text("url").unwrap_or_default();
    if url.is_empty() {
        return delete_webhook(world, call);
    }
    let webhook = Webhook {
        secret_token: secret_token(call.params)?,
        max_connections: call.params.integer("max_connections")?.unwrap_or(40).clamp(1, 100),
        ip_address: call.params.text("ip_address"),
        url: checked_url(url)?,
        last_error: None,
    };
    let allowed = allowed_updates(call.params)?;
    let bot = world.bot_mut(call.bot_id)?;
    if call.params.flag("drop_pending_updates") {
        bot.kept.queue.clear();
    }
    if let Some(allowed) = allowed {
        bot.kept.allowed_updates = Some(allowed);
    }
    bot.kept.webhook = Some(webhook);
    bot.wake();
    world.changed();
    Ok(Value::Bool(true))
}

/// Telegram demands HTTPS; a sandbox is used on one machine or in one network of containers,
/// where plain HTTP is what there is.
fn checked_url(url: String) -> Result<String, WireError> {
    let is_usable = reqwest::Url::parse(&url)
        .is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    if is_usable {
        return Ok(url);
    }
    Err(WireError::bad_request("bad webhook: An HTTPS URL must be provided for webhook"))
}

fn secret_token(params: &Params) -> Result<Option<String>, WireError> {
    let Some(secret) = params.text("secret_token").filter(|secret| !secret.is_empty()) else {
        return Ok(None);
    };
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if secret.len() > 256 {
        return Err(WireError::bad_request("secret token is too long"));
    }
    if !secret.bytes().all(allowed) {
        return Err(WireError::bad_request("secret token contains unallowed characters"));
    }
    Ok(Some(secret))
}

pub(super) fn delete_webhook(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let bot = world.bot_mut(call.bot_id)?;
    if call.params.flag("drop_pending_updates") {
        bot.kept.queue.clear();
    }
    bot.kept.webhook = None;
    bot.wake();
    world.changed();
    Ok(Value::Bool(true))
}

pub(super) fn get_webhook_info(world: &mut World, call: &Call<'_>) -> Result<Value, WireError> {
    let kept = &world.bot(call.bot_id)?.kept;
    let mut info = json!({
        "url": kept.webhook.as_ref().map_or("", |webhook| webhook.url.as_str()),
        "has_custom_certificate": false,
        "pending_update_count": kept.queue.len(),
    });
    if let Some(webhook) = &kept.webhook {
        info["max_connections"] = webhook.max_connections.into();
        if let Some(address) = &webhook.ip_address {
            info["ip_address"] = address.as_str().into();
        }
        if let Some((date, message)) = &webhook.last_error {
            info["last_error_date"] = (*date).into();
            info["last_error_message"] = message.as_str().into();
        }
    }
    if let Some(allowed) = kept.allowed_updates.as_ref().filter(|allowed| !allowed.is_empty()) {
        info["allowed_updates"] = json!(allowed);
    }
    Ok(info)
}
