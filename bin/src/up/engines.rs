//! The private engines of a start on one machine: started side by side, watched, started again when
//! they die, and stopped last.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context;
use kontor_engines::{EngineError, NatsOptions, PostgresOptions, PrivateNats, PrivatePostgres};
use kontor_nats::Issuer;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

use crate::{
    compose::{self, Addresses},
    config::Config,
    session::write_private,
    supervise::{Phase, Role},
};

/// How often the engines are looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(500);
/// The database in the private cluster.
const DATABASE: &str = "kontor";

/// What both engines can do.
trait Engine: Sized + Send + 'static {
    const NAME: &'static str;
    fn port(&self) -> u16;
    fn has_ended(&mut self) -> bool;
    fn stop(self) -> Result<(), EngineError>;
}

impl Engine for PrivatePostgres {
    const NAME: &'static str = "PostgreSQL";
    fn port(&self) -> u16 {
        self.port()
    }
    fn has_ended(&mut self) -> bool {
        self.has_ended()
    }
    fn stop(self) -> Result<(), EngineError> {
        self.stop()
    }
}

impl Engine for PrivateNats {
    const NAME: &'static str = "NATS";
    fn port(&self) -> u16 {
        self.port()
    }
    fn has_ended(&mut self) -> bool {
        self.has_ended()
    }
    fn stop(self) -> Result<(), EngineError> {
        self.stop()
    }
}

/// An engine that is started again on its port when it died. All methods block.
struct Watched<E> {
    start: Box<dyn Fn(Option<u16>) -> Result<E, EngineError> + Send + Sync>,
    port: u16,
    engine: Mutex<Option<E>>,
}

impl<E: Engine> Watched<E> {
    fn start(
        port: u16,
        start: impl Fn(Option<u16>) -> Result<E, EngineError> + Send + Sync + 'static,
    ) -> Result<Self, EngineError> {
        let engine = start((port != 0).then_some(port))?;
        Ok(Self { port: engine.port(), start: Box::new(start), engine: Mutex::new(Some(engine)) })
    }

    /// Starts the engine again when it died. Returns whether it did.
    fn revive(&self) -> Result<bool, EngineError> {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        if engine.as_mut().is_some_and(|engine| !engine.has_ended()) {
            return Ok(false);
        }
        // What is left of it must be gone before its port and its data are used again.
        drop(engine.take());
        *engine = Some((self.start)(Some(self.port))?);
        drop(engine);
        Ok(true)
    }

    fn stop(&self) {
        let engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(err)) = engine.map(Engine::stop) {
            let reason = format!("{:#}", anyhow::Error::from(err));
            tracing::warn!(engine = E::NAME, reason, "{} did not stop in order: {reason}", E::NAME);
        }
    }
}

/// The engines that this process runs; an engine of the user's own is none of them.
#[derive(Clone)]
pub(super) struct Engines {
    postgres: Option<Arc<Watched<PrivatePostgres>>>,
    nats: Option<Arc<Watched<PrivateNats>>>,
}

impl Engines {
    /// Starts what the configuration does not name, and says where everything is. Blocks until the
    /// engines are ready.
    pub(super) fn start(config: &Config) -> anyhow::Result<(Self, Addresses)> {
        let (postgres, nats) = std::thread::scope(|scope| {
            let nats = scope.spawn(|| start_nats(config));
            let postgres = start_postgres(config);
            (postgres, nats.join())
        });
        let nats = nats.map_err(|_| anyhow::anyhow!("starting NATS panicked"))??;
        let (postgres, database_url) = postgres?;
        let (nats, (nats_servers, nats_system)) = nats;
        Ok((Self { postgres, nats }, Addresses { database_url, nats_servers, nats_system }))
    }

    /// The role that keeps them alive.
    pub(super) fn watch(&self) -> Role {
        let engines = self.clone();
        Role::new("engines", Phase::Support, move |stop| watch(engines.clone(), stop))
    }

