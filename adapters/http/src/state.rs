//! What the handlers share.

use std::{
    future::Future,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use kontor_commands::{CommandSender, Folds};
use kontor_domain::{TenantId, accounting_period::Closed};
use kontor_postgres::Vault;
use serde_json::Value;
use sqlx::PgPool;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    denied::DeniedAttempts,
    keys::KeyRing,
    limits::{Buckets, Rate},
    operations::{Places, Recorder},
    status::StatusCache,
};

/// Settings of the HTTP interface.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    /// How long a request waits for a command's outcome before it answers 202.
    pub command_wait: Duration,
    /// How long a read waits for its read model.
    pub read_wait: Duration,
    /// How long any request may take.
    pub request_timeout: Duration,
    /// The largest body in bytes.
    pub body_bytes_max: usize,
    /// How much one key may do.
    pub rate_per_key: Rate,
    /// How much one address may do, with or without a key.
    pub rate_per_address: Rate,
    /// The last address of `X-Forwarded-For` is the caller's: set it behind a proxy that writes it,
    /// and nowhere else.
    pub behind_proxy: bool,
    /// Web pages of these origins may call the API, such as `https://app.example.com`; none by
    /// default.
    pub cors_origins: Vec<String>,
    /// The address under which callers reach the API, without a slash at its end.
    pub public_url: String,
    /// The chat to try the bot in, when the sandbox runs.
    pub sandbox_url: Option<String>,
    /// A follower that is further behind makes the process not ready.
    pub ready_lag_max: Duration,
    /// A follower that has been silent for longer counts as down.
    pub heartbeat_age_max: Duration,
    /// What a table for a spreadsheet may take.
    pub exports: ExportLimits,
}

/// What bounds the tables that are downloaded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ExportLimits {
    /// The most rows of one table: what a spreadsheet opens without pain. A longer one says at its end
    /// that it was cut.
    pub rows_max: usize,
    /// How long a table may take: a reader that takes one row now and then, or none, does not keep its
    /// place for ever.
    pub lasts: Duration,
    /// Tables at the same time in this process; each asks the database again and again.
    pub at_once_max: usize,
}

impl Default for ExportLimits {
    fn default() -> Self {
        Self { rows_max: 100_000, lasts: Duration::from_secs(120), at_once_max: 4 }
    }
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            command_wait: Duration::from_secs(2),
            read_wait: Duration::from_secs(2),
            request_timeout: Duration::from_secs(15),
            body_bytes_max: 64 * 1024,
            rate_per_key: Rate::new(200, 400),
            rate_per_address: Rate::new(300, 600),
            behind_proxy: false,
            cors_origins: Vec::new(),
            public_url: "http://127.0.0.1:8080".to_owned(),
            sandbox_url: None,
            ready_lag_max: Duration::from_secs(60),
            heartbeat_age_max: Duration::from_secs(30),
            exports: ExportLimits::default(),
        }
    }
}

/// What the broker says of itself.
#[derive(Clone, Debug)]
pub struct BrokerView {
    /// The server's version.
    pub version: String,
    /// How long it takes to answer.
    pub latency: Duration,
    /// How many commands wait in each shard.
    pub shards: Vec<BrokerShard>,
}

/// The commands of one shard that are not done.
#[derive(Clone, Copy, Debug)]
pub struct BrokerShard {
    /// The shard.
    pub shard: u32,
    /// Commands that no worker has taken.
    pub waiting: u64,
    /// Commands that a worker has taken and not settled.
    pub in_flight: u64,
}

type Answer<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Ask<T> = Arc<dyn Fn() -> Answer<T> + Send + Sync>;

/// Asks the broker; given by the composition root, because only the broker's adapter speaks to it.
#[derive(Clone)]
pub struct BrokerProbe {
    is_up: Ask<bool>,
    view: Option<Ask<Option<BrokerView>>>,
}

/// A page and a probe must not hang on a broker that hangs.
const BROKER_PATIENCE: Duration = Duration::from_secs(1);

