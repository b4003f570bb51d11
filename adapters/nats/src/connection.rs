//! The connection to the broker.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::{
    Client, ConnectErrorKind, ConnectOptions, Event, ServerAddr,
    connection::State,
    jetstream::{self, context::ContextBuilder},
};
use secrecy::ExposeSecret;

use crate::{
    NatsAuth, NatsError, NatsSettings,
    streams::{self, Schema},
};

/// The oldest server that works: subject transforms and strict updates came with it.
const SERVER_OLDEST: (i64, i64, i64) = (2, 10, 0);
/// How long one attempt to connect may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request to JetStream's own interface may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// The first pause before connecting again; it doubles.
const RECONNECT_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause before connecting again.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(5);
/// The most messages of this process that wait for JetStream's confirmation.
const UNCONFIRMED_MAX: usize = 4096;

/// A connection to the broker that restores itself. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Nats {
    client: Client,
    jetstream: jetstream::Context,
    schema: Arc<Schema>,
    ack_timeout: Duration,
}

/// The commands of one shard that are not done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ShardBacklog {
    /// The shard.
    pub shard: u32,
    /// Commands that no worker has taken.
    pub waiting: u64,
    /// Commands that a worker has taken and not settled.
    pub in_flight: u64,
}

impl Nats {
    /// Connects, trying for [`NatsSettings::connect_timeout`], and checks the server's version.
    /// From then on the connection is restored for as long as the process lives.
    ///
    /// # Errors
    /// [`NatsError`]: no server reached, credentials refused, or a server that is too old.
    pub async fn connect(settings: NatsSettings) -> Result<Self, NatsError> {
        let schema = Arc::new(Schema::new(&settings.streams)?);
        let (servers, from_address) = servers(&settings.urls)?;
        let auth = match &settings.auth {
            NatsAuth::FromAddress => from_address.unwrap_or(NatsAuth::FromAddress),
            NatsAuth::UserPassword { .. } | NatsAuth::Token(_) | NatsAuth::CredentialsFile(_) => {
                settings.auth.clone()
            }
        };
        let options = options(&settings, auth).await?;
        let client = connect(&options, servers, settings.connect_timeout).await?;
        let (major, minor, patch) = SERVER_OLDEST;
        if !client.is_server_compatible(major, minor, patch) {
            let found = client.server_info().version;
            return Err(NatsError::ServerTooOld { found, needed: "2.10" });
        }
        let jetstream = ContextBuilder::new()
            .timeout(REQUEST_TIMEOUT)
            .ack_timeout(settings.ack_timeout)
            .max_ack_inflight(UNCONFIRMED_MAX)
            // A full window is told to the sender at once instead of making everybody wait.
            .backpressure_on_inflight(false)
            .build(client.clone());
        Ok(Self { client, jetstream, schema, ack_timeout: settings.ack_timeout })
    }

    /// Makes or updates the streams and consumers, and checks that the server holds them exactly as
    /// asked.
    ///
    /// # Errors
    /// [`NatsError::Mismatch`] lists every field that the server holds differently.
    pub async fn ensure(&self) -> Result<(), NatsError> {
        streams::ensure(&self.jetstream, &self.schema).await
    }

    /// Checks the streams and consumers without changing anything.
    ///
    /// # Errors
    /// As [`Self::ensure`]; also when a stream or consumer does not exist.
    pub async fn check(&self) -> Result<(), NatsError> {
        streams::check(&self.jetstream, &self.schema).await
    }

    /// The number of commands that wait or are being worked on.
    ///
    /// # Errors
    /// When JetStream does not answer, or the stream does not exist.
    pub async fn commands_waiting(&self) -> Result<u64, NatsError> {
        let fill = streams::fill(&self.jetstream, crate::names::COMMANDS).await?;
        fill.map(|fill| fill.messages).ok_or_else(|| NatsError::Refused {
            what: format!("stream {}", crate::names::COMMANDS),
            code: streams::NOT_FOUND,
            description: "stream not found".to_owned(),
        })
    }

