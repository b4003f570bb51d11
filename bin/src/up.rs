//! `kontor up`: everything on one machine, in one process beside its private engines.

mod banner;
mod engines;
mod ports;
mod signals;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use kontor_domain::TenantId;
use kontor_engines::DataLock;
use kontor_http::keys;
use kontor_postgres::members;
use kontor_projections::checkpoints;
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use self::{banner::Banner, engines::Engines, ports::Reserved};
pub(crate) use self::{banner::without_login, ports::bind, signals::stop_requested};
use crate::{
    cli::UpArgs,
    compose::{self, Addresses, Parts},
    config::Config,
    failure::Failure,
    master_key,
    monitoring::Figures,
    output, roles, seals, seed,
    session::{self, Session},
    supervise::{Phase, Role, Supervisor},
};

/// How long the start waits for followers, so that the first look shows everything that there is.
const FOLLOWERS_PATIENCE: Duration = Duration::from_secs(3);
/// What the owner of leases is called before its process id.
const OWNER: &str = "up";
/// What the engines get of the time for a stop, in percent; the roles have most of the rest.
const ENGINES_PERCENT: u32 = 25;
/// What the appender gets of it.
const APPENDER_PERCENT: u32 = 10;

/// Runs everything until Ctrl-C or SIGTERM.
pub(crate) async fn run(config: Arc<Config>, args: UpArgs) -> Result<(), Failure> {
    let begun = Instant::now();
    let stop = stop_requested().context("signals cannot be received")?;
    let lock = DataLock::acquire(&session::lock_path(&config.data_dir)).map_err(told)?;
    if let Some(pid) = lock.took_over() {
        output::note(&format!("The last run (process {pid}) did not stop in order; going on."));
    }
    master_key::make_if_missing(&config)?;
    seals::make_if_missing(&config)?;
    let sandbox = wants_sandbox(&config);
    let reserved = Reserved::take(&config, sandbox, lock.took_over().is_some())?;
    let starting = tokio::task::spawn_blocking({
        let config = Arc::clone(&config);
        move || Engines::start(&config)
    });
    let (engines, addresses) = tokio::select! {
        started = starting => started.context("the engines cannot be started")??,
        // Engines that are just starting notice the end of this process.
        () = stop.cancelled() => return Ok(()),
    };
    let mut supervisor = Supervisor::default();
    supervisor.run(engines.watch());
    let mut start = Start {
        config: Arc::clone(&config),
        engines: engines.clone(),
        addresses,
        supervisor,
        stop: stop.clone(),
        predecessor: lock.took_over(),
        parts: None,
    };
    let started = start.everything(reserved, args).await;
    let shown = started.and_then(|banner| {
        let Some(mut banner) = banner else { return Ok(()) };
        banner.took_over = lock.took_over();
        banner.started_in_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if args.json {
            return output::json(&banner);
        }
        output::line(&banner.text());
        Ok(())
    });
    if shown.is_ok() {
        stop.cancelled().await;
        if !args.json {
            output::line("Stopping; Ctrl-C again ends it at once.");
        }
    }
    start.end().await;
    Session::remove(&config.data_dir);
    Ok(shown?)
}

/// The message of an error of the engines says everything; its lock speaks of a file.
fn told(err: kontor_engines::EngineError) -> Failure {
    let kontor_engines::EngineError::Locked { path, pid } = &err else {
        return Failure::Failed(err.into());
    };
    let who = pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
    let folder = path.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    Failure::Failed(anyhow::anyhow!(
        "Kontor runs with the data in {folder} already ({who}); stop it first, or choose another \
         folder with KONTOR_DATA_DIR"
    ))
}

/// The sandbox runs unless it is switched off, or something is real.
fn wants_sandbox(config: &Config) -> bool {
    config.sandbox.enabled.unwrap_or_else(|| {
        let real = config.real_things();
        if let Some(real) = &real {
            output::note(&format!("The sandbox is off: {real}."));
        }
        real.is_none()
    })
}

/// What has been started so far.
struct Start {
    config: Arc<Config>,
    engines: Engines,
    addresses: Addresses,
    supervisor: Supervisor,
    stop: CancellationToken,
    /// The killed process whose lock was taken over.
    predecessor: Option<u32>,
    parts: Option<Parts>,
}

impl Start {
    /// Starts everything above the engines. No banner when it was told to stop meanwhile.
    async fn everything(
        &mut self,
        reserved: Reserved,
        args: UpArgs,
    ) -> anyhow::Result<Option<Banner>> {
        let stop = self.stop.clone();
        tokio::select! {
            banner = self.start(reserved, args) => banner.map(Some),
            () = stop.cancelled() => Ok(None),
        }
    }

