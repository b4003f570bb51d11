//! `reply_markup`: keyboards under a message and in place of the person's own.

use serde_json::{Value, json};

use crate::limits;
use crate::wire::error::WireError;
use crate::wire::params::Params;

/// What a `reply_markup` asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Markup {
    /// Buttons under the message.
    Inline(Value),
    /// A keyboard below the input, or the request to answer the message.
    Keyboard(Value),
    /// The keyboard below the input goes away.
    Remove,
}

impl Markup {
    /// Reads and checks the parameter `reply_markup`.
    pub(crate) fn read(params: &Params) -> Result<Option<Self>, WireError> {
        let Some(markup) = params.json("reply_markup")? else { return Ok(None) };
        if !markup.is_object() {
            return Err(WireError::bad_request("object expected as reply markup"));
        }
        if let Some(rows) = markup.get("inline_keyboard") {
            let rows = checked_rows(rows, limits::INLINE_BUTTONS, inline_button)?;
            return Ok(rows.map(|rows| Self::Inline(json!({"inline_keyboard": rows}))));
        }
        if let Some(rows) = markup.get("keyboard") {
            let rows = checked_rows(rows, limits::REPLY_BUTTONS, reply_button)?;
            let mut keyboard = markup.clone();
            keyboard["keyboard"] = rows
                .ok_or_else(|| WireError::bad_request("keyboard must have at least one button"))?;
            return Ok(Some(Self::Keyboard(keyboard)));
        }
        if markup["remove_keyboard"] == true {
            return Ok(Some(Self::Remove));
        }
        if markup["force_reply"] == true {
            return Ok(Some(Self::Keyboard(markup)));
        }
        Ok(None)
    }

    /// As [`Self::read`] where only buttons under the message are allowed.
    pub(crate) fn read_inline(params: &Params) -> Result<Option<Value>, WireError> {
        match Self::read(params)? {
            None => Ok(None),
            Some(Self::Inline(keyboard)) => Ok(Some(keyboard)),
            Some(Self::Keyboard(_) | Self::Remove) => {
                Err(WireError::bad_request("inline keyboard expected"))
            }
        }
    }
}

/// Checks rows of buttons; empty rows vanish, and `None` is a keyboard without any button.
fn checked_rows(
    rows: &Value,
    most: usize,
    check: fn(&Value) -> Result<Value, WireError>,
) -> Result<Option<Value>, WireError> {
    let not_rows = || WireError::bad_request("can't parse reply markup: Expected an Array of rows");
    let mut count = 0;
    let mut checked = Vec::new();
    for row in rows.as_array().ok_or_else(not_rows)? {
        let buttons = row.as_array().ok_or_else(not_rows)?;
        count += buttons.len();
        if count > most {
            return Err(WireError::bad_request("REPLY_MARKUP_TOO_LONG"));
        }
        let buttons = buttons.iter().map(check).collect::<Result<Vec<Value>, WireError>>()?;
        if !buttons.is_empty() {
            checked.push(Value::Array(buttons));
        }
    }
    Ok((!checked.is_empty()).then_some(Value::Array(checked)))
}

fn inline_button(button: &Value) -> Result<Value, WireError> {
    let text = button["text"].as_str().map(str::trim).unwrap_or_default();
    if text.is_empty() {
        return Err(WireError::bad_request(
            "can't parse inline keyboard button: Text must be non-empty",
        ));
    }
    if let Some(data) = button["callback_data"].as_str() {
        if !(1..=limits::CALLBACK_DATA_BYTES).contains(&data.len()) {
            return Err(WireError::bad_request("BUTTON_DATA_INVALID"));
        }
        return Ok(button.clone());
    }
    if let Some(url) = button["url"].as_str() {
        let allowed = ["http://", "https://", "tg://"].iter().any(|scheme| url.starts_with(scheme));
        if !allowed {
            return Err(WireError::bad_request(format!(
                "inline keyboard button URL '{url}' is invalid: Wrong HTTP URL"
            )));
        }
        return Ok(button.clone());
    }
    for kind in ["web_app", "login_url"] {
        if let Some(url) = button[kind]["url"].as_str() {
            check_app_url(url)?;
            return Ok(button.clone());
        }
    }
    let other = [
        "switch_inline_query",
        "switch_inline_query_current_chat",
        "switch_inline_query_chosen_chat",
        "copy_text",
        "callback_game",
        "pay",
    ];
    if other.iter().any(|kind| button.get(kind).is_some()) {
        return Ok(button.clone());
    }
    Err(WireError::bad_request(
        "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
    ))
}

fn reply_button(button: &Value) -> Result<Value, WireError> {
    let button = match button.as_str() {
        Some(text) => json!({"text": text}),
        None => button.clone(),
    };
    if button["text"].as_str().is_none_or(|text| text.trim().is_empty()) {
        return Err(WireError::bad_request("can't parse keyboard button: Text must be non-empty"));
    }
    if let Some(url) = button["web_app"]["url"].as_str() {
        check_app_url(url)?;
    }
    Ok(button)
}

/// Telegram opens apps over HTTPS only; on this machine plain HTTP is what there is.
fn check_app_url(url: &str) -> Result<(), WireError> {
    let is_local = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
        .iter()
        .filter_map(|start| url.strip_prefix(start))
        .any(|rest| rest.is_empty() || rest.starts_with([':', '/', '?', '#']));
    if url.starts_with("https://") || is_local {
        return Ok(());
    }
    Err(WireError::bad_request(format!(
        "inline keyboard button Web App URL '{url}' is invalid: Only HTTPS links are allowed"
    )))
}
