//! The Telegram bots: from their configuration to their adapter, and the demo bots of the sandbox.

use std::sync::Arc;

use anyhow::Context;
use kontor_domain::TenantId;
use kontor_sandbox::SandboxBot;
use kontor_telegram::{BotSettings, Bots, Mode, TelegramSettings};
use secrecy::ExposeSecret;

use crate::{
    compose::Parts,
    config::{BotConfig, BotMode, CardConfig, Config},
    seed,
    supervise::{Phase, Role},
};

/// A bot that comes with the sandbox; its token opens nothing else.
struct DemoBot {
    name: &'static str,
    token: &'static str,
    username: &'static str,
    title: &'static str,
    tenant: fn() -> anyhow::Result<TenantId>,
}

/// The first is the one that the chat page opens with.
const DEMO_BOTS: [DemoBot; 2] = [
    DemoBot {
        name: "demo",
        token: "1000001:SANDBOX-demo-bot-token",
        username: "kontor_demo_bot",
        title: "Горэнерго (демо)",
        tenant: seed::demo_tenant,
    },
    DemoBot {
        name: "demo_credits",
        token: "1000002:SANDBOX-demo-credits-token",
        username: "kontor_credits_demo_bot",
        title: seed::CREDITS_TITLE,
        tenant: seed::credits_tenant,
    },
];

/// The bots of a process, when there are any.
pub(crate) struct Telegram {
    bots: Arc<Bots>,
}

impl Telegram {
    /// The bots over the parts of a process; none without configured bots.
    pub(crate) fn new(
        parts: &Parts,
        bots: &[BotConfig],
        cards: &[CardConfig],
    ) -> anyhow::Result<Option<Self>> {
        if bots.is_empty() {
            return Ok(None);
        }
        let settings = TelegramSettings {
            owner: parts.owner.clone(),
            members: Some(parts.members()),
            outbox_kept: parts.config.retention.inbox,
            ..TelegramSettings::default()
        };
        let cards = (&*parts.config, cards);
        let bots =
            bots.iter().map(|bot| bot_settings(bot, cards)).collect::<anyhow::Result<Vec<_>>>()?;
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

fn bot_settings(
    bot: &BotConfig,
    (config, cards): (&Config, &[CardConfig]),
) -> anyhow::Result<BotSettings> {
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
        cards: super::cards::of_tenant(config, cards, &bot.tenant),
    })
}

/// The bots of a sandbox: those of the configuration, and the demo bots whose names are free.
pub(crate) fn with_demo_bots(
    configured: &[BotConfig],
    sandbox_url: &str,
) -> anyhow::Result<Vec<BotConfig>> {
    let mut bots = configured.to_vec();
    for demo in &DEMO_BOTS {
        if bots.iter().any(|bot| bot.name == demo.name) {
            continue;
        }
        bots.push(BotConfig {
            name: demo.name.to_owned(),
            tenant: (demo.tenant)()?,
            token: demo.token.into(),
            mode: BotMode::Polling,
            api_url: sandbox_url.to_owned(),
            webhook_public_url: None,
            webhook_secret: None,
        });
    }
    Ok(bots)
}

/// How the sandbox shows a bot.
pub(super) fn sandbox_bot(bot: &BotConfig) -> SandboxBot {
    let demo = DEMO_BOTS.iter().find(|demo| demo.name == bot.name);
    SandboxBot {
        name: bot.name.clone(),
        username: demo.map_or_else(|| format!("{}_bot", bot.name), |demo| demo.username.to_owned()),
        title: demo.map_or_else(|| bot.name.clone(), |demo| demo.title.to_owned()),
        token: bot.token.expose_secret().to_owned(),
    }
}
