//! A private PostgreSQL server.

mod init;

use std::{
    ffi::OsString,
    fmt, fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    EngineError, PostgresBinaries,
    account::{self, Account},
    port,
    supervisor::{POLL, Plan, Supervised, is_alive, run},
};

const ENGINE: &str = "PostgreSQL";
/// The superuser of a private cluster.
const USER: &str = "kontor";
/// How long a start may take: recovery after a crash replays up to `max_wal_size` of log.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long a fast shutdown may take, checkpoint included, before an immediate one.
const STOP_GRACE: Duration = Duration::from_secs(20);
/// How long a server that is just being stopped by its supervisor is waited for.
const PREDECESSOR_LIMIT: Duration = Duration::from_secs(20);
/// How often another free port is tried when somebody was faster.
const PORT_ATTEMPTS: usize = 5;
/// The longest name of a database.
const NAME_LENGTH_MAX: usize = 63;

/// How a private PostgreSQL is run.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// Where its data is; made at the first start.
    pub data_dir: PathBuf,
    /// The port on 127.0.0.1; any free one when absent.
    pub port: Option<u16>,
    /// Whether commits survive a power failure. Tests do without.
    pub durable: bool,
}

/// A running private PostgreSQL. Dropping it stops the server without waiting.
pub struct PrivatePostgres {
    server: Option<Supervised>,
    binaries: PostgresBinaries,
    account: Option<Account>,
    durable: bool,
    remove: Option<PathBuf>,
    data_dir: PathBuf,
    port: u16,
    password: String,
}

impl PrivatePostgres {
    /// Makes the cluster when it does not exist, starts the server and waits until it answers.
    ///
    /// Blocks up to two minutes (recovery after a crash).
    ///
    /// # Errors
    /// [`EngineError`]: not installed, port taken, data in use or unreachable, or a failed start.
    pub fn start(options: PostgresOptions) -> Result<Self, EngineError> {
        Self::start_removing(options, None)
    }

    /// As [`Self::start`], and removes `remove` once the server has been stopped.
    pub(crate) fn start_removing(
        options: PostgresOptions,
        remove: Option<PathBuf>,
    ) -> Result<Self, EngineError> {
        let account = Account::for_postgres(&options.data_dir)?;
        if let (Some(account), Some(folder)) = (&account, &remove) {
            // The supervisor runs as this user and has to empty the folder in the end.
            chown(folder, Some(account.uid), Some(account.gid))
                .map_err(EngineError::io(format!("{} cannot be handed over", folder.display())))?;
        }
        let data_dir = account::place(&options.data_dir, account.as_ref())?;
        let binaries = PostgresBinaries::for_data(&data_dir)?;
        let password = init::ensure(&binaries, &data_dir, account.as_ref(), options.durable)?;
        let given = options.port;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let port = match given {
                Some(port) => port,
                None => port::free()?,
            };
            let launch = Launch { binaries: &binaries, data_dir: &data_dir, port };
            match launch.run(account.clone(), options.durable, remove.clone()) {
                Ok(server) => {
                    let (server, durable) = (Some(server), options.durable);
                    return Ok(Self {
                        server,
                        binaries,
                        account,
                        durable,
                        remove,
                        data_dir,
                        port,
                        password,
                    });
                }
                Err(EngineError::PortTaken { .. })
                    if given.is_none() && attempts < PORT_ATTEMPTS => {}
                Err(err) => return Err(err),
            }
        }
    }

    /// The address of a database, with user and password: never log it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}:{}@127.0.0.1:{}/{database}", self.password, self.port)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.server.as_ref().map(Supervised::pid)
    }

    /// Where the data really is; see [`PostgresOptions::data_dir`] for where it was asked to be.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Whether the server is gone though nobody stopped it.
    pub fn has_ended(&mut self) -> bool {
        self.server.as_mut().is_none_or(Supervised::has_ended)
    }

    /// Makes a database unless it exists. Returns whether it was made.
    ///
    /// # Errors
    /// When the name is not a plain one, or the server refuses.
    pub fn create_database(&self, name: &str) -> Result<bool, EngineError> {
        let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if name.is_empty() || name.len() > NAME_LENGTH_MAX || !plain {
            return Err(EngineError::DatabaseName(name.to_owned()));
        }
        let mut command = Command::new(self.binaries.program("createdb"));
        command
            .args(["--host=127.0.0.1", "--no-password", "--maintenance-db=postgres"])
            .arg(format!("--port={}", self.port))
            .arg(format!("--username={USER}"))
            .arg(name)
            .env("PGPASSWORD", &self.password);
        match run(ENGINE, "making a database", &mut command) {
            Ok(_) => Ok(true),
            Err(EngineError::Failed { output, .. }) if output.contains("already exists") => {
                Ok(false)
            }
            Err(err) => Err(err),
        }
    }

    /// Stops the server: open transactions are rolled back, everything committed is flushed.
    /// Blocks until it is gone.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(mut self) -> Result<(), EngineError> {
        self.server.take().map_or(Ok(()), Supervised::stop)
    }

    /// Ends the server at once, as a crash would. The data stays.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
        }
    }

    /// Starts the server again on the same port and data; kills it first when it still runs. Blocks
    /// until it has recovered.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn restart(&mut self) -> Result<(), EngineError> {
        self.kill();
        let launch = Launch { binaries: &self.binaries, data_dir: &self.data_dir, port: self.port };
        let started = Instant::now();
        loop {
            let launched = launch.run(self.account.clone(), self.durable, self.remove.clone());
            match launched {
                Ok(server) => {
                    self.server = Some(server);
                    return Ok(());
                }
                // The children of a killed server notice its end a moment later.
                Err(EngineError::Failed { output, .. })
                    if output.contains("pre-existing shared memory block")
                        && started.elapsed() < PREDECESSOR_LIMIT =>
                {
                    thread::sleep(POLL);
                }
                Err(err) => return Err(err),
            }
        }
    }
}

