//! How texts become values; each function says only whether a text is right.

use std::{path::PathBuf, str::FromStr};

use axum::http::Uri;
use kontor_postgres::MasterKeys;
use sqlx::postgres::PgConnectOptions;
use tracing_subscriber::EnvFilter;

use super::{BotMode, LogFormat, NatsStorage};

pub(super) fn switch(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Some(true),
        "off" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

pub(super) fn database_url(text: &str) -> bool {
    (text.starts_with("postgres://") || text.starts_with("postgresql://"))
        && PgConnectOptions::from_str(text).is_ok()
}

pub(super) fn master_keys(text: &str) -> bool {
    MasterKeys::parse(text).is_ok()
}

pub(super) fn nats_server(text: &str) -> bool {
    let (scheme, rest) = text.split_once("://").unwrap_or(("nats", text));
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host).trim_end_matches('/');
    matches!(scheme, "nats" | "tls")
        && format!("http://{host}")
            .parse::<Uri>()
            .is_ok_and(|uri| uri.host().is_some_and(|host| !host.is_empty()) && uri.path() == "/")
}

pub(super) fn replicas(text: &str) -> Option<u32> {
    text.parse().ok().filter(|count| matches!(count, 1 | 3 | 5))
}

pub(super) fn storage(text: &str) -> Option<NatsStorage> {
    match text {
        "file" => Some(NatsStorage::File),
        "memory" => Some(NatsStorage::Memory),
        _ => None,
    }
}

pub(super) fn log_format(text: &str) -> Option<LogFormat> {
    match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    }
}

pub(super) fn log_filter(text: &str) -> Option<String> {
    EnvFilter::try_new(text).is_ok().then(|| text.to_owned())
}

pub(super) fn bot_mode(text: &str) -> Option<BotMode> {
    match text {
        "polling" => Some(BotMode::Polling),
        "webhook" => Some(BotMode::Webhook),
        _ => None,
    }
}

pub(super) fn readable_file(text: &str) -> Option<PathBuf> {
    std::fs::File::open(text).is_ok().then(|| PathBuf::from(text))
}

pub(super) fn word(text: &str) -> Option<String> {
    (!text.contains(char::is_whitespace)).then(|| text.to_owned())
}

/// The permissions of a restricted user name such a prefix; it is one token of a subject.
pub(super) fn inbox_prefix(text: &str) -> Option<String> {
    let fits = text.starts_with("_INBOX") && text.bytes().all(is_secret_byte);
    fits.then(|| text.to_owned())
}

pub(super) fn present(text: &str) -> bool {
    !text.is_empty()
}

/// A web origin: scheme, host and port, nothing after them.
pub(super) fn origin(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let is_origin = is_web(&uri) && uri.path() == "/" && uri.query().is_none();
    (is_origin && !text.ends_with('/')).then(|| text.to_owned())
}

/// The base of an HTTP interface, without a slash at its end.
pub(super) fn base_url(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    (is_web(&uri) && uri.query().is_none()).then(|| text.trim_end_matches('/').to_owned())
}

pub(super) fn https_url(text: &str) -> Option<String> {
    base_url(text).filter(|url| url.starts_with("https://"))
}

fn is_web(uri: &Uri) -> bool {
    matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.host().is_some_and(|host| !host.is_empty())
}

/// Telegram's tokens: the bot's number, a colon, and a random part.
pub(super) fn bot_token(text: &str) -> bool {
    const RANDOM_LENGTH_MIN: usize = 20;
    text.split_once(':').is_some_and(|(number, random)| {
        !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
            && random.len() >= RANDOM_LENGTH_MIN
            && random.bytes().all(is_secret_byte)
    })
}

/// Telegram takes 1 to 256 of these characters; below 16 a secret can be guessed.
pub(super) fn webhook_secret(text: &str) -> bool {
    (16..=256).contains(&text.len()) && text.bytes().all(is_secret_byte)
}

/// A provider's secret, as it is copied from its pages: visible characters without spaces.
pub(super) fn provider_secret(text: &str) -> bool {
    (16..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_secret_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}