    async fn start(&mut self, reserved: Reserved, args: UpArgs) -> anyhow::Result<Banner> {
        let parts = Parts::connect(&self.config, &self.addresses, OWNER, &roles::ALL).await?;
        let parts = self.parts.insert(parts);
        parts.prepare().await?;
        parts.check_log().await?;
        parts.verify_vault().await.map_err(|failure| anyhow::anyhow!("{failure}"))?;
        if let Some(pid) = self.predecessor {
            // Nobody waits for the leases of the dead.
            members::bury(&parts.write, &format!("{OWNER}-{pid}-")).await?;
        }
        let http = compose::base_url(&reserved.http)?;
        let metrics = reserved.figures.as_ref().map(Figures::url).transpose()?;
        self.supervisor.run_all(reserved.figures.map(|figures| figures.role(parts)));
        let chat = reserved.sandbox.as_ref().map(compose::base_url).transpose()?;
        let (mut bots, mut cards) = (self.config.bots.clone(), self.config.cards.clone());
        if let (Some(listener), Some(url)) = (reserved.sandbox, &chat) {
            bots = roles::with_demo_bots(&bots, url)?;
            cards = roles::with_demo_cards(&cards, url)?;
            let players = (bots.as_slice(), cards.as_slice());
            self.supervisor.run(roles::sandbox(&self.config, players, listener, (url, &http)));
        }
        let players = (bots.as_slice(), cards.as_slice());
        for role in roles::all(parts, players, reserved.http, chat.clone())? {
            self.supervisor.run(role);
        }
        let board = self.supervisor.board();
        let data_dir = self.config.data_dir.clone();
        self.supervisor.run(Role::new("board", Phase::Support, move |stop| {
            session::keep_roles_written(data_dir.clone(), board.clone(), stop)
        }));
        let demo = if args.no_demo { None } else { Some(seed::seed(&parts.sender).await?) };
        let names = roles::follower_names();
        let head = checkpoints::head_position(&parts.query).await?;
        if !checkpoints::wait_for(&parts.query, &names, head, FOLLOWERS_PATIENCE).await? {
            tracing::warn!("The followers are behind; the status page shows how far");
        }
        let place = (&*self.config, &*parts);
        let operator = (None, keys::Role::Admin);
        let operator_key_file = kept_key(place, "operator", operator).await?;
        let key_file = if args.no_demo {
            None
        } else {
            let tenant = seed::demo_tenant()?;
            Some(kept_key(place, "demo", (Some(&tenant), keys::Role::Operator)).await?)
        };
        Session::new(http.clone(), &self.addresses)
            .write(&self.config.data_dir)
            .context("the file of this run cannot be written")?;
        let nats = self.engines.listener_url().unwrap_or_else(|| {
            let servers = self.addresses.nats_servers.iter();
            servers.map(|url| without_login(url.expose_secret())).collect::<Vec<_>>().join(", ")
        });
        Ok(Banner {
            chat,
            status: format!("{http}{}", compose::STATUS_PATH),
            operations: format!("{http}{}", compose::OPERATIONS_PATH),
            operator_key_file: operator_key_file.display().to_string(),
            docs: format!("{http}{}", compose::DOCS_PATH),
            metrics,
            api: http,
            api_key_file: key_file.map(|path| path.display().to_string()),
            nats,
            postgres: without_login(self.addresses.database_url.expose_secret()),
            bots: bots.iter().map(|bot| bot.name.clone()).collect(),
            data: self.config.data_dir.display().to_string(),
            demo,
            took_over: None,
            started_in_ms: 0,
        })
    }

    /// Stops in order: roles by their phases, then the appender, then the engines.
    async fn end(self) {
        let limit = self.config.process.shutdown;
        self.supervisor.stop(limit).await;
        if let Some(parts) = self.parts {
            parts.stop(limit * APPENDER_PERCENT / 100).await;
        }
        let engines = self.engines;
        let stopping = tokio::task::spawn_blocking(move || engines.stop());
        let share: Duration = limit * ENGINES_PERCENT / 100;
        if tokio::time::timeout(share, stopping).await.is_err() {
            tracing::warn!("The engines take longer to stop; they end by themselves");
        }
    }
}

/// A file in the data folder with an API key; made anew when the key in it is not in force.
async fn kept_key(
    (config, parts): (&Config, &Parts),
    file: &str,
    (tenant, role): (Option<&TenantId>, keys::Role),
) -> anyhow::Result<PathBuf> {
    let path = config.data_dir.join(file).with_extension("key");
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let prefix = kept.split('_').nth(1).unwrap_or_default();
    let keys = keys::list(&parts.query, tenant).await?;
    let in_force =
        |key: &keys::KeyInfo| key.prefix == prefix && key.role == role && key.revoked_at.is_none();
    if keys.iter().any(in_force) {
        return Ok(path);
    }
    let (_, secret) = keys::create(&parts.query, tenant, role, file).await?;
    let line = format!("{}\n", secret.expose_secret());
    session::write_private(&path, line.as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path)
}