impl BrokerProbe {
    /// A probe by a function; answers that take longer than a second count as no.
    pub fn new<F, A>(ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = bool> + Send + 'static,
    {
        Self { is_up: Arc::new(move || Box::pin(ask())), view: None }
    }

    /// The same probe, and what the operations page shows of the broker; none when it does not
    /// answer.
    #[must_use]
    pub fn showing<F, A>(mut self, ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Option<BrokerView>> + Send + 'static,
    {
        self.view = Some(Arc::new(move || Box::pin(ask())));
        self
    }

    pub(crate) async fn is_up(&self) -> bool {
        tokio::time::timeout(BROKER_PATIENCE, (self.is_up)()).await.unwrap_or(false)
    }

    pub(crate) async fn view(&self) -> Option<BrokerView> {
        let ask = self.view.as_ref()?;
        tokio::time::timeout(BROKER_PATIENCE, ask()).await.ok().flatten()
    }
}

/// How many people's data are put together at one time: each is held in memory as a whole.
const EXPORTS_MAX: usize = 2;

/// Why a person's data could not be put together.
pub type ExportError = Box<dyn std::error::Error + Send + Sync>;

/// Makes a workbook of the report of a closed month.
pub type ReportWorkbook = fn(&TenantId, &Closed) -> Result<Vec<u8>, ExportError>;

type Export = Answer<Result<Option<Value>, ExportError>>;

/// Puts together what is kept about a person.
pub(crate) struct Exporter {
    pub(crate) ask: Box<dyn Fn(TenantId, Uuid) -> Export + Send + Sync>,
    pub(crate) places: Semaphore,
}

/// How often one address may try to log in: a person mistypes a few times, a key cannot be guessed.
const LOGINS: (u32, u32) = (1, 5);

/// What the handlers share; cheap to clone.
#[derive(Clone)]
pub struct ApiState {
    pub(crate) pool: PgPool,
    pub(crate) sender: Arc<dyn CommandSender>,
    pub(crate) settings: Arc<ApiSettings>,
    pub(crate) broker: BrokerProbe,
    pub(crate) keys: Arc<KeyRing>,
    pub(crate) denied: Arc<DeniedAttempts>,
    pub(crate) per_key: Arc<Buckets<Uuid>>,
    pub(crate) per_address: Arc<Buckets<IpAddr>>,
    pub(crate) per_login: Arc<Buckets<IpAddr>>,
    pub(crate) status: Arc<StatusCache>,
    pub(crate) recorder: Arc<Recorder>,
    /// Places for what lasts longer than a request.
    pub(crate) places: Arc<Places>,
    pub(crate) folds: Arc<Folds>,
    /// Opens what is personal, where a history is looked at.
    pub(crate) vault: Vault,
    /// Puts together what is kept about a person.
    pub(crate) exporter: Option<Arc<Exporter>>,
    pub(crate) workbook: Option<ReportWorkbook>,
    /// Answers that said that Kontor failed, since the start.
    pub(crate) errors: Arc<AtomicU64>,
}

impl ApiState {
    /// State over a migrated database and a way to send commands.
    pub fn new(
        pool: PgPool,
        sender: Arc<dyn CommandSender>,
        settings: ApiSettings,
        broker: BrokerProbe,
    ) -> Self {
        Self {
            keys: Arc::new(KeyRing::new(pool.clone())),
            denied: Arc::new(DeniedAttempts::new(pool.clone())),
            per_key: Arc::new(Buckets::new(settings.rate_per_key)),
            per_address: Arc::new(Buckets::new(settings.rate_per_address)),
            per_login: Arc::new(Buckets::new(Rate::new(LOGINS.0, LOGINS.1))),
            status: Arc::default(),
            recorder: Arc::default(),
            places: Arc::new(Places::new(settings.exports.at_once_max)),
            folds: Arc::default(),
            vault: Vault::locked(),
            exporter: None,
            workbook: None,
            errors: Arc::default(),
            pool,
            sender,
            settings: Arc::new(settings),
            broker,
        }
    }

    /// The same state, whose histories show what was encrypted.
    #[must_use]
    pub fn opening(mut self, vault: Vault) -> Self {
        self.vault = vault;
        self
    }

    /// The same state, which hands out what is kept about a person as `ask` puts it together; none for
    /// somebody who is not there. Only the composition root knows all the places.
    #[must_use]
    pub fn exporting<F, A>(mut self, ask: F) -> Self
    where
        F: Fn(TenantId, Uuid) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Option<Value>, ExportError>> + Send + 'static,
    {
        let ask = Box::new(move |tenant, account| -> Answer<_> { Box::pin(ask(tenant, account)) });
        self.exporter = Some(Arc::new(Exporter { ask, places: Semaphore::new(EXPORTS_MAX) }));
        self
    }

    /// The same state, which makes workbooks of reports. Who writes the formats of spreadsheets is
    /// another adapter, which the composition root knows.
    #[must_use]
    pub fn reporting(mut self, workbook: ReportWorkbook) -> Self {
        self.workbook = Some(workbook);
        self
    }

    /// The same state, whose histories show the states of these aggregates.
    #[must_use]
    pub fn folding(mut self, folds: Folds) -> Self {
        self.folds = Arc::new(folds);
        self
    }
}
