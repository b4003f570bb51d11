//! Texts with their entities: parsed from HTML or Markdown, or with what Telegram finds by itself.
//! Offsets and lengths count UTF-16 units.

mod detect;
mod html;
mod markdown;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits;
use crate::wire::error::WireError;
use crate::wire::params::Params;

/// A text and what stands out in it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Formatted {
    pub(crate) text: String,
    pub(crate) entities: Vec<Entity>,
}

/// A stretch of a text that is bold, a link, a command and so on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entity {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) offset: usize,
    pub(crate) length: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) language: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) custom_emoji_id: Option<String>,
}

/// The names that `entities` may use.
const KINDS: [&str; 18] = [
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
    "bold",
    "italic",
    "underline",
    "strikethrough",
    "spoiler",
    "blockquote",
    "expandable_blockquote",
    "code",
    "pre",
    "text_link",
    "text_mention",
];

/// UTF-16 units of a text.
pub(crate) fn utf16_length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

impl Formatted {
    /// A text as a person types it.
    pub(crate) fn plain(text: &str) -> Self {
        let mut formatted = Self { text: text.to_owned(), entities: Vec::new() };
        formatted.detect();
        formatted
    }

    /// Length in UTF-16 units.
    pub(crate) fn units(&self) -> usize {
        utf16_length(&self.text)
    }

    /// Reads a text from a call: its parse mode, or its explicit entities.
    pub(crate) fn read(
        params: &Params,
        text_field: &str,
        entities_field: &str,
    ) -> Result<Self, WireError> {
        let text = params.text(text_field).unwrap_or_default();
        Self::parse(&text, params.text("parse_mode").as_deref(), params.json(entities_field)?)
    }

    /// As [`Self::read`], from the values themselves.
    pub(crate) fn parse(
        text: &str,
        parse_mode: Option<&str>,
        entities: Option<Value>,
    ) -> Result<Self, WireError> {
        let mode = parse_mode.unwrap_or_default().to_ascii_lowercase();
        let parsed = match mode.as_str() {
            "html" => html::parse(text),
            "markdownv2" => markdown::parse_v2(text),
            "markdown" => markdown::parse_old(text),
            "" | "none" => return Self::with_entities(text, entities),
            _ => return Err(WireError::bad_request("unsupported parse_mode")),
        };
        let mut formatted =
            parsed.map_err(|why| WireError::bad_request(format!("can't parse entities: {why}")))?;
        formatted.finish();
        Ok(formatted)
    }

    fn with_entities(text: &str, entities: Option<Value>) -> Result<Self, WireError> {
        let entities: Vec<Entity> = match entities {
            Some(value) => serde_json::from_value(value).map_err(|_| {
                WireError::bad_request("can't parse entities: Can't parse MessageEntity")
            })?,
            None => Vec::new(),
        };
        let known = |entity: &Entity| KINDS.contains(&entity.kind.as_str());
        if let Some(unknown) = entities.iter().find(|entity| !known(entity)) {
            return Err(WireError::bad_request(format!(
                "can't parse entities: Unsupported type \"{}\" specified",
                unknown.kind
            )));
        }
        let units = utf16_length(text);
        let inside = |entity: &Entity| entity.offset.saturating_add(entity.length) <= units;
        if !entities.iter().all(inside) {
            return Err(WireError::bad_request("entity beyond the end of the text"));
        }
        let mut formatted = Self { text: text.to_owned(), entities };
        formatted.finish();
        Ok(formatted)
    }

    /// Trims the text, drops empty entities, finds links and commands, and puts all into order.
    fn finish(&mut self) {
        let without_end = self.text.trim_end().len();
        self.text.truncate(without_end);
        let start = self.text.len() - self.text.trim_start().len();
        let cut: String = self.text.drain(..start).collect();
        let (skipped, units) = (utf16_length(&cut), self.units());
        for entity in &mut self.entities {
            let end = (entity.offset + entity.length).saturating_sub(skipped).min(units);
            entity.offset = entity.offset.saturating_sub(skipped).min(units);
            entity.length = end.saturating_sub(entity.offset);
        }
        self.entities.retain(|entity| entity.length > 0);
        self.detect();
        self.entities.truncate(limits::ENTITIES);
    }

    fn detect(&mut self) {
        let found = detect::find(&self.text, &self.entities);
        self.entities.extend(found);
        self.entities.sort_by_key(|entity| (entity.offset, usize::MAX - entity.length));
    }
}

/// A text that grows while it is parsed; knows where it is in UTF-16 units.
#[derive(Debug, Default)]
struct Builder {
    formatted: Formatted,
    units: usize,
}

impl Builder {
    fn push(&mut self, letter: char) {
        self.formatted.text.push(letter);
        self.units += letter.len_utf16();
    }

    /// Ends an entity that began at `offset`.
    fn close(&mut self, entity: Entity) {
        let length = self.units - entity.offset;
        if length > 0 {
            self.formatted.entities.push(Entity { length, ..entity });
        }
    }
}

/// Makes an entity for a link target; links to people become mentions.
fn link(offset: usize, url: &str) -> Option<Entity> {
    if let Some(id) = url.strip_prefix("tg://user?id=") {
        let id: i64 = id.parse().ok()?;
        let user = serde_json::json!({"id": id, "is_bot": false, "first_name": ""});
        let kind = "text_mention".to_owned();
        return Some(Entity { kind, offset, user: Some(user), ..Entity::default() });
    }
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let scheme = url.split("://").next().unwrap_or_default();
    let allowed = ["http", "https", "tg", "ton"].contains(&scheme) && !url.contains(' ');
    let kind = "text_link".to_owned();
    allowed.then(|| Entity { kind, offset, url: Some(url), ..Entity::default() })
}
