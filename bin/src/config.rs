//! The configuration: one documented struct, read once, checked as a whole before anything starts.
//!
//! A value is looked up in the environment, then in `.env`, then in `kontor.toml`, then its default
//! holds. All problems are reported together, each with the variable's name, what it says and what
//! would be right; the values of secrets are never shown.

mod bots;
mod cards;
// Also in the unit tests, so that they run without the feature.
#[cfg(any(test, feature = "faults"))]
mod faults;
mod integrators;
mod parse;
mod problem;
mod reader;
mod sandbox;
mod seals;
mod settings;
mod sources;
#[cfg(test)]
mod tests;
mod traces;
mod yookassa;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use secrecy::SecretString;

pub use bots::{BotConfig, BotMode, TELEGRAM_API_URL};
pub use cards::{CardConfig, CardProvider};
#[cfg(any(test, feature = "faults"))]
pub use faults::FaultConfig;
pub use integrators::IntegratorsConfig;
pub use problem::{ConfigProblems, Problem};
pub use sandbox::SandboxConfig;
pub use seals::SealsConfig;
pub use settings::{BOT_FIELDS, CARD_FIELDS, COMPOSE_ONLY, ENGINE_ONLY, SETTINGS, Setting};
pub use sources::{SourceFiles, Sources};
pub use traces::TracesConfig;
pub use yookassa::YooKassaConfig;

use reader::Reader;

/// Everything that can be configured.
#[derive(Debug)]
pub struct Config {
    /// Where `kontor up` keeps the private engines' data, its lock and the demo key.
    pub data_dir: PathBuf,
    /// The keys under which the keys of people are kept, the current one first; without it the file
    /// in the data folder holds, which `kontor up` makes.
    pub master_key: Option<SecretString>,
    /// How credit ledgers are sealed.
    pub seals: SealsConfig,
    /// PostgreSQL.
    pub database: DatabaseConfig,
    /// NATS.
    pub nats: NatsConfig,
    /// Programs of others that receive events.
    pub integrators: IntegratorsConfig,
    /// The HTTP API and the status page.
    pub http: HttpConfig,
    /// The stand-in for Telegram.
    pub sandbox: SandboxConfig,
    /// The Telegram bots, in order of their names.
    pub bots: Vec<BotConfig>,
    /// The accounts that take cards, in order of their names.
    pub cards: Vec<CardConfig>,
    /// How many positions a read model that is being built may be behind when it is promoted.
    pub promote_within: u32,
    /// How long things are kept.
    pub retention: RetentionConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where figures for monitoring are served; nowhere when absent.
    pub metrics_address: Option<SocketAddr>,
    /// Where traces go.
    pub traces: TracesConfig,
    /// How the process runs.
    pub process: ProcessConfig,
    /// The fault that this process is to suffer.
    #[cfg(feature = "faults")]
    pub fault: Option<FaultConfig>,
    /// What looks wrong and does no harm, such as an unknown variable in the environment.
    pub notes: Vec<String>,
}

/// PostgreSQL: where it is and how many connections this process may hold.
#[derive(Debug)]
pub struct DatabaseConfig {
    /// A server of your own; without it `kontor up` runs a private one.
    pub url: Option<SecretString>,
    /// Port of the private server on the loopback address; 0 takes any free one.
    pub private_port: u16,
    /// Connections for the event log and leases.
    pub pool_write: u32,
    /// Connections for followers: projections and the relay.
    pub pool_follow: u32,
    /// Connections for queries of HTTP and the bots.
    pub pool_query: u32,
}

/// NATS: where it is, how to enter, and how the streams are laid out.
#[derive(Debug)]
pub struct NatsConfig {
    /// Servers of your own; when empty `kontor up` runs a private one.
    pub servers: Vec<SecretString>,
    /// How to enter.
    pub login: NatsLogin,
    /// Certificates to trust besides the usual ones.
    pub ca_file: Option<PathBuf>,
    /// What the addresses of replies begin with.
    pub inbox_prefix: String,
    /// Port of the private server on the loopback address; 0 takes any free one.
    pub private_port: u16,
    /// Copies of each stream; more than one needs a cluster.
    pub replicas: u32,
    /// Where the streams are kept.
    pub storage: NatsStorage,
    /// Commands that may wait; then new ones are refused with "try again".
    pub commands_max: u64,
    /// Bytes that the event stream may hold before it drops the oldest (the log keeps everything).
    pub events_bytes_max: u64,
    /// How long the event stream keeps an event.
    pub events_age_max: Duration,
}

