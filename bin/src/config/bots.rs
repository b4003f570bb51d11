//! The Telegram bots.

use std::collections::{BTreeMap, BTreeSet};

use kontor_domain::TenantId;
use secrecy::{ExposeSecret, SecretString};

use super::{
    parse,
    reader::{Reader, by_from_str},
    settings::{
        BOT_API_URL, BOT_FIELDS, BOT_MODE, BOT_TENANT, BOT_TOKEN, BOT_WEBHOOK_PUBLIC_URL,
        BOT_WEBHOOK_SECRET,
    },
};

/// Telegram's own address.
pub const TELEGRAM_API_URL: &str = "https://api.telegram.org";

/// The name of the bot that `BOT_TOKEN` gives.
const PLAIN_BOT: &str = "main";

/// The tenant of that bot unless `BOT_TENANT` says otherwise: the one that `kontor up` creates.
const PLAIN_BOT_TENANT: &str = "demo_utility";

/// The longest name of a bot: it stands in variables, paths and log lines.
const NAME_LENGTH_MAX: usize = 32;

/// One bot.
#[derive(Clone, Debug)]
pub struct BotConfig {
    /// Its name in the configuration.
    pub name: String,
    /// The tenant that it serves.
    pub tenant: TenantId,
    /// Its token.
    pub token: SecretString,
    /// How updates come in.
    pub mode: BotMode,
    /// The Bot API's address.
    pub api_url: String,
    /// Where Telegram reaches this server, for webhooks.
    pub webhook_public_url: Option<String>,
    /// What Telegram sends along so that its calls can be told from others, for webhooks.
    pub webhook_secret: Option<SecretString>,
}

/// How updates come in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BotMode {
    /// The bot asks for them.
    Polling,
    /// Telegram calls us.
    Webhook,
}

impl BotConfig {
    /// Whether it speaks to Telegram itself: then its people and messages are real.
    pub fn is_real(&self) -> bool {
        let host = self.api_url.split("://").nth(1).unwrap_or_default();
        let host = host.split(['/', ':']).next().unwrap_or_default();
        host == "telegram.org" || host.ends_with(".telegram.org")
    }
}

/// The bot's name and field that a variable speaks of.
pub(super) fn bot_variable(variable: &str) -> Option<(String, &'static str)> {
    let (name, field) = match variable.strip_prefix("KONTOR_BOT_") {
        Some(rest) => BOT_FIELDS.iter().find_map(|field| {
            // A secret's own name is tried first: a bot called `a_token` has no file of that name.
            let rest = if field.secret { rest.strip_suffix("_FILE").unwrap_or(rest) } else { rest };
            let name = rest.strip_suffix(field.name)?.strip_suffix('_')?;
            Some((name.to_ascii_lowercase(), field.name))
        })?,
        None => {
            let rest = variable.strip_prefix("BOT_")?;
            let field = BOT_FIELDS.iter().find(|field| {
                rest == field.name
                    || (field.secret && rest.strip_suffix("_FILE") == Some(field.name))
            })?;
            (PLAIN_BOT.to_owned(), field.name)
        }
    };
    Some((name, field))
}

pub(super) fn read(reader: &mut Reader<'_>) -> Vec<BotConfig> {
    // The name of each bot with the prefix of its variables.
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for (variable, _, _) in reader.sources.names() {
        if reader.sources.find(variable).is_none() {
            continue;
        }
        if let Some((name, _)) = bot_variable(variable) {
            let prefix = if variable.starts_with("KONTOR_BOT_") {
                format!("KONTOR_BOT_{}_", name.to_ascii_uppercase())
            } else {
                "BOT_".to_owned()
            };
            names.entry(name).or_insert(prefix);
        }
    }
    let bots: Vec<BotConfig> =
        names.into_iter().filter_map(|(name, prefix)| read_bot(reader, name, &prefix)).collect();
    refuse_shared_tokens(reader, &bots);
    bots
}

fn read_bot(reader: &mut Reader<'_>, name: String, prefix: &str) -> Option<BotConfig> {
    let variable = |field: &str| format!("{prefix}{field}");
    let is_name = name.len() <= NAME_LENGTH_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_name {
        let expects = format!(
            "a bot's name of at most {NAME_LENGTH_MAX} characters of a-z, 0-9 and _, beginning \
             with a letter"
        );
        reader.push(&variable("…"), None, Some(name.clone()), expects);
    }
    let tenant_variable = variable(BOT_TENANT.name);
    let tenant: Option<TenantId> =
        reader.parsed_as(&tenant_variable, &BOT_TENANT, by_from_str).or_else(|| {
            if reader.sources.find(&tenant_variable).is_none() && prefix != "BOT_" {
                reader.missing_as(&tenant_variable, &BOT_TENANT, "a bot serves one tenant");
            }
            PLAIN_BOT_TENANT.parse().ok()
        });
    let token_variable = variable(BOT_TOKEN.name);
    let token = reader.secret_as(&token_variable, &BOT_TOKEN, parse::bot_token);
    let token_file = format!("{token_variable}_FILE");
    if [&token_variable, &token_file].iter().all(|name| reader.sources.find(name).is_none()) {
        reader.missing_as(&token_variable, &BOT_TOKEN, "or its file in …_FILE");
    }
    let mode = reader
        .parsed_as(&variable(BOT_MODE.name), &BOT_MODE, parse::bot_mode)
        .unwrap_or(BotMode::Polling);
    let api_url = reader
        .parsed_as(&variable(BOT_API_URL.name), &BOT_API_URL, parse::base_url)
        .unwrap_or_else(|| TELEGRAM_API_URL.to_owned());
    let (webhook_public_url, webhook_secret) = read_webhook(reader, prefix, mode);
    is_name.then_some(())?;
    Some(BotConfig {
        name,
        tenant: tenant?,
        token: token?,
        mode,
        api_url,
        webhook_public_url,
        webhook_secret,
    })
}

fn read_webhook(
    reader: &mut Reader<'_>,
    prefix: &str,
    mode: BotMode,
) -> (Option<String>, Option<SecretString>) {
    let url_variable = format!("{prefix}{}", BOT_WEBHOOK_PUBLIC_URL.name);
    let url = reader.parsed_as(&url_variable, &BOT_WEBHOOK_PUBLIC_URL, parse::https_url);
    let secret_variable = format!("{prefix}{}", BOT_WEBHOOK_SECRET.name);
    let secret = reader.secret_as(&secret_variable, &BOT_WEBHOOK_SECRET, parse::webhook_secret);
    if mode == BotMode::Webhook {
        const WHY: &str = "the bot's MODE is webhook";
        if reader.sources.find(&url_variable).is_none() {
            reader.missing_as(&url_variable, &BOT_WEBHOOK_PUBLIC_URL, WHY);
        }
        let secret_file = format!("{secret_variable}_FILE");
        if [&secret_variable, &secret_file].iter().all(|name| reader.sources.find(name).is_none()) {
            reader.missing_as(&secret_variable, &BOT_WEBHOOK_SECRET, WHY);
        }
    }
    (url, secret)
}

/// Telegram gives each update to one reader: two bots with one token would steal from each other.
fn refuse_shared_tokens(reader: &mut Reader<'_>, bots: &[BotConfig]) {
    let mut seen = BTreeSet::new();
    for bot in bots {
        if !seen.insert(bot.token.expose_secret()) {
            let expects = "a token that no other bot has".to_owned();
            reader.push(
                &format!("the token of bot {}", bot.name),
                None,
                Some("(hidden)".into()),
                expects,
            );
        }
    }
}
