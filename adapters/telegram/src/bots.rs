//! Many bots in one process: who owns which, and what an owner runs.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::Router;
use kontor_commands::CommandSender;
use kontor_postgres::{KeptLease, Leases, Members};
use secrecy::ExposeSecret;
use sqlx::PgPool;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    api::{self, BotApi},
    checkout::Checkouts,
    conversation,
    pages::Pages,
    pause::pause,
    personal,
    polling::{self, Polled},
    refunds::Refunds,
    sender::Sender,
    settings::{BotSettings, Mode, TelegramSettings},
    setup,
    turn::Ports,
    webhook,
    worker::{Inboxes, Worker, answer_permits},
};

/// The longest name of a bot.
const NAME_LENGTH_MAX: usize = 40;

/// The bots of a process.
pub struct Bots {
    bots: Arc<HashMap<String, Arc<Bot>>>,
    leases: Leases,
}

/// Why bots cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum BotsError {
    /// Two bots have this name.
    #[error("two bots are called `{0}`")]
    NameTwice(String),
    /// The name cannot stand in paths and leases.
    #[error("`{0}` is no name of a bot: 1 to 40 characters of a-z, 0-9, `_` and `-`")]
    Name(String),
    /// The token does not look like one of Telegram.
    #[error("the token of the bot `{0}` is not of the form `<number>:<letters>`")]
    Token(String),
    /// The webhook's secret does not keep to the Bot API.
    #[error(
        "the webhook secret of the bot `{0}` must have 1 to 256 characters of A-Z, a-z, 0-9, `_` and `-`"
    )]
    Secret(String),
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

/// One bot, owned or not.
pub(crate) struct Bot {
    pub(crate) bot_settings: BotSettings,
    pub(crate) settings: Arc<TelegramSettings>,
    pub(crate) api: BotApi,
    /// Where its updates stand in the inbox; also the name of its lease.
    pub(crate) source: String,
    pub(crate) inboxes: Inboxes,
    pub(crate) wake_worker: Arc<Notify>,
    wake_sender: Arc<Notify>,
    ports: Arc<Ports>,
    /// Answers what is asked before a payment.
    pub(crate) checkouts: Arc<Checkouts>,
}

/// How an ownership ended.
enum Ended {
    Stopped,
    /// Telegram refuses the token.
    Refused,
}

impl Bots {
    /// Sets bots up; nothing is called yet.
    ///
    /// # Errors
    /// [`BotsError`] when a setting is wrong.
    pub fn new(
        pool: PgPool,
        sender: Arc<dyn CommandSender>,
        bots: Vec<BotSettings>,
        settings: TelegramSettings,
    ) -> Result<Self, BotsError> {
        let client = api::client().map_err(BotsError::Client)?;
        let leases = settings.members.as_ref().map_or_else(
            || Leases::new(pool.clone(), settings.owner.as_str(), settings.lease_ttl),
            Members::leases,
        );
        let settings = Arc::new(settings);
        let mut by_name = HashMap::new();
        for bot in bots {
            check(&bot)?;
            let ports = Arc::new(Ports {
                bot: bot.name.clone(),
                tenant: bot.tenant.clone(),
                pool: pool.clone(),
                sender: Arc::clone(&sender),
                cards: bot.cards.clone(),
                command_wait: settings.command_wait,
                view_wait: settings.view_wait,
            });
            let name = bot.name.clone();
            let api = BotApi::new(client.clone(), bot.api_url.clone(), bot.token.clone());
            let bot = Arc::new(Bot {
                checkouts: Arc::new(Checkouts::new(Arc::clone(&ports), api.clone())),
                api,
                source: source_of(&name),
                inboxes: Inboxes::new(&pool, &settings),
                settings: Arc::clone(&settings),
                wake_worker: Arc::default(),
                wake_sender: Arc::default(),
                bot_settings: bot,
                ports,
            });
            if by_name.insert(name.clone(), bot).is_some() {
                return Err(BotsError::NameTwice(name));
            }
        }
        Ok(Self { bots: Arc::new(by_name), leases })
    }

    /// The route `POST /tg/{bot}` for bots that take deliveries. It works in any process, whoever
    /// owns the bot.
    pub fn webhook_router(&self) -> Router {
        webhook::router(Arc::clone(&self.bots))
    }