impl fmt::Debug for PrivatePostgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivatePostgres")
            .field("data_dir", &self.data_dir)
            .field("port", &self.port)
            .field("pid", &self.pid())
            .finish_non_exhaustive()
    }
}

struct Launch<'a> {
    binaries: &'a PostgresBinaries,
    data_dir: &'a Path,
    port: u16,
}

impl Launch<'_> {
    fn run(
        &self,
        account: Option<Account>,
        durable: bool,
        remove: Option<PathBuf>,
    ) -> Result<Supervised, EngineError> {
        self.wait_for_predecessor()?;
        port::require_free(ENGINE, self.port)?;
        let mut server = Supervised::start(Plan {
            engine: ENGINE,
            program: self.binaries.program("postgres"),
            arguments: self.arguments(durable),
            account,
            log: self.data_dir.join("server.log"),
            stop_signal: "INT",
            grace: STOP_GRACE,
            remove,
        })?;
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            if self.is_ready(server.pid()) {
                return Ok(server);
            }
            if server.has_ended() {
                return Err(self.explain(&server));
            }
            thread::sleep(POLL);
        }
        server.kill();
        let limit_s = START_LIMIT.as_secs();
        Err(EngineError::TimedOut { engine: ENGINE, what: "starting", limit_s })
    }

    fn arguments(&self, durable: bool) -> Vec<OsString> {
        let mut settings = vec![
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("port", self.port.to_string()),
            ("unix_socket_directories", String::new()),
            ("timezone", "UTC".to_owned()),
            ("log_timezone", "UTC".to_owned()),
            ("shared_buffers", "128MB".to_owned()),
            // Short queries alone are run here; compiling them costs more than it saves.
            ("jit", "off".to_owned()),
            // Fewer checkpoints: each one writes whole pages to the log again.
            ("max_wal_size", "2GB".to_owned()),
            ("checkpoint_timeout", "15min".to_owned()),
            ("log_checkpoints", "off".to_owned()),
            // Statements and details of errors can hold personal data.
            ("log_min_error_statement", "panic".to_owned()),
            ("log_error_verbosity", "terse".to_owned()),
        ];
        if durable {
            // Two processes of each role, those that were killed a moment ago, and tools beside them.
            settings.push(("max_connections", "200".to_owned()));
            settings.push(("fsync", "on".to_owned()));
        } else {
            // Many tests run at once, each with pools of its own.
            settings.push(("max_connections", "400".to_owned()));
            settings.push(("fsync", "off".to_owned()));
            settings.push(("full_page_writes", "off".to_owned()));
            settings.push(("wal_level", "minimal".to_owned()));
            settings.push(("max_wal_senders", "0".to_owned()));
        }
        let mut arguments: Vec<OsString> = vec!["-D".into(), self.data_dir.into()];
        for (name, value) in settings {
            arguments.extend(["-c".into(), format!("{name}={value}").into()]);
        }
        arguments
    }

    /// The server writes its state into `postmaster.pid`: its process id in the first line, and
    /// `ready` in the eighth as soon as it takes connections.
    fn is_ready(&self, pid: u32) -> bool {
        let text = fs::read_to_string(self.data_dir.join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        let same = lines.next().and_then(|line| line.trim().parse().ok()) == Some(pid);
        same && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    }

    /// A server whose owner died is being stopped by its supervisor; that takes a moment.
    fn wait_for_predecessor(&self) -> Result<(), EngineError> {
        let started = Instant::now();
        loop {
            let text = fs::read_to_string(self.data_dir.join("postmaster.pid")).unwrap_or_default();
            let pid = text.lines().next().and_then(|line| line.trim().parse().ok());
            let Some(pid) = pid.filter(|pid| is_alive(*pid) && is_postgres(*pid)) else {
                // PostgreSQL itself removes the file of a dead server.
                return Ok(());
            };
            if started.elapsed() > PREDECESSOR_LIMIT {
                let data_dir = self.data_dir.to_owned();
                return Err(EngineError::AlreadyRunning { engine: ENGINE, data_dir, pid });
            }
            thread::sleep(POLL);
        }
    }

    fn explain(&self, server: &Supervised) -> EngineError {
        let output = server.log_tail();
        if output.contains("Address already in use") {
            return port::taken(ENGINE, self.port);
        }
        EngineError::Failed { engine: ENGINE, what: "the server did not start".to_owned(), output }
    }
}

/// Whether a process is a PostgreSQL server and not one that was given the same id later.
fn is_postgres(pid: u32) -> bool {
    let found = Command::new("ps").args(["-o", "comm=", "-p", &pid.to_string()]).output();
    // Without `ps` it cannot be told; PostgreSQL decides then.
    found.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("postgres"))
}
