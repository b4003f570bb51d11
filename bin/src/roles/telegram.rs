//! The Telegram bots: from their configuration to their adapter, and the demo bot of the sandbox.

use std::sync::Arc;

use anyhow::Context;
use kontor_sandbox::SandboxBot;
use kontor_telegram::{BotSettings, Bots, Mode, TelegramSettings};
use secrecy::ExposeSecret;

use crate::{
    compose::Parts,
    config::{BotConfig, BotMode},
    seed,
    supervise::{Phase, Role},
};

/// The demo bot's name and token; the token opens nothing but a sandbox.
const DEMO_BOT: &str = "demo";
const DEMO_TOKEN: &str = "1000001:SANDBOX-demo-bot-token";
const DEMO_USERNAME: &str = "kontor_demo_bot";
const DEMO_TITLE: &str = "Горэнерго (демо)";

/// The bots of a process, when there are any.
pub(crate) struct Telegram {
    bots: Arc<Bots>,
}

impl Telegram {
    /// The bots over the parts of a process; none without configured bots.
    pub(crate) fn new(parts: &Parts, bots: &[BotConfig]) -> anyhow::Result<Option<Self>> {
        if bots.is_empty() {
            return Ok(None);
        }
        let settings = TelegramSettings {
            owner: parts.owner.clone(),
            members: Some(parts.members()),
            outbox_kept: parts.config.retention.inbox,
            ..TelegramSettings::default()
        };
        let bots = bots.iter().map(bot_settings).collect::<anyhow::Result<Vec<_>>>()?;
        let sender = Arc::new(parts.sender.clone());
        let bots = Bots::new(parts.query.clone(), sender, bots, settings).context("the bots")?;
        Ok(Some(Self { bots: Arc::new(bots) }))
    }

    /// The role that takes updates and answers them.
    pub(crate) fn role(&self) -> Role {
        let bots = Arc::clone(&self.bots);
        Role::new("bot", Phase::Intake, move |stop| {
            let bots = Arc::clone(&bots);
            async move {
                bots.run(stop).await;
                Ok(())
            }
        })
    }

    /// Where Telegram delivers updates.
    pub(crate) fn webhooks(&self) -> axum::Router {
        self.bots.webhook_router()
    }
}

fn bot_settings(bot: &BotConfig) -> anyhow::Result<BotSettings> {
    let name = &bot.name;
    let mode = match (bot.mode, &bot.webhook_public_url, &bot.webhook_secret) {
        (BotMode::Polling, _, _) => Mode::Polling,
        (BotMode::Webhook, Some(url), Some(secret)) => Mode::Webhook {
            public_url: url.parse().with_context(|| format!("the webhook's URL of bot {name}"))?,
            secret_token: secret.clone(),
        },
        (BotMode::Webhook, _, _) => {
            anyhow::bail!("the bot {name} has no address and secret for its webhook")
        }
    };
    Ok(BotSettings {
        name: name.clone(),
        tenant: bot.tenant.clone(),
        token: bot.token.clone(),
        api_url: bot.api_url.parse().with_context(|| format!("the API_URL of bot {name}"))?,
        mode,
    })
}

/// The bot that `kontor up` brings with the sandbox.
pub(crate) fn demo_bot(sandbox_url: &str) -> anyhow::Result<BotConfig> {
    Ok(BotConfig {
        name: DEMO_BOT.to_owned(),
        tenant: seed::demo_tenant()?,
        token: DEMO_TOKEN.into(),
        mode: BotMode::Polling,
        api_url: sandbox_url.to_owned(),
        webhook_public_url: None,
        webhook_secret: None,
    })
}

/// How the sandbox shows a bot.
pub(super) fn sandbox_bot(bot: &BotConfig) -> SandboxBot {
    let is_demo = bot.name == DEMO_BOT;
    SandboxBot {
        name: bot.name.clone(),
        username: if is_demo { DEMO_USERNAME.to_owned() } else { format!("{}_bot", bot.name) },
        title: if is_demo { DEMO_TITLE.to_owned() } else { bot.name.clone() },
        token: bot.token.expose_secret().to_owned(),
    }
}
