//! Composition: from the configuration to the parts of a process, wired and ready to run.

use std::{
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context;
use kontor_commands::{EventStore, Folds, Registry, Router};
use kontor_domain::{
    Upcasters, account::Account, accounting_period::AccountingPeriods, billing::Billing,
    credit_ledger::CreditLedger, meter::Meter, payment::Payment, product::Product,
    provider_statement::ProviderStatement, reconciliation::Reconciliation,
};
use kontor_nats::{Issuer, Nats, NatsAuth, NatsSender, NatsSettings, StreamSettings};
use kontor_postgres::{
    AppenderSettings, EventLog, Members, ProcessInfo, Vault, VaultError, schemas,
};
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    config::{Config, NatsLogin, NatsStorage},
    failure::Failure,
    master_key,
    session::Session,
};

/// How long the first connection to NATS is tried for.
const NATS_PATIENCE: Duration = Duration::from_secs(10);
/// Connections for leases and the process's heartbeat: a pool of their own, so that a renewal never
/// waits behind the work that it guards.
const LEASE_CONNECTIONS: u32 = 2;
/// The part of a lease's time after which an unanswered command is delivered again, in percent. A
/// lease is renewed after a third of its time, so it outlives its process by two thirds: whoever takes
/// over finds that all commands of the dead are due again, and in front of later ones. That keeps an
/// aggregate's commands in order.
const ACK_WAIT_PERCENT: u32 = 50;
/// The shortest wait that the broker is asked for.
const ACK_WAIT_MIN: Duration = Duration::from_secs(1);
/// Where the HTTP server says whether it is ready.
pub(crate) const READY_PATH: &str = "/ready";
/// Where the HTTP server shows its status page.
pub(crate) const STATUS_PATH: &str = "/";
/// Where the HTTP server shows its operations page.
pub(crate) const OPERATIONS_PATH: &str = "/admin/operations";
/// Where the HTTP server shows the API's documents.
pub(crate) const DOCS_PATH: &str = "/docs";

/// Where the engines are; the addresses hold passwords.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    pub(crate) database_url: SecretString,
    pub(crate) nats_servers: Vec<SecretString>,
    /// The broker's system account, where it is known.
    pub(crate) nats_system: Option<SecretString>,
}

impl Addresses {
    /// The configured engines; those of a `kontor up` on this machine where none are configured.
    pub(crate) fn find(config: &Config) -> Result<Self, Failure> {
        let configured = config.database.url.clone();
        let servers = config.nats.servers.clone();
        if let (Some(database_url), false) = (&configured, servers.is_empty()) {
            return Ok(Self {
                database_url: database_url.clone(),
                nats_servers: servers,
                nats_system: config.integrators.nats_system_url.clone(),
            });
        }
        let Some(running) = Session::find(&config.data_dir) else {
            let missing = match (configured.is_none(), servers.is_empty()) {
                (true, true) => "DATABASE_URL and NATS_URL are",
                (true, false) => "DATABASE_URL is",
                (false, _) => "NATS_URL is",
            };
            return Err(Failure::Usage(format!(
                "{missing} not set, and no `kontor up` runs with the data in {}; set them, or \
                 start it",
                config.data_dir.display()
            )));
        };
        let running = running.addresses();
        let (nats_servers, nats_system) = if servers.is_empty() {
            (running.nats_servers, running.nats_system)
        } else {
            (servers, config.integrators.nats_system_url.clone())
        };
        let database_url = configured.unwrap_or(running.database_url);
        Ok(Self { database_url, nats_servers, nats_system })
    }
}

/// A pool of at most so many connections.
pub(crate) async fn pool(addresses: &Addresses, connections_max: u32) -> anyhow::Result<PgPool> {
    let url = addresses.database_url.expose_secret();
    kontor_postgres::connect(url, connections_max).await.context("PostgreSQL")
}

/// A pool for work under leases.
async fn leased_pool(
    config: &Config,
    addresses: &Addresses,
    connections_max: u32,
) -> anyhow::Result<PgPool> {
    let url = addresses.database_url.expose_secret();
    let silence_max = config.process.lease_ttl;
    let pool = kontor_postgres::connect_bounded(url, connections_max, silence_max);
    pool.await.context("PostgreSQL")
}