    /// The address of the private NATS for somebody who only listens to events; none when the broker
    /// is the user's own.
    pub(super) fn listener_url(&self) -> Option<String> {
        let nats = self.nats.as_ref()?;
        let engine = nats.engine.lock().unwrap_or_else(PoisonError::into_inner);
        engine.as_ref().map(PrivateNats::listener_url)
    }

    /// Stops NATS, then PostgreSQL. Blocks until both are gone.
    pub(super) fn stop(&self) {
        if let Some(nats) = &self.nats {
            nats.stop();
        }
        if let Some(postgres) = &self.postgres {
            postgres.stop();
        }
    }

    fn revive(&self) -> Result<(), EngineError> {
        if let Some(postgres) = &self.postgres
            && postgres.revive()?
        {
            tracing::warn!("PostgreSQL had died and was started again");
        }
        if let Some(nats) = &self.nats
            && nats.revive()?
        {
            tracing::warn!("NATS had died and was started again");
        }
        Ok(())
    }
}

async fn watch(engines: Engines, stop: CancellationToken) -> anyhow::Result<()> {
    while stop.run_until_cancelled(tokio::time::sleep(WATCH_INTERVAL)).await.is_some() {
        let engines = engines.clone();
        tokio::task::spawn_blocking(move || engines.revive())
            .await
            .context("watching the engines failed")?
            .context("an engine died and cannot be started again")?;
    }
    Ok(())
}

type Started<E, A> = (Option<Arc<Watched<E>>>, A);

fn start_postgres(config: &Config) -> anyhow::Result<Started<PrivatePostgres, SecretString>> {
    if let Some(url) = &config.database.url {
        return Ok((None, url.clone()));
    }
    let data_dir = absolute(&config.data_dir)?.join("postgres");
    let engine = Watched::start(config.database.private_port, move |port| {
        PrivatePostgres::start(PostgresOptions { data_dir: data_dir.clone(), port, durable: true })
    })?;
    let mut running = engine.engine.lock().unwrap_or_else(PoisonError::into_inner);
    let postgres = running.as_mut().context("PostgreSQL is gone")?;
    postgres.create_database(DATABASE)?;
    let url = SecretString::from(postgres.url(DATABASE));
    drop(running);
    Ok((Some(Arc::new(engine)), url))
}

/// The broker's addresses, and that of its system account where it is known.
type NatsAddresses = (Vec<SecretString>, Option<SecretString>);

fn start_nats(config: &Config) -> anyhow::Result<Started<PrivateNats, NatsAddresses>> {
    if !config.nats.servers.is_empty() {
        let system = config.integrators.nats_system_url.clone();
        return Ok((None, (config.nats.servers.clone(), system)));
    }
    let issuer = kept_issuer(config)?.public_key();
    let store_dir = absolute(&config.data_dir)?.join("nats");
    let engine = Watched::start(config.nats.private_port, move |port| {
        let options = NatsOptions { store_dir: store_dir.clone(), port };
        PrivateNats::start_asking(options, issuer.clone())
    })?;
    let mut running = engine.engine.lock().unwrap_or_else(PoisonError::into_inner);
    let nats = running.as_mut().context("NATS is gone")?;
    let (url, system) = (nats.url().into(), nats.system_url().into());
    drop(running);
    Ok((Some(Arc::new(engine)), (vec![url], Some(system))))
}

/// The configured issuer, or the one that is kept with the data; made at the first start.
fn kept_issuer(config: &Config) -> anyhow::Result<Issuer> {
    if let Some(issuer) = compose::issuer(config)? {
        return Ok(issuer);
    }
    let (issuer, seed) = Issuer::generate()?;
    let file = compose::issuer_file(config);
    write_private(&file, format!("{}\n", seed.expose_secret()).as_bytes())
        .with_context(|| format!("{} cannot be written", file.display()))?;
    Ok(issuer)
}

fn absolute(path: &Path) -> anyhow::Result<std::path::PathBuf> {
    std::path::absolute(path).with_context(|| format!("{} is no usable folder", path.display()))
}
