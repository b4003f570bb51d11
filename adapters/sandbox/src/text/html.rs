//! Telegram's HTML: a handful of tags, strictly nested, and four named entities.

use super::{Builder, Entity, Formatted, link};

/// A tag that was opened and not yet closed.
struct Open {
    tag: String,
    entity: Option<Entity>,
}

/// Parses a text.
///
/// # Errors
///
/// What Telegram would say after `can't parse entities: `.
pub(super) fn parse(text: &str) -> Result<Formatted, String> {
    let mut builder = Builder::default();
    let mut open: Vec<Open> = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let at = text.len() - rest.len();
        if letter == '<' {
            let end =
                rest.find('>').ok_or_else(|| format!("Unclosed start tag at byte offset {at}"))?;
            let tag = rest.get(1..end).unwrap_or_default();
            rest = rest.get(end + 1..).unwrap_or_default();
            match tag.strip_prefix('/') {
                Some(name) => close(&mut builder, &mut open, name.trim(), at)?,
                None => open.push(start(tag, builder.units, at)?),
            }
            continue;
        }
        let (decoded, length) =
            if letter == '&' { decode(rest) } else { (letter, letter.len_utf8()) };
        builder.push(decoded);
        rest = rest.get(length..).unwrap_or_default();
    }
    if let Some(last) = open.last() {
        return Err(format!("Can't find end tag corresponding to start tag \"{}\"", last.tag));
    }
    Ok(builder.formatted)
}

fn start(tag: &str, offset: usize, at: usize) -> Result<Open, String> {
    let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
    let name = name.to_ascii_lowercase();
    let plain = |kind: &str| Some(Entity { kind: kind.to_owned(), offset, ..Entity::default() });
    let entity = match name.as_str() {
        "b" | "strong" => plain("bold"),
        "i" | "em" => plain("italic"),
        "u" | "ins" => plain("underline"),
        "s" | "strike" | "del" => plain("strikethrough"),
        "tg-spoiler" => plain("spoiler"),
        "span" if attribute(attributes, "class").as_deref() == Some("tg-spoiler") => {
            plain("spoiler")
        }
        "span" => {
            return Err(format!("Tag \"span\" must have class \"tg-spoiler\" at byte offset {at}"));
        }
        "blockquote" if attributes.split_whitespace().any(|word| word == "expandable") => {
            plain("expandable_blockquote")
        }
        "blockquote" => plain("blockquote"),
        "pre" => plain("pre"),
        "code" => plain("code").map(|entity| Entity {
            language: attribute(attributes, "class")
                .and_then(|class| class.strip_prefix("language-").map(str::to_owned)),
            ..entity
        }),
        "a" => attribute(attributes, "href").and_then(|url| link(offset, &url)),
        // Own emoji need a paid name; everybody else sees the letter inside, and so do we.
        "tg-emoji" => None,
        _ => return Err(format!("Unsupported start tag \"{name}\" at byte offset {at}")),
    };
    Ok(Open { tag: name, entity })
}

fn close(builder: &mut Builder, open: &mut Vec<Open>, name: &str, at: usize) -> Result<(), String> {
    let Some(last) = open.pop() else {
        return Err(format!("Unexpected end tag at byte offset {at}"));
    };
    if !name.is_empty() && !last.tag.eq_ignore_ascii_case(name) {
        let expected = last.tag;
        return Err(format!(
            "Unmatched end tag at byte offset {at}, expected \"</{expected}>\", found \"</{name}>\""
        ));
    }
    let Some(mut entity) = last.entity else { return Ok(()) };
    // `<pre><code class="language-x">` is one block with a language.
    let around = open.last_mut().and_then(|outer| outer.entity.as_mut());
    if let Some(outer) = around.filter(|outer| entity.kind == "code" && outer.kind == "pre") {
        outer.language = entity.language.take();
        return Ok(());
    }
    if entity.kind == "code" {
        entity.language = None;
    }
    builder.close(entity);
    Ok(())
}

/// The value of an attribute, with or without quotes.
fn attribute(attributes: &str, name: &str) -> Option<String> {
    let mut rest = attributes.trim_start();
    while !rest.is_empty() {
        let key_end =
            rest.find(|letter: char| letter == '=' || letter.is_whitespace()).unwrap_or(rest.len());
        let (key, after) = rest.split_at(key_end);
        let Some(after) = after.strip_prefix('=') else {
            rest = after.trim_start();
            continue;
        };
        let (value, after) = match after.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                let inner = after.get(1..)?;
                let end = inner.find(quote)?;
                (inner.get(..end)?, inner.get(end + 1..)?)
            }
            _ => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(decode_all(value));
        }
        rest = after.trim_start();
    }
    None
}

fn decode_all(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let (letter, length) =
            if letter == '&' { decode(rest) } else { (letter, letter.len_utf8()) };
        decoded.push(letter);
        rest = rest.get(length..).unwrap_or_default();
    }
    decoded
}

/// The letter that a text starting with `&` stands for, and the bytes it takes.
fn decode(text: &str) -> (char, usize) {
    for (name, letter) in [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&quot;", '"')] {
        if text.starts_with(name) {
            return (letter, name.len());
        }
    }
    numeric(text).unwrap_or(('&', 1))
}

fn numeric(text: &str) -> Option<(char, usize)> {
    let digits = text.strip_prefix("&#")?;
    let end = digits.find(';').filter(|end| *end <= 8)?;
    let number = digits.get(..end)?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    Some((char::from_u32(code)?, 2 + end + 1))
}