/// How to enter NATS.
#[derive(Debug)]
pub enum NatsLogin {
    /// No login, or one inside the URL.
    Open,
    /// A `.creds` file with a user's JWT and key.
    CredentialsFile(PathBuf),
    /// A user and a password.
    User {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A token.
    Token(SecretString),
}

/// Where a stream is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NatsStorage {
    /// On disk: commands that wait survive a restart of the broker.
    File,
    /// In memory: faster, and empty after a restart.
    Memory,
}

/// The HTTP API.
#[derive(Debug)]
pub struct HttpConfig {
    /// Where it listens; port 0 takes any free one.
    pub address: SocketAddr,
    /// Under which address callers reach it, when that is not the one it listens on.
    pub public_url: Option<String>,
    /// A proxy stands before it and writes `X-Forwarded-For`.
    pub behind_proxy: bool,
    /// Requests per second that one API key may make on average; at once, twice as many.
    pub rate_per_key: u32,
    /// The same for one address, with or without a key.
    pub rate_per_address: u32,
    /// Web origins that may call the API from a browser.
    pub cors_origins: Vec<String>,
}

/// How long things are kept.
#[derive(Debug)]
pub struct RetentionConfig {
    /// Receipts of commands: within this time a retry of a command id finds its outcome.
    pub receipts: Duration,
    /// Updates that are done.
    pub inbox: Duration,
}

/// What is logged, and how.
#[derive(Debug)]
pub struct LogConfig {
    /// Directives such as `info,kontor=debug`; without it each role has its own default.
    pub filter: Option<String>,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For a collector: one JSON object per line.
    Json,
}

/// How the process runs.
#[derive(Debug)]
pub struct ProcessConfig {
    /// How long an orderly stop may take in all.
    pub shutdown: Duration,
    /// How long others wait for a process that fell silent before they take its work over.
    pub lease_ttl: Duration,
    /// Threads that run the tasks.
    pub worker_threads: usize,
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// All problems at once.
    pub fn load(sources: &Sources) -> Result<Self, ConfigProblems> {
        let mut reader = Reader::new(sources);
        let config = Self {
            data_dir: reader.path(&settings::DATA_DIR, ".kontor"),
            master_key: reader.secret(&settings::MASTER_KEY, parse::master_keys),
            seals: SealsConfig::read(&mut reader),
            database: DatabaseConfig::read(&mut reader),
            nats: NatsConfig::read(&mut reader),
            integrators: IntegratorsConfig::read(&mut reader),
            http: HttpConfig::read(&mut reader),
            sandbox: SandboxConfig::read(&mut reader),
            bots: bots::read(&mut reader),
            cards: cards::read(&mut reader),
            promote_within: reader.number(&settings::PROMOTE_WITHIN, 0..=10_000, 500),
            retention: RetentionConfig::read(&mut reader),
            log: LogConfig::read(&mut reader),
            metrics_address: reader.parsed(&settings::METRICS_ADDRESS, |text| text.parse().ok()),
            traces: TracesConfig::read(&mut reader),
            process: ProcessConfig::read(&mut reader),
            #[cfg(feature = "faults")]
            fault: FaultConfig::read(&mut reader),
            notes: Vec::new(),
        };
        config.check_sandbox(&mut reader);
        #[cfg(feature = "faults")]
        config.check_faulty(&mut reader);
        let (problems, notes) = reader.finish();
        if problems.is_empty() {
            Ok(Self { notes, ..config })
        } else {
            Err(ConfigProblems(problems))
        }
    }
}

impl DatabaseConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            url: reader.secret(&settings::DATABASE_URL, parse::database_url),
            private_port: reader.number(&settings::POSTGRES_PORT, 0..=u16::MAX, 54_329),
            pool_write: reader.number(&settings::POOL_WRITE, 2..=200, 6),
            pool_follow: reader.number(&settings::POOL_FOLLOW, 2..=200, 8),
            pool_query: reader.number(&settings::POOL_QUERY, 2..=200, 8),
        }
    }
}