/// A connection to NATS under the name of what it is for.
pub(crate) async fn nats(
    config: &Config,
    addresses: &Addresses,
    purpose: &str,
) -> anyhow::Result<Nats> {
    let nats = &config.nats;
    let urls = addresses.nats_servers.iter().map(|url| url.expose_secret().to_owned());
    let settings = NatsSettings {
        auth: match &nats.login {
            NatsLogin::Open => NatsAuth::FromAddress,
            NatsLogin::CredentialsFile(path) => NatsAuth::CredentialsFile(path.clone()),
            NatsLogin::User { user, password } => {
                NatsAuth::UserPassword { user: user.clone(), password: password.clone() }
            }
            NatsLogin::Token(token) => NatsAuth::Token(token.clone()),
        },
        name: format!("kontor-{purpose}"),
        inbox_prefix: nats.inbox_prefix.clone(),
        root_certificates: nats.ca_file.clone(),
        connect_timeout: NATS_PATIENCE,
        streams: StreamSettings {
            replicas: nats.replicas,
            on_disk: nats.storage == NatsStorage::File,
            commands_max_messages: nats.commands_max,
            events_max_age: nats.events_age_max,
            events_max_bytes: nats.events_bytes_max,
            ack_wait: (config.process.lease_ttl * ACK_WAIT_PERCENT / 100).max(ACK_WAIT_MIN),
            ..StreamSettings::default()
        },
        ..NatsSettings::new(urls)
    };
    Nats::connect(settings).await.context("NATS")
}

/// A connection to the broker's system account, where it is known.
pub(crate) async fn nats_system(
    config: &Config,
    addresses: &Addresses,
) -> anyhow::Result<Option<Nats>> {
    let Some(url) = &addresses.nats_system else { return Ok(None) };
    let settings = NatsSettings {
        name: "kontor-system".to_owned(),
        root_certificates: config.nats.ca_file.clone(),
        ..NatsSettings::new([url.expose_secret().to_owned()])
    };
    Ok(Some(Nats::connect(settings).await.context("NATS, system account")?))
}

/// The key by which the broker believes what Kontor says about integrators; none when the broker is
/// the user's own and was not told of a key.
pub(crate) fn issuer(config: &Config) -> anyhow::Result<Option<Issuer>> {
    let seed = match &config.integrators.issuer_seed {
        Some(seed) => Some(seed.clone()),
        None if config.nats.servers.is_empty() => {
            std::fs::read_to_string(issuer_file(config)).ok().map(SecretString::from)
        }
        None => None,
    };
    Ok(seed.map(|seed| Issuer::from_seed(&seed)).transpose()?)
}

/// Where `kontor up` keeps the seed of its private broker's issuer.
pub(crate) fn issuer_file(config: &Config) -> PathBuf {
    config.data_dir.join("nats-issuer.seed")
}

/// A sender of commands for a short command.
pub(crate) async fn sender(config: &Config, addresses: &Addresses) -> anyhow::Result<NatsSender> {
    let nats = nats(config, addresses, "command").await?;
    NatsSender::new(nats).await.context("NATS")
}

/// The address of the events' schemas: below the public one, or else below the one that HTTP listens
/// on.
pub(crate) fn schemas_url(config: &Config, listens_on: SocketAddr) -> String {
    let base = config.http.public_url.clone().unwrap_or_else(|| url_of(listens_on));
    format!("{base}/schemas")
}

/// What opens personal data; locked without a master key.
pub(crate) fn vault(config: &Config, pool: &PgPool) -> anyhow::Result<Vault> {
    let masters = master_key::find(config)?;
    Ok(masters.map_or_else(Vault::locked, |masters| Vault::new(pool.clone(), masters)))
}

/// The base address under which a listener is called.
pub(crate) fn base_url(listener: &TcpListener) -> anyhow::Result<String> {
    Ok(url_of(listener.local_addr()?))
}

fn url_of(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        // What listens everywhere is called here by the loopback address.
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    format!("http://{address}")
}

/// Makes the aggregates known: to the whole program by their line here. `Tenant` is always known.
fn aggregates<R: Registry>(registry: R) -> R {
    registry
        .register::<Account>()
        .register::<Meter>()
        .register::<CreditLedger>()
        .register::<Payment>()
        .register::<Billing>()
        .register::<Product>()
        .register::<ProviderStatement>()
        .register::<Reconciliation>()
        .register::<AccountingPeriods>()
}

/// The streams of all aggregates, for those who look at the log.
pub(crate) fn folds() -> Folds {
    aggregates(Folds::new())
}

/// What the roles of one process share.
pub(crate) struct Parts {
    pub(crate) config: Arc<Config>,
    /// The name of this process in leases.
    pub(crate) owner: String,
    /// Connections for the event log, leases and dead letters.
    pub(crate) write: PgPool,
    /// Connections for followers.
    pub(crate) follow: PgPool,
    /// Connections for queries of HTTP and the bots.
    pub(crate) query: PgPool,
    pub(crate) nats: Nats,
    pub(crate) sender: NatsSender,
    /// By which the broker believes what is said about integrators, when it asks.
    pub(crate) issuer: Option<Issuer>,
    /// The position of the log's last event, as far as this process knows.
    pub(crate) head: watch::Sender<i64>,
    /// Opens and seals personal data; locked without a master key.
    pub(crate) vault: Vault,
    log: Option<EventLog>,
    roles: Vec<String>,
    leases: PgPool,
    members: OnceLock<Members>,
}

