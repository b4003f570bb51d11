//! What an append must look like before it may wait beside others.

use kontor_commands::{Append, Expected};

use super::limits::{APPEND_EVENTS_MAX, APPEND_SIZE_MAX, PAYLOAD_SIZE_MAX};

/// An append that the log can never keep; sending it again will not help.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAppend {
    /// One payload is too large.
    #[error("the payload of an event has {size} bytes, the limit is {limit}", limit = PAYLOAD_SIZE_MAX)]
    PayloadTooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// The append is too large.
    #[error("the append has {size} bytes, the limit is {limit}", limit = APPEND_SIZE_MAX)]
    TooLarge {
        /// The size of its JSON in bytes.
        size: usize,
    },
    /// The append has too many events.
    #[error("the append has {count} events, the limit is {limit}", limit = APPEND_EVENTS_MAX)]
    TooManyEvents {
        /// How many.
        count: usize,
    },
    /// A text contains the one character that PostgreSQL cannot keep.
    #[error("a text contains the character U+0000, which the log cannot keep")]
    ZeroCharacter,
    /// A version below 0 was expected.
    #[error("a stream cannot have version {version}")]
    NegativeVersion {
        /// The version asked for.
        version: i64,
    },
    /// A refusal with events: the decision contradicts itself.
    #[error("a refused command cannot have events")]
    RefusedWithEvents,
    /// Metadata or refusal cannot be written as JSON.
    #[error("the append cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Checks everything but the JSON of the payloads, which PostgreSQL parses.
pub(super) fn check(
    append: &Append,
    metadata: &str,
    refusal: Option<&str>,
) -> Result<usize, InvalidAppend> {
    if append.events.len() > APPEND_EVENTS_MAX {
        return Err(InvalidAppend::TooManyEvents { count: append.events.len() });
    }
    if refusal.is_some() && !append.events.is_empty() {
        return Err(InvalidAppend::RefusedWithEvents);
    }
    if let Expected::Exact(version @ ..0) = append.expected {
        return Err(InvalidAppend::NegativeVersion { version });
    }
    let mut size = metadata.len() + refusal.map_or(0, str::len);
    for event in &append.events {
        if event.payload.len() > PAYLOAD_SIZE_MAX {
            return Err(InvalidAppend::PayloadTooLarge { size: event.payload.len() });
        }
        size += event.payload.len();
    }
    if size > APPEND_SIZE_MAX {
        return Err(InvalidAppend::TooLarge { size });
    }
    if has_zero(metadata) || refusal.is_some_and(has_zero) {
        return Err(InvalidAppend::ZeroCharacter);
    }
    Ok(size)
}

/// Checks the payloads for the character that PostgreSQL cannot keep. Before personal fields are
/// encrypted: the log would keep it inside of them, and no read model could take it afterwards.
pub(super) fn check_texts(append: &Append) -> Result<(), InvalidAppend> {
    let mut texts = append.events.iter().map(|event| event.payload.as_str());
    if texts.any(has_zero) { Err(InvalidAppend::ZeroCharacter) } else { Ok(()) }
}

/// Whether JSON text holds U+0000, raw or as an escape that is not itself escaped.
fn has_zero(json: &str) -> bool {
    json.contains('\0')
        || json.match_indices("\\u0000").any(|(at, _)| {
            let before = json.as_bytes()[..at].iter().rev().take_while(|byte| **byte == b'\\');
            before.count() % 2 == 0
        })
}

#[cfg(test)]
mod tests {
    use super::has_zero;

    #[test]
    fn an_escaped_zero_is_found_and_an_escaped_backslash_is_not_one() {
        for text in ["a\0b", r"a\u0000b", r"\\\u0000", r"\\u0000\u0000"] {
            let json = if text.contains('\0') { text.to_owned() } else { format!("\"{text}\"") };
            assert!(has_zero(&json), "{json}");
        }
        for text in [r"\\u0000", r"\u0001", r"\\\\u0000", "u0000"] {
            assert!(!has_zero(&format!("\"{text}\"")), "{text}");
        }
    }

    #[test]
    fn what_serde_writes_for_a_zero_is_found() -> Result<(), serde_json::Error> {
        assert!(has_zero(&serde_json::to_string("a\0b")?));
        assert!(!has_zero(&serde_json::to_string("a\\u0000b")?));
        Ok(())
    }
}
