//! What the handlers share.

use std::{future::Future, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use kontor_commands::CommandSender;
use sqlx::PgPool;
use uuid::Uuid;

use crate::{
    denied::DeniedAttempts,
    keys::KeyRing,
    limits::{Buckets, Rate},
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
        }
    }
}

type Answer = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Asks whether the broker can be reached; given by the composition root, because only the broker's
/// adapter speaks to it.
#[derive(Clone)]
pub struct BrokerProbe(Arc<dyn Fn() -> Answer + Send + Sync>);

impl BrokerProbe {
    /// A probe by a function; answers that take longer than a second count as no.
    pub fn new<F, A>(ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = bool> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(ask())))
    }

    pub(crate) async fn is_up(&self) -> bool {
        /// A page and a probe must not hang on a broker that hangs.
        const PATIENCE: Duration = Duration::from_secs(1);
        tokio::time::timeout(PATIENCE, (self.0)()).await.unwrap_or(false)
    }
}

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
    pub(crate) status: Arc<StatusCache>,
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
            status: Arc::default(),
            pool,
            sender,
            settings: Arc::new(settings),
            broker,
        }
    }
}
