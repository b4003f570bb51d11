//! Small texts that the pages share. Templates pass references.

use axum::http::Extensions;
use chrono::{DateTime, Utc};
use kontor_commands::clock;

use crate::envelope::RequestId;

/// An instant as people read it, and exactly.
#[derive(Clone, Debug)]
pub(super) struct When {
    pub(super) ago: String,
    pub(super) exact: String,
}

impl When {
    pub(super) fn of(at: &DateTime<Utc>) -> Self {
        let seconds = (clock::now() - *at).num_seconds().max(0);
        let ago = match seconds {
            0..=4 => "just now".to_owned(),
            5..=119 => format!("{seconds} s ago"),
            120..=7_199 => format!("{} min ago", seconds / 60),
            7_200..=172_799 => format!("{} h ago", seconds / 3_600),
            _ => format!("{} days ago", seconds / 86_400),
        };
        Self { ago, exact: at.format("%Y-%m-%d %H:%M:%S%.3f UTC").to_string() }
    }
}

/// How far ahead an instant is, in words.
pub(super) fn ahead(at: &DateTime<Utc>) -> String {
    match (*at - clock::now()).num_seconds() {
        ..=0 => "now".to_owned(),
        seconds @ 1..=119 => format!("in {seconds} s"),
        seconds @ 120..=7_199 => format!("in {} min", seconds / 60),
        seconds @ 7_200..=172_799 => format!("in {} h", seconds / 3_600),
        seconds => format!("in {} days", seconds / 86_400),
    }
}

/// A number with its thousands apart.
pub(super) fn grouped(number: &i64) -> String {
    crate::status::grouped(*number)
}

/// A duration in words.
pub(super) fn lasting(seconds: &f64) -> String {
    crate::status::seconds(seconds.max(0.0))
}

/// The name of a process without its random part: the role and the process id tell it apart.
pub(super) fn short_owner(owner: &str) -> String {
    let mut parts = owner.splitn(3, '-');
    match (parts.next(), parts.next()) {
        (Some(role), Some(pid)) => format!("{role} {pid}"),
        _ => owner.to_owned(),
    }
}

/// The first part of an id, enough to tell it apart from its neighbours.
pub(super) fn short(id: &uuid::Uuid) -> String {
    id.to_string().chars().take(8).collect()
}

/// A name as words.
pub(super) fn spaced(name: &str) -> String {
    name.replace('_', " ")
}

/// JSON as people read it.
pub(super) fn pretty(value: &serde_json::Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}

/// A text as a value in a query.
pub(crate) fn in_query(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
    }
    encoded
}

fn hex_digit(value: u8) -> char {
    char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase()
}

/// The id of a request.
pub(super) fn request_id(extensions: &Extensions) -> String {
    extensions.get::<RequestId>().map_or_else(String::new, |id| id.0.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_queries_read_well() {
        let now = clock::now();
        let ago = |seconds| When::of(&(now - chrono::TimeDelta::seconds(seconds))).ago;
        assert_eq!(ago(1), "just now");
        assert_eq!(ago(60), "60 s ago");
        assert_eq!(ago(3_000), "50 min ago");
        assert_eq!(ago(86_400 * 3), "3 days ago");
        assert_eq!(in_query("/admin?a=ж&b"), "/admin%3Fa%3D%D0%B6%26b");
    }
}
