//! How the broker is reached, and what its streams look like.

use std::{fmt, path::PathBuf, time::Duration};

use secrecy::SecretString;

/// Who Kontor is to the broker.
#[derive(Clone, Debug, Default)]
pub enum NatsAuth {
    /// What the address says (`nats://user:password@host:port`), or nobody.
    #[default]
    FromAddress,
    /// A user with a password.
    UserPassword {
        /// The user.
        user: String,
        /// The password.
        password: SecretString,
    },
    /// A token.
    Token(SecretString),
    /// A `.creds` file with a user's JWT and seed.
    CredentialsFile(PathBuf),
}

/// How the broker is reached.
#[derive(Clone)]
pub struct NatsSettings {
    /// The servers' addresses; one that can be reached is enough.
    pub urls: Vec<String>,
    /// Who Kontor is to them.
    pub auth: NatsAuth,
    /// The connection's name in the server's lists, such as `kontor-worker`.
    pub name: String,
    /// What inboxes begin with; a restricted user has one of its own, such as `_INBOX_gateway`.
    /// Must begin with `_INBOX`.
    pub inbox_prefix: String,
    /// A file of certificates to trust besides the usual ones.
    pub root_certificates: Option<PathBuf>,
    /// How long the first connection is tried for.
    pub connect_timeout: Duration,
    /// How long JetStream may take to confirm a message: replicated streams that sync every message
    /// have been seen to take most of a second under load.
    pub ack_timeout: Duration,
    /// The sizes of the streams.
    pub streams: StreamSettings,
}

impl NatsSettings {
    /// The usual settings for these servers.
    pub fn new(urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            urls: urls.into_iter().map(Into::into).collect(),
            auth: NatsAuth::FromAddress,
            name: "kontor".to_owned(),
            inbox_prefix: "_INBOX".to_owned(),
            root_certificates: None,
            connect_timeout: Duration::from_secs(10),
            ack_timeout: Duration::from_secs(5),
            streams: StreamSettings::default(),
        }
    }
}

impl fmt::Debug for NatsSettings {
    // The addresses can hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsSettings")
            .field("servers", &self.urls.len())
            .field("name", &self.name)
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}

/// What an installation may change of the streams described in `nats/streams.json`.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamSettings {
    /// The copies of each message: 1 on a single server, 3 or 5 in a cluster.
    pub replicas: u32,
    /// Whether the streams are kept in files; memory is for measurements.
    pub on_disk: bool,
    /// The most commands that wait; one more is turned away.
    pub commands_max_messages: u64,
    /// The most bytes of waiting commands.
    pub commands_max_bytes: u64,
    /// How long an unacknowledged command is left to its worker, at least 1 s.
    pub ack_wait: Duration,
    /// How long an event stays in the stream; the log keeps it for ever.
    pub events_max_age: Duration,
    /// The most bytes of events; the oldest leave first. The server reserves them on its disk.
    pub events_max_bytes: u64,
}

impl Default for StreamSettings {
    fn default() -> Self {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        Self {
            replicas: 1,
            on_disk: true,
            // Some 20 s of work at 5,000 commands/s: who would wait longer is better told at once.
            commands_max_messages: 100_000,
            commands_max_bytes: 256 * 1024 * 1024,
            ack_wait: Duration::from_secs(30),
            events_max_age: DAY * 30,
            events_max_bytes: 2 * 1024 * 1024 * 1024,
        }
    }
}
