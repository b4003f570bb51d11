//! Settings of the bots, with the reason for each default.

use std::{fmt, time::Duration};

use kontor_domain::{Currency, TenantId, credit_ledger::PaymentProvider};
use kontor_postgres::Members;
use reqwest::Url;
use secrecy::SecretString;

/// One bot.
#[derive(Clone, Debug)]
pub struct BotSettings {
    /// Its name in the configuration: 1 to 40 characters of `a-z`, `0-9`, `_` and `-`. It stands in
    /// webhook paths, leases and events, so it never changes.
    pub name: String,
    /// The tenant whose customers talk to it.
    pub tenant: TenantId,
    /// The token that Telegram gave it.
    pub token: SecretString,
    /// The Bot API: `https://api.telegram.org` or a stand-in.
    pub api_url: Url,
    /// How updates arrive.
    pub mode: Mode,
    /// Through which accounts its customers pay for what is used outside of Telegram.
    pub cards: Vec<CardAccount>,
}

/// An account with a provider of payments by card.
#[derive(Clone, Debug, PartialEq)]
pub struct CardAccount {
    /// Its name in the configuration: 1 to 32 characters of `a-z`, `0-9` and `_`.
    pub name: String,
    /// What payments call it, such as `stripe/shop`.
    pub channel: String,
    /// The provider.
    pub provider: PaymentProvider,
    /// The currency that it takes.
    pub currency: Currency,
    /// Where the provider's page leads back to.
    pub return_url: String,
    /// Its customers get a fiscal receipt, and are asked for a telephone number to send it to.
    pub wants_phone: bool,
}

/// How updates arrive.
#[derive(Clone)]
pub enum Mode {
    /// This process asks for them.
    Polling,
    /// Telegram delivers them.
    Webhook {
        /// The address under which Telegram reaches [`crate::Bots::webhook_router`], without the
        /// bot's own path.
        public_url: Url,
        /// What Telegram repeats in a header: 1 to 256 characters of `A-Z`, `a-z`, `0-9`, `_`, `-`.
        secret_token: SecretString,
    },
}

impl fmt::Debug for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Polling => f.write_str("Polling"),
            Self::Webhook { public_url, secret_token: _ } => {
                f.debug_struct("Webhook").field("public_url", &public_url.as_str()).finish()
            }
        }
    }
}

/// Limits and waits of all bots of a process.
#[derive(Clone, Debug)]
pub struct TelegramSettings {
    /// The name under which this process owns bots; unique to the process.
    pub owner: String,
    /// How long a bot stands still after its process died.
    pub lease_ttl: Duration,
    /// The processes that share the bots; owner and time to live are then those of the member.
    pub members: Option<Members>,
    /// How long one getUpdates call waits for updates. Below Telegram's 50 s and the idle timeouts
    /// of common proxies.
    pub poll_timeout: Duration,
    /// How long one other call of the Bot API may take.
    pub call_timeout: Duration,
    /// How often tables are looked at when nobody woke the worker or the sender.
    pub idle_pause: Duration,
    /// How often a bot looks whether its tenant offers other commands.
    pub commands_look_every: Duration,
    /// How many chats of one bot are served at the same time.
    pub chats_at_once: usize,
    /// How many calls of one bot are under way at the same time.
    pub calls_at_once: usize,
    /// How long a turn waits for the outcome of a command.
    pub command_wait: Duration,
    /// How long a turn waits for the read models to show its own writes.
    pub view_wait: Duration,
    /// After how long a person is told that their message is being saved.
    pub notice_after: Duration,
    /// The most updates of one bot that wait to be handled; more are left with Telegram.
    pub inbox_backlog_max: u32,
    /// The most messages of one chat that wait to be sent; more are not written.
    pub outbox_backlog_max: i64,
    /// The first pause after a failure of the network; it doubles with jitter.
    pub retry_pause_first: Duration,
    /// The longest pause after a failure of the network.
    pub retry_pause_max: Duration,
    /// How long a bot rests whose token Telegram refuses.
    pub suspended_for: Duration,
    /// How long the record of a delivery is kept.
    pub outbox_kept: Duration,
}

impl Default for TelegramSettings {
    fn default() -> Self {
        Self {
            owner: format!("telegram-{}", uuid::Uuid::now_v7()),
            lease_ttl: Duration::from_secs(15),
            members: None,
            poll_timeout: Duration::from_secs(30),
            call_timeout: Duration::from_secs(15),
            idle_pause: Duration::from_millis(200),
            commands_look_every: Duration::from_secs(5),
            // Each turn waits for a command most of its time; 32 of them feed a bot at 30/s.
            chats_at_once: 32,
            calls_at_once: 16,
            command_wait: Duration::from_secs(3),
            view_wait: Duration::from_secs(2),
            notice_after: Duration::from_secs(4),
            inbox_backlog_max: 10_000,
            // Ten turns of a very quick person; what comes after is noise.
            outbox_backlog_max: 50,
            retry_pause_first: Duration::from_millis(500),
            retry_pause_max: Duration::from_secs(60),
            suspended_for: Duration::from_secs(300),
            // As long as receipts: then Telegram may begin its update numbers anew.
            outbox_kept: Duration::from_secs(7 * 24 * 3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Mode;

    #[test]
    fn the_secret_of_a_webhook_does_not_print() {
        let mode = Mode::Webhook {
            public_url: "https://example.test/".parse().unwrap(),
            secret_token: "very-secret".into(),
        };
        assert!(!format!("{mode:?}").contains("very-secret"));
    }
}