impl Parts {
    /// Connects to the engines, for the roles that the process runs. A pool opens further connections
    /// only when they are needed.
    pub(crate) async fn connect(
        config: &Arc<Config>,
        addresses: &Addresses,
        purpose: &str,
        roles: &[&str],
    ) -> anyhow::Result<Self> {
        let database = &config.database;
        let (write, follow, query, leases, nats) = tokio::try_join!(
            leased_pool(config, addresses, database.pool_write),
            leased_pool(config, addresses, database.pool_follow),
            leased_pool(config, addresses, database.pool_query),
            leased_pool(config, addresses, LEASE_CONNECTIONS),
            nats(config, addresses, purpose),
        )?;
        let sender = NatsSender::new(nats.clone()).await.context("NATS")?;
        let owner = format!("{purpose}-{}-{}", std::process::id(), Uuid::now_v7());
        let (head, _) = watch::channel(0);
        // On the pool for writing: followers ask it for keys while they hold a connection of theirs.
        let vault = vault(config, &write)?;
        Ok(Self {
            config: Arc::clone(config),
            owner,
            write,
            follow,
            query,
            nats,
            sender,
            issuer: issuer(config)?,
            head,
            vault,
            log: None,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            leases,
            members: OnceLock::new(),
        })
    }

    /// The process as one of all that share the work. It joins with the first call, which the tables
    /// must be ready for.
    pub(crate) fn members(&self) -> Members {
        let join = || {
            let info = ProcessInfo {
                roles: self.roles.clone(),
                host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
                pid: std::process::id(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            };
            let ttl = self.config.process.lease_ttl;
            Members::join(self.leases.clone(), self.owner.as_str(), info, ttl)
        };
        self.members.get_or_init(join).clone()
    }

    /// Brings tables and streams up to date.
    pub(crate) async fn prepare(&self) -> anyhow::Result<()> {
        kontor_postgres::migrate(&self.write).await.context("migrations")?;
        self.nats.ensure().await.context("the broker's streams")
    }

    /// Makes sure that this build can read everything that stands in the log.
    pub(crate) async fn check_log(&self) -> anyhow::Result<()> {
        schemas::check(&self.write, Upcasters::current())
            .await
            .context("the log cannot be worked on")?;
        Ok(())
    }

    /// Checks that the master key opens what is there. Every process that reads or writes personal
    /// data does so before it begins.
    pub(crate) async fn verify_vault(&self) -> Result<(), Failure> {
        match self.vault.verify().await {
            Ok(()) => Ok(()),
            Err(VaultError::Locked) => Err(Failure::Usage(master_key::MISSING.to_owned())),
            Err(
                err @ (VaultError::MasterKeyUnknown { .. }
                | VaultError::KeyDamaged { .. }
                | VaultError::SecretDamaged { .. }
                | VaultError::KeyMissing { .. }
                | VaultError::Interrupted
                | VaultError::NoSubject
                | VaultError::Json(_)
                | VaultError::Database(_)),
            ) => Err(Failure::Failed(anyhow::Error::from(err).context("the master key"))),
        }
    }

    /// The event log, whose appender starts with the first call.
    pub(crate) fn event_log(&mut self) -> EventLog {
        let log = self.log.get_or_insert_with(|| {
            EventLog::start(self.write.clone(), AppenderSettings::default(), self.head.clone())
                .sealed_by(self.vault.clone())
        });
        log.clone()
    }

    /// The router over the event log.
    pub(crate) fn router(&mut self) -> Router {
        let store: Arc<dyn EventStore> = Arc::new(self.event_log());
        aggregates(Router::builder(store)).build()
    }

    /// Lets the appender finish, sends what is buffered, and closes the connections.
    pub(crate) async fn stop(self, limit: Duration) {
        let stopping = async {
            if let Some(log) = self.log {
                log.shutdown().await;
            }
            self.nats.flush().await;
            if let Some(members) = self.members.into_inner()
                && let Err(err) = members.leave().await
            {
                tracing::warn!("This process is reckoned with for some seconds more: {err}");
            }
            let closing = [self.write, self.follow, self.query, self.leases];
            futures::future::join_all(closing.iter().map(PgPool::close)).await;
        };
        if tokio::time::timeout(limit, stopping).await.is_err() {
            tracing::warn!("The appender did not finish within {} ms", limit.as_millis());
        }
    }
}
