//! What Telegram finds in a text by itself: commands, mentions, hashtags and links.

use super::{Entity, utf16_length};

/// Finds them, word by word, outside of code and explicit links.
pub(super) fn find(text: &str, taken: &[Entity]) -> Vec<Entity> {
    let opaque: Vec<(usize, usize)> = taken
        .iter()
        .filter(|entity| is_opaque(&entity.kind))
        .map(|entity| (entity.offset, entity.offset + entity.length))
        .collect();
    let mut found = Vec::new();
    let mut units = 0;
    for word in text.split_inclusive(char::is_whitespace) {
        if let Some((kind, skipped, length)) = recognise(word) {
            let offset = units + skipped;
            let overlaps = opaque.iter().any(|(from, to)| offset < *to && offset + length > *from);
            if !overlaps {
                found.push(Entity { kind: kind.to_owned(), offset, length, ..Entity::default() });
            }
        }
        units += utf16_length(word);
    }
    found
}

fn is_opaque(kind: &str) -> bool {
    ["code", "pre", "text_link", "text_mention", "url", "bot_command", "mention", "hashtag"]
        .contains(&kind)
}

/// The kind, the units before it and its length in units.
fn recognise(word: &str) -> Option<(&'static str, usize, usize)> {
    let opening = word.len() - word.trim_start_matches(['(', '"', '\'', '«', '[']).len();
    let (before, word) = word.split_at(opening);
    let skipped = utf16_length(before);
    if let Some(rest) = word.strip_prefix('/') {
        let name = name_length(rest, 64);
        let mut length = 1 + name;
        if let Some(bot) = rest.get(name..).and_then(|rest| rest.strip_prefix('@')) {
            let bot_name = name_length(bot, 32);
            length += if bot_name > 0 { 1 + bot_name } else { 0 };
        }
        return (name > 0).then_some(("bot_command", skipped, length));
    }
    if let Some(rest) = word.strip_prefix('@') {
        let name = name_length(rest, 32);
        return (name >= 4).then_some(("mention", skipped, 1 + name));
    }
    if let Some(rest) = word.strip_prefix('#') {
        let tag: String =
            rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
        let has_letter = tag.chars().any(char::is_alphabetic);
        return has_letter.then(|| ("hashtag", skipped, 1 + utf16_length(&tag)));
    }
    let is_link = ["http://", "https://"].into_iter().any(|scheme| {
        word.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let link = word.trim_end().trim_end_matches(['.', ',', '!', '?', ';', ':', ')', '"', '»', ']']);
    (is_link && link.len() > "https://".len()).then(|| ("url", skipped, utf16_length(link)))
}

/// Letters of a Latin name at the start of `text`; they are as many bytes and units.
fn name_length(text: &str, most: usize) -> usize {
    text.bytes().take(most).take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}
