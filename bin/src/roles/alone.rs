//! A process that runs one role against the configured engines.

use std::sync::Arc;

use anyhow::Context;

use super::{
    Cards, Telegram, follow_head, forget_keys, integrators, policies, project, relay, sandbox,
    serve, webhooks, with_demo_bots, with_demo_cards, work,
};
use crate::{
    compose::{self, Addresses, Parts},
    config::Config,
    failure::Failure,
    monitoring::Figures,
    seals,
    supervise::{Role, Supervisor},
    up::{bind, stop_requested},
};

/// What the appender gets of the time for a stop, in percent.
const APPENDER_PERCENT: u32 = 30;

/// Which role.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Serve,
    Bot,
    Work,
    Project,
    Relay,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Bot => "bot",
            Self::Work => "work",
            Self::Project => "project",
            Self::Relay => "relay",
        }
    }

    /// Whether it must be able to read every event; bots see read models alone.
    fn reads_log(self) -> bool {
        match self {
            Self::Serve | Self::Work | Self::Project | Self::Relay => true,
            Self::Bot => false,
        }
    }
}

/// Runs a role until Ctrl-C or SIGTERM.
pub(crate) async fn run(config: Arc<Config>, kind: Kind) -> Result<(), Failure> {
    if kind == Kind::Bot && config.bots.is_empty() {
        return Err(Failure::Usage(
            "no bot is configured; set BOT_TOKEN, or KONTOR_BOT_<NAME>_TOKEN and \
             KONTOR_BOT_<NAME>_TENANT, or [[bots]] in kontor.toml"
                .to_owned(),
        ));
    }
    let stop = stop_requested().context("signals cannot be received")?;
    let figures = Figures::start(&config)?;
    let addresses = Addresses::find(&config)?;
    let runs = [kind.name()];
    let connecting = Parts::connect(&config, &addresses, kind.name(), &runs);
    let Some(parts) = stop.run_until_cancelled(connecting).await else { return Ok(()) };
    let mut parts = parts?;
    if kind.reads_log() {
        let Some(checked) = stop.run_until_cancelled(parts.check_log()).await else {
            return Ok(());
        };
        checked?;
    }
    match kind {
        Kind::Work | Kind::Project => parts.verify_vault().await?,
        Kind::Serve | Kind::Bot | Kind::Relay => {}
    }
    // Also a role that shares nothing is listed among the processes.
    drop(parts.members());
    let roles = roles_of(&mut parts, kind)?;
    let mut supervisor = Supervisor::default();
    supervisor.run_all(figures.map(|figures| figures.role(&parts)));
    for role in roles {
        tracing::info!(role = role.name(), "{} starts", role.name());
        supervisor.run(role);
    }
    stop.cancelled().await;
    tracing::info!("stopping");
    supervisor.stop(config.process.shutdown).await;
    parts.stop(config.process.shutdown * APPENDER_PERCENT / 100).await;
    Ok(())
}

fn roles_of(parts: &mut Parts, kind: Kind) -> anyhow::Result<Vec<Role>> {
    let config = Arc::clone(&parts.config);
    Ok(match kind {
        Kind::Serve => {
            let listener = bind(config.http.address, "KONTOR_HTTP_ADDRESS")?;
            let address = compose::base_url(&listener)?;
            tracing::info!(address, "HTTP at {address}");
            let doors = (
                Telegram::new(parts, &config.bots, &config.cards)?,
                Cards::new(parts, &config.cards)?,
            );
            vec![serve(parts, listener, None, (doors.0.as_ref(), doors.1.as_ref()))?]
        }
        Kind::Bot => {
            Telegram::new(parts, &config.bots, &config.cards)?.iter().map(Telegram::role).collect()
        }
        Kind::Work => work(parts),
        Kind::Project => {
            let mut roles = project(parts);
            roles.extend(policies(parts));
            roles.extend([forget_keys(parts), follow_head(parts)]);
            roles
        }
        Kind::Relay => {
            let schemas = compose::schemas_url(&config, config.http.address);
            let calls = webhooks(parts, &schemas);
            let roles = [relay(parts, &schemas), calls, follow_head(parts)].into_iter();
            let roles = roles.chain(seals::seals(parts)?);
            let cards = Cards::new(parts, &config.cards)?;
            let roles = roles.chain(cards.as_ref().map(Cards::role));
            roles.chain(integrators(parts, &schemas)).collect()
        }
    })
}

/// Runs Telegram's stand-in alone. It needs no engines, and no bot that speaks to Telegram.
pub(crate) async fn run_sandbox(config: Arc<Config>) -> Result<(), Failure> {
    if let Some(real) = config.real_things() {
        return Err(Failure::Usage(format!("the sandbox does not run: {real}")));
    }
    let stop = stop_requested().context("signals cannot be received")?;
    let listener = bind(config.sandbox.address, "KONTOR_SANDBOX_ADDRESS")?;
    let url = compose::base_url(&listener)?;
    let bots = with_demo_bots(&config.bots, &url)?;
    let mut supervisor = Supervisor::default();
    let cards = with_demo_cards(&config.cards, &url)?;
    let kontor = config.callers_url();
    supervisor.run(sandbox(&config, (&bots, &cards), listener, (&url, &kontor)));
    tracing::info!(address = url, "the chat page is at {url}");
    stop.cancelled().await;
    supervisor.stop(config.process.shutdown).await;
    Ok(())
}