    /// How many commands wait in each shard, and how many a worker has taken.
    ///
    /// # Errors
    /// When JetStream does not answer, or the consumers do not exist.
    pub async fn shard_backlogs(&self) -> Result<Vec<ShardBacklog>, NatsError> {
        let shards = (0..crate::names::SHARDS).map(|shard| async move {
            let consumer = crate::names::consumer(shard);
            let commands = crate::names::COMMANDS;
            let (waiting, in_flight) =
                streams::consumer_backlog(&self.jetstream, commands, &consumer).await?;
            Ok(ShardBacklog { shard, waiting, in_flight })
        });
        futures::future::try_join_all(shards).await
    }

    /// How long the server takes to answer a ping.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn round_trip(&self) -> Result<Duration, NatsError> {
        let begun = Instant::now();
        self.client.flush().await.map_err(|err| NatsError::Request {
            what: "a ping".to_owned(),
            source: Box::new(err),
        })?;
        Ok(begun.elapsed())
    }

    /// Deletes the commands to one aggregate that wait in the queue. Returns how many there were.
    ///
    /// # Errors
    /// When JetStream does not answer, or a part of the address is no safe token.
    pub async fn forget_commands(
        &self,
        tenant: &str,
        aggregate: &str,
        id: &str,
    ) -> Result<u64, NatsError> {
        let filter = crate::names::address_of_waiting(tenant, aggregate, id)
            .ok_or_else(|| NatsError::Schema("no address of an aggregate".to_owned()))?;
        streams::purge(&self.jetstream, crate::names::COMMANDS, &filter).await
    }

    /// Whether the connection stands at this moment.
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// The version of the server that this process is connected to.
    pub fn server_version(&self) -> String {
        self.client.server_info().version
    }

    /// Sends what is still buffered; call it before the process ends.
    pub async fn flush(&self) {
        match tokio::time::timeout(REQUEST_TIMEOUT, self.client.flush()).await {
            Ok(Ok(())) => {}
            Ok(Err(err)) => tracing::warn!(error = %err, "Messages to NATS were not flushed"),
            Err(_) => tracing::warn!("Messages to NATS were not flushed in time"),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn jetstream(&self) -> &jetstream::Context {
        &self.jetstream
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(crate) fn ack_timeout(&self) -> Duration {
        self.ack_timeout
    }
}

async fn connect(
    options: &ConnectOptions,
    servers: Vec<ServerAddr>,
    patience: Duration,
) -> Result<Client, NatsError> {
    let started = Instant::now();
    let mut attempts = 0;
    loop {
        attempts += 1;
        let err = match options.clone().connect(servers.clone()).await {
            Ok(client) => return Ok(client),
            Err(err) => err,
        };
        let pause = reconnect_pause(attempts);
        let hopeless = err.kind() == ConnectErrorKind::AuthorizationViolation;
        if hopeless || started.elapsed() + pause > patience {
            return Err(NatsError::Connect(err));
        }
        tracing::info!(error = %err, "NATS cannot be reached yet; trying again");
        tokio::time::sleep(pause).await;
    }
}

async fn options(settings: &NatsSettings, auth: NatsAuth) -> Result<ConnectOptions, NatsError> {
    if !settings.inbox_prefix.starts_with("_INBOX") {
        let prefix = &settings.inbox_prefix;
        return Err(NatsError::Schema(format!("inbox prefix `{prefix}` must begin with _INBOX")));
    }
    let mut options = ConnectOptions::new()
        .name(&settings.name)
        .custom_inbox_prefix(&settings.inbox_prefix)
        .connection_timeout(ATTEMPT_TIMEOUT)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .max_reconnects(None)
        .reconnect_delay_callback(reconnect_pause)
        .event_callback(|event| async move { report(&event) });
    if let Some(file) = &settings.root_certificates {
        options = options.add_root_certificates(file.clone());
    }
    Ok(match auth {
        NatsAuth::FromAddress => options,
        NatsAuth::UserPassword { user, password } => {
            options.user_and_password(user, password.expose_secret().to_owned())
        }
        NatsAuth::Token(token) => options.token(token.expose_secret().to_owned()),
        NatsAuth::CredentialsFile(file) => {
            options.credentials_file(file).await.map_err(NatsError::Credentials)?
        }
    })
}

/// The pause before an attempt to connect: doubling, bounded, and different for every process, so
/// that a server that comes back is not stormed.
fn reconnect_pause(attempts: usize) -> Duration {
    let doublings = u32::try_from(attempts).unwrap_or(u32::MAX).clamp(1, 16) - 1;
    let longest = RECONNECT_PAUSE.saturating_mul(1 << doublings).min(RECONNECT_PAUSE_MAX);
    rand::random_range(longest / 2..=longest)
}

fn report(event: &Event) {
    match event {
        Event::Connected => tracing::info!("Connected to NATS"),
        Event::Disconnected => tracing::warn!("Disconnected from NATS"),
        Event::LameDuckMode => tracing::warn!("The NATS server is about to leave"),
        Event::Draining | Event::Closed => tracing::debug!(%event, "The NATS connection closes"),
        Event::SlowConsumer(_) => tracing::warn!(%event, "NATS messages were dropped"),
        Event::ServerError(err) => {
            tracing::warn!(error = %err, "The NATS server refused something");
        }
        Event::ClientError(err) => tracing::warn!(error = %err, "The NATS client failed"),
    }
}

/// The servers' addresses without user and password, and the first user found in them.
fn servers(urls: &[String]) -> Result<(Vec<ServerAddr>, Option<NatsAuth>), NatsError> {
    let mut found = None;
    let mut servers = Vec::with_capacity(urls.len());
    for url in urls {
        let (scheme, rest) = url.split_once("://").unwrap_or(("nats", url));
        let (user, host) = match rest.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, rest),
        };
        let address = format!("{scheme}://{host}");
        match address.parse() {
            Ok(server) => servers.push(server),
            Err(source) => return Err(NatsError::Address { address, source }),
        }
        if let (Some(user), None) = (user, &found) {
            found = Some(match user.split_once(':') {
                Some((user, password)) => NatsAuth::UserPassword {
                    user: percent_decode(user),
                    password: percent_decode(password).into(),
                },
                None => NatsAuth::Token(percent_decode(user).into()),
            });
        }
    }
    Ok((servers, found))
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let coded = after.get(..2).filter(|_| *first == b'%');
        let coded = coded.and_then(|digits| std::str::from_utf8(digits).ok());
        match coded.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_leave_the_address() {
        let urls = ["nats://kontor:a%40b%2Fc@127.0.0.1:4222".to_owned(), "10.0.0.2".to_owned()];
        let (servers, auth) = servers(&urls).unwrap();
        assert_eq!(servers[0].as_url_str(), "nats://127.0.0.1:4222");
        assert_eq!(servers[1].host(), "10.0.0.2");
        let Some(NatsAuth::UserPassword { user, password }) = auth else { panic!("{auth:?}") };
        assert_eq!((user.as_str(), password.expose_secret()), ("kontor", "a@b/c"));
    }

    #[test]
    fn a_broken_address_is_named_without_its_password() {
        let err = servers(&["nats://kontor:secret@host:port".to_owned()]).unwrap_err();
        assert!(err.to_string().contains("host:port"), "{err}");
        assert!(!err.to_string().contains("secret"), "{err}");
    }

    #[test]
    fn pauses_grow_and_stay_bounded() {
        assert!(reconnect_pause(1) <= RECONNECT_PAUSE);
        for attempts in [5, 100, usize::MAX] {
            let pause = reconnect_pause(attempts);
            assert!(pause > RECONNECT_PAUSE && pause <= RECONNECT_PAUSE_MAX, "{pause:?}");
        }
    }
}