    /// Runs all bots until `stop`, then finishes what is under way. Of several processes, one at a
    /// time owns each bot; with [`TelegramSettings::members`] they share the bots. It also returns, before `stop`, when a bot's task failed: whoever
    /// supervises it starts all of them again, so that no bot falls silent while the process lives.
    pub async fn run(&self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        let stop = stop.child_token();
        for bot in self.bots.values() {
            tasks.spawn(Arc::clone(bot).run(self.leases.clone(), stop.clone()));
        }
        while let Some(ended) = tasks.join_next().await {
            if let Err(err) = ended {
                tracing::error!("A bot ended early: {err}");
                stop.cancel();
            }
        }
    }
}

/// Where a bot's updates stand in the inbox; its lease has the same name.
pub(crate) fn source_of(bot: &str) -> String {
    format!("telegram/{bot}")
}

impl Bot {
    /// Where the read models are.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.ports.pool
    }

    pub(crate) fn name(&self) -> &str {
        &self.bot_settings.name
    }

    /// The pause after a failed attempt.
    pub(crate) fn pause(&self, attempt: u32) -> Duration {
        pause(attempt, self.settings.retry_pause_first, self.settings.retry_pause_max)
    }

    /// Notes whose bot this is, for the day on which one of its people is erased.
    async fn note_tenant(&self) {
        let (pool, tenant) = (&self.ports.pool, &self.ports.tenant);
        if let Err(err) = personal::note_bot(pool, self.name(), tenant).await {
            tracing::warn!(bot = self.name(), "The bot's tenant cannot be noted: {err}");
        }
    }

    async fn run(self: Arc<Self>, leases: Leases, stop: CancellationToken) {
        let mut failures = 0_u32;
        while !stop.is_cancelled() {
            let wait = match leases.hold(&self.source, &stop).await {
                Ok(Some(kept)) => {
                    failures = 0;
                    self.note_tenant().await;
                    let epoch = kept.lease().epoch;
                    tracing::info!(
                        bot = self.name(),
                        epoch,
                        "The bot `{}` works here",
                        self.name()
                    );
                    let ended = self.own(&kept).await;
                    if let Err(err) = kept.release().await {
                        tracing::warn!(bot = self.name(), "The lease ends by itself: {err}");
                    }
                    match ended {
                        Ended::Stopped => Duration::ZERO,
                        Ended::Refused => {
                            tracing::error!(
                                bot = self.name(),
                                "Telegram refuses the token of the bot `{}`: it was revoked or \
                                 mistyped. The bot rests for {:?}; correct the token and start \
                                 again",
                                self.name(),
                                self.settings.suspended_for
                            );
                            self.settings.suspended_for
                        }
                    }
                }
                Ok(None) => leases.ttl() / 3,
                Err(err) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(bot = self.name(), "The lease cannot be asked for: {err}");
                    self.pause(failures)
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Runs the bot under a lease, until that ends or Telegram refuses the token.
    async fn own(self: &Arc<Self>, kept: &KeptLease) -> Ended {
        let stop = kept.ending().child_token();
        let refused = CancellationToken::new();
        if !self.prepare(&stop, &refused).await {
            return if refused.is_cancelled() { Ended::Refused } else { Ended::Stopped };
        }
        let suspend = stop.child_token();
        let worker = Arc::new(Worker {
            ports: Arc::clone(&self.ports),
            api: self.api.clone(),
            settings: Arc::clone(&self.settings),
            source: self.source.clone(),
            wake: Arc::clone(&self.wake_worker),
            wake_sender: Arc::clone(&self.wake_sender),
            inboxes: self.inboxes.clone(),
            schema: conversation::schema(),
            answers: answer_permits(),
        });
        let sender = Sender {
            ports: Arc::clone(&self.ports),
            api: self.api.clone(),
            settings: Arc::clone(&self.settings),
            lease: kept.lease().clone(),
            guard: kept.guard(),
            wake: Arc::clone(&self.wake_sender),
            suspend: refused.clone(),
        };
        let intake = async {
            match self.bot_settings.mode {
                Mode::Polling => {
                    if polling::run(self, &suspend).await == Polled::Refused {
                        refused.cancel();
                    }
                }
                Mode::Webhook { .. } => suspend.cancelled().await,
            }
        };
        let watch = async {
            tokio::select! {
                () = refused.cancelled() => suspend.cancel(),
                () = suspend.cancelled() => {}
            }
        };
        let refunds = Refunds {
            ports: Arc::clone(&self.ports),
            api: self.api.clone(),
            settings: Arc::clone(&self.settings),
        };
        let pages = Pages {
            ports: Arc::clone(&self.ports),
            backlog_max: self.settings.outbox_backlog_max,
            wake_sender: Arc::clone(&self.wake_sender),
        };
        // The sender outlives the worker by a moment, so that last replies go out.
        let work = async {
            let last = CancellationToken::new();
            let sending = sender.run(last.clone());
            let working = async {
                worker.run(suspend.clone()).await;
                last.cancel();
            };
            tokio::join!(sending, working);
        };
        let commands = async {
            // The call under way may end; nothing waits for it.
            let keeping = setup::keep_commands(self, suspend.clone());
            suspend.run_until_cancelled(keeping).await;
        };
        let (refunds, pages) = (refunds.run(suspend.clone()), pages.run(suspend.clone()));
        tokio::join!(intake, watch, work, refunds, pages, commands);
        if refused.is_cancelled() { Ended::Refused } else { Ended::Stopped }
    }

    /// Prepares the bot, again and again until it succeeds. `false` when it was stopped or the
    /// token is refused.
    async fn prepare(&self, stop: &CancellationToken, refused: &CancellationToken) -> bool {
        let mut attempt = 0_u32;
        loop {
            let prepared = tokio::select! {
                () = stop.cancelled() => return false,
                prepared = setup::prepare(self) => prepared,
            };
            let err = match prepared {
                Ok(()) => return true,
                Err(err) => err,
            };
            if err.is_token_refused() {
                refused.cancel();
                return false;
            }
            attempt = attempt.saturating_add(1);
            let wait = err.retry_after().unwrap_or_else(|| self.pause(attempt));
            tracing::warn!(
                bot = self.name(),
                "The bot cannot be prepared, again in {wait:?}: {err}"
            );
            tokio::select! {
                () = stop.cancelled() => return false,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

fn check(bot: &BotSettings) -> Result<(), BotsError> {
    let name_fits = (1..=NAME_LENGTH_MAX).contains(&bot.name.len())
        && bot
            .name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
    if !name_fits {
        return Err(BotsError::Name(bot.name.clone()));
    }
    let is_token_byte = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
    let token_fits = bot.token.expose_secret().split_once(':').is_some_and(|(number, letters)| {
        !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
            && !letters.is_empty()
            && letters.bytes().all(is_token_byte)
    });
    if !token_fits {
        return Err(BotsError::Token(bot.name.clone()));
    }
    if let Mode::Webhook { secret_token, .. } = &bot.mode {
        let secret = secret_token.expose_secret();
        if !(1..=256).contains(&secret.len()) || !secret.bytes().all(is_token_byte) {
            return Err(BotsError::Secret(bot.name.clone()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{BotsError, check};
    use crate::settings::{BotSettings, Mode};

    fn bot(name: &str, token: &str, secret: Option<&str>) -> BotSettings {
        BotSettings {
            name: name.into(),
            tenant: "demo_utility".parse().unwrap(),
            token: token.into(),
            api_url: "http://127.0.0.1:8090".parse().unwrap(),
            cards: Vec::new(),
            mode: secret.map_or(Mode::Polling, |secret| Mode::Webhook {
                public_url: "https://example.test".parse().unwrap(),
                secret_token: secret.into(),
            }),
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused_at_the_start() {
        let token = "1000001:SANDBOX-demo-bot-token";
        assert!(check(&bot("demo", token, None)).is_ok());
        assert!(check(&bot("demo", token, Some("s3cret_-"))).is_ok());
        for name in ["", "Demo", "a/b", "имя"] {
            assert!(matches!(check(&bot(name, token, None)), Err(BotsError::Name(_))));
        }
        for token in ["", "abc", "12:", ":abc", "12:a/b"] {
            assert!(matches!(check(&bot("demo", token, None)), Err(BotsError::Token(_))));
        }
        for secret in ["", "with space"] {
            assert!(matches!(check(&bot("demo", token, Some(secret))), Err(BotsError::Secret(_))));
        }
    }
}