impl NatsConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            servers: reader.secret_list(&settings::NATS_URL, parse::nats_server),
            login: NatsLogin::read(reader),
            ca_file: reader.parsed(&settings::NATS_CA_FILE, parse::readable_file),
            inbox_prefix: reader
                .parsed(&settings::NATS_INBOX_PREFIX, parse::inbox_prefix)
                .unwrap_or_else(|| "_INBOX".to_owned()),
            private_port: reader.number(&settings::NATS_PORT, 0..=u16::MAX, 42_229),
            replicas: reader.parsed(&settings::NATS_REPLICAS, parse::replicas).unwrap_or(1),
            storage: reader
                .parsed(&settings::NATS_STORAGE, parse::storage)
                .unwrap_or(NatsStorage::File),
            commands_max: reader.number(&settings::NATS_COMMANDS_MAX, 100..=10_000_000, 100_000),
            events_bytes_max: reader.number(
                &settings::NATS_EVENTS_BYTES_MAX,
                // The server counts in signed numbers.
                1_048_576..=u64::MAX / 2,
                1_073_741_824,
            ),
            events_age_max: reader.days(&settings::NATS_EVENTS_DAYS, 1..=3_650, 30),
        }
    }
}

impl NatsLogin {
    fn read(reader: &mut Reader<'_>) -> Self {
        let file = reader.parsed(&settings::NATS_CREDENTIALS_FILE, parse::readable_file);
        let user = reader.parsed(&settings::NATS_USER, parse::word);
        let password = reader.secret(&settings::NATS_PASSWORD, parse::present);
        let token = reader.secret(&settings::NATS_TOKEN, parse::present);
        let ways = [file.is_some(), user.is_some() || password.is_some(), token.is_some()];
        if ways.iter().filter(|way| **way).count() > 1 {
            reader.refuse(
                &settings::NATS_USER,
                "the only way to enter NATS: a credentials file, or a user with a password, or a \
                 token"
                    .to_owned(),
            );
        }
        match (file, user, password, token) {
            (Some(file), _, _, _) => Self::CredentialsFile(file),
            (None, Some(user), Some(password), _) => Self::User { user, password },
            (None, Some(_), None, _) => {
                reader.missing(&settings::NATS_PASSWORD, "it belongs to KONTOR_NATS_USER");
                Self::Open
            }
            (None, None, Some(_), _) => {
                reader.missing(&settings::NATS_USER, "it belongs to KONTOR_NATS_PASSWORD");
                Self::Open
            }
            (None, None, None, Some(token)) => Self::Token(token),
            (None, None, None, None) => Self::Open,
        }
    }
}

impl HttpConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            address: reader.address(&settings::HTTP_ADDRESS, 8080),
            public_url: reader.parsed(&settings::HTTP_PUBLIC_URL, parse::base_url),
            behind_proxy: reader
                .parsed(&settings::HTTP_BEHIND_PROXY, parse::switch)
                .unwrap_or(false),
            rate_per_key: reader.number(&settings::HTTP_RATE_PER_KEY, 1..=1_000_000, 200),
            rate_per_address: reader.number(&settings::HTTP_RATE_PER_ADDRESS, 1..=1_000_000, 300),
            cors_origins: reader.list(&settings::HTTP_CORS_ORIGINS, parse::origin),
        }
    }
}

impl RetentionConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            receipts: reader.days(&settings::RECEIPT_DAYS, 7..=3_650, 7),
            inbox: reader.days(&settings::INBOX_DAYS, 1..=3_650, 7),
        }
    }
}

impl LogConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            filter: reader.parsed(&settings::LOG, parse::log_filter),
            format: reader
                .parsed(&settings::LOG_FORMAT, parse::log_format)
                .unwrap_or(LogFormat::Text),
        }
    }
}

impl ProcessConfig {
    fn read(reader: &mut Reader<'_>) -> Self {
        // Two threads even on one core: a task that computes must not stop all others.
        let cores = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
        Self {
            shutdown: Duration::from_secs(reader.number(&settings::SHUTDOWN_SECONDS, 1..=300, 10)),
            lease_ttl: Duration::from_millis(reader.number(
                &settings::LEASE_TTL_MS,
                1_000..=60_000,
                5_000,
            )),
            worker_threads: reader.number(&settings::WORKER_THREADS, 1..=256, cores),
        }
    }
}
