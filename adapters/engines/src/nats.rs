//! A private nats-server with JetStream.

use std::{
    fmt, fs,
    io::{BufRead, BufReader, Read},
    net::{Ipv4Addr, TcpStream},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;

use crate::{
    EngineError, NatsBinary, port, secret,
    supervisor::{POLL, Plan, Supervised},
};

const ENGINE: &str = "nats-server";
/// The user with all rights.
const USER: &str = "kontor";
/// The user who may listen to events and do nothing else.
const LISTENER: &str = "listener";
/// The user in the server's system account, who may list connections and end them.
const SYSTEM: &str = "system";
/// What the listener hears.
const LISTENER_SUBJECTS: &str = "evt.>";
/// How long a start may take: a large store is read back before the server listens.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How long an orderly stop may take.
const STOP_GRACE: Duration = Duration::from_secs(15);
/// How long the server may take to greet a connection.
const GREETING_LIMIT: Duration = Duration::from_secs(2);
/// The longest greeting that is read, in bytes; real ones have some 500.
const GREETING_MAX: u64 = 16 * 1024;
/// How often another free port is tried when somebody was faster.
const PORT_ATTEMPTS: usize = 5;

/// What all streams together may reserve. Streams are bounded one by one; without this figure the
/// server allows three quarters of what is free on the disk when it starts, and on a disk that is
/// nearly full refuses streams that hold next to nothing.
const STORE_BYTES_MAX: &str = "64GB";

/// How a private nats-server is run.
#[derive(Clone, Debug)]
pub struct NatsOptions {
    /// Where its configuration and its streams are; made at the first start.
    pub store_dir: PathBuf,
    /// The port on 127.0.0.1; any free one when absent.
    pub port: Option<u16>,
}

/// A running private nats-server. Dropping it stops the server without waiting.
pub struct PrivateNats {
    server: Option<Supervised>,
    binary: NatsBinary,
    store_dir: PathBuf,
    port: u16,
    password: String,
    listener_password: String,
    system_password: String,
    issuer: Option<String>,
    remove: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Greeting {
    #[serde(default)]
    jetstream: bool,
}

impl PrivateNats {
    /// Starts the server and waits until JetStream is ready. Blocks up to a minute.
    ///
    /// # Errors
    /// [`EngineError`]: not installed, port taken, or a failed start.
    pub fn start(options: NatsOptions) -> Result<Self, EngineError> {
        Self::launch_new(options, None, None)
    }

    /// As [`Self::start`], and asks about users that it does not know: whoever answers with a JWT
    /// that is signed by the issuer (the public half of an account key) lets them in.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_asking(options: NatsOptions, issuer: String) -> Result<Self, EngineError> {
        Self::launch_new(options, Some(issuer), None)
    }

    /// As [`Self::start`] or [`Self::start_asking`], and removes `remove` once the server has been
    /// stopped.
    pub(crate) fn launch_new(
        options: NatsOptions,
        issuer: Option<String>,
        remove: Option<PathBuf>,
    ) -> Result<Self, EngineError> {
        let binary = NatsBinary::find()?;
        let failed = || format!("the directory {} cannot be made", options.store_dir.display());
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&options.store_dir)
            .map_err(EngineError::io(failed()))?;
        let store_dir = options.store_dir.canonicalize().map_err(EngineError::io(failed()))?;
        let password = kept_password(&store_dir)?;
        let listener_password = kept_password(&store_dir.with_added_extension(LISTENER))?;
        let system_password = kept_password(&store_dir.with_added_extension(SYSTEM))?;
        let mut nats = Self {
            server: None,
            binary,
            store_dir,
            port: 0,
            password,
            listener_password,
            system_password,
            issuer,
            remove,
        };
        let mut attempts = 0;
        loop {
            attempts += 1;
            nats.port = match options.port {
                Some(port) => port,
                None => port::free()?,
            };
            match nats.launch() {
                Ok(()) => return Ok(nats),
                Err(EngineError::PortTaken { .. })
                    if options.port.is_none() && attempts < PORT_ATTEMPTS => {}
                Err(err) => return Err(err),
            }
        }
    }

    /// The address, with user and password: never log it.
    pub fn url(&self) -> String {
        format!("nats://{USER}:{}@127.0.0.1:{}", self.password, self.port)
    }

    /// The address for somebody who may subscribe to `evt.>` and do nothing else, with user and
    /// password: never log it.
    pub fn listener_url(&self) -> String {
        format!("nats://{LISTENER}:{}@127.0.0.1:{}", self.listener_password, self.port)
    }

    /// The address for the server's system account, with user and password: never log it.
    pub fn system_url(&self) -> String {
        format!("nats://{SYSTEM}:{}@127.0.0.1:{}", self.system_password, self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Supervised::pid)
    }

    /// Whether the server is gone though nobody stopped it.
    pub fn has_ended(&mut self) -> bool {
        self.server.as_mut().is_none_or(Supervised::has_ended)
    }

    /// Stops the server in order and waits until it is gone.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(mut self) -> Result<(), EngineError> {
        self.server.take().map_or(Ok(()), Supervised::stop)
    }

    /// Ends the server at once, as a crash would. The store stays.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// Starts the server again on the same port and store; kills it first when it still runs.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn restart(&mut self) -> Result<(), EngineError> {
        self.kill();
        self.launch()
    }

    fn launch(&mut self) -> Result<(), EngineError> {
        port::require_free(ENGINE, self.port)?;
        let configuration = self.store_dir.join("nats-server.conf");
        self.write_configuration(&configuration)?;
        let mut server = Supervised::start(Plan {
            engine: ENGINE,
            program: self.binary.path().to_owned(),
            arguments: vec!["--config".into(), configuration.into()],
            account: None,
            log: self.store_dir.join("server.log"),
            stop_signal: "TERM",
            grace: STOP_GRACE,
            remove: self.remove.clone(),
        })?;
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            if server.has_ended() {
                return Err(self.explain(&server));
            }
            if greeting(self.port).is_some_and(|greeting| greeting.jetstream) {
                self.server = Some(server);
                return Ok(());
            }
            thread::sleep(POLL);
        }
        server.kill();
        let limit_s = START_LIMIT.as_secs();
        Err(EngineError::TimedOut { engine: ENGINE, what: "starting", limit_s })
    }

    fn write_configuration(&self, path: &Path) -> Result<(), EngineError> {
        let store = serde_json::Value::from(self.store_dir.display().to_string());
        let text = format!(
            "# Written at every start; changes are lost.\n\
             server_name: \"kontor-private\"\n\
             listen: \"127.0.0.1:{port}\"\n\
             max_payload: 1MB\n\
             authorization {{ users: [\n\
             \x20 {{ user: \"{USER}\", password: \"{password}\" }}\n\
             \x20 {{ user: \"{LISTENER}\", password: \"{listener_password}\", permissions: {{\n\
             \x20   publish: {{ deny: \">\" }}, subscribe: \"{LISTENER_SUBJECTS}\" }} }}\n\
             ]{callout} }}\n\
             accounts {{ $SYS {{ users: [\n\
             \x20 {{ user: \"{SYSTEM}\", password: \"{system_password}\" }}\n\
             ] }} }}\n\
             jetstream {{ store_dir: {store}, max_file_store: {STORE_BYTES_MAX} }}\n",
            port = self.port,
            password = self.password,
            listener_password = self.listener_password,
            callout = self.callout(),
            system_password = self.system_password,
        );
        fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
            .map_err(EngineError::io(format!("{} cannot be written", path.display())))
    }

    /// Whom the server asks about users that it does not know; those that it knows are listed.
    fn callout(&self) -> String {
        self.issuer.as_ref().map_or_else(String::new, |issuer| {
            format!(
                "\n  auth_callout {{ issuer: \"{issuer}\", auth_users: [\"{USER}\", \
                 \"{LISTENER}\", \"{SYSTEM}\"] }}"
            )
        })
    }

    fn explain(&self, server: &Supervised) -> EngineError {
        let output = server.log_tail();
        if output.contains("address already in use") {
            return port::taken(ENGINE, self.port);
        }
        EngineError::Failed { engine: ENGINE, what: "the server did not start".to_owned(), output }
    }
}

/// The password kept beside `path`; made at the first start.
fn kept_password(path: &Path) -> Result<String, EngineError> {
    let file = secret::password_path(path);
    secret::read(&file).map_or_else(|| secret::create(&file, None), Ok)
}

impl fmt::Debug for PrivateNats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateNats")
            .field("store_dir", &self.store_dir)
            .field("port", &self.port)
            .field("pid", &self.pid())
            .finish_non_exhaustive()
    }
}

/// The first line that a server sends on a connection, when one listens.
fn greeting(port: u16) -> Option<Greeting> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(GREETING_LIMIT)).ok()?;
    let mut line = String::new();
    BufReader::new(stream.take(GREETING_MAX)).read_line(&mut line).ok()?;
    serde_json::from_str(line.strip_prefix("INFO ")?).ok()
}
