//! What can go wrong with a private engine.

use std::path::PathBuf;

/// Why a private engine could not be found, started, used or stopped.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine's programs are not installed.
    #[error("{engine} was not found (looked at {tried}); {install}")]
    NotInstalled {
        /// The engine.
        engine: &'static str,
        /// The places looked at.
        tried: String,
        /// What to install.
        install: &'static str,
    },
    /// The engine's programs are too old.
    #[error("{engine} at {path} has version {found}, at least {needed} is needed; {install}", path = path.display())]
    TooOld {
        /// The engine.
        engine: &'static str,
        /// The program found.
        path: PathBuf,
        /// Its version.
        found: String,
        /// The oldest version that works.
        needed: &'static str,
        /// What to install.
        install: &'static str,
    },
    /// The data was written by another major version of PostgreSQL.
    #[error("the data in {data_dir} is of PostgreSQL {found}, and only {installed} is installed; install PostgreSQL {found} or move the directory away", data_dir = data_dir.display())]
    OtherVersion {
        /// The data directory.
        data_dir: PathBuf,
        /// The major version that wrote it.
        found: u32,
        /// The major version installed.
        installed: u32,
    },
    /// The port is taken by another process.
    #[error("port {port} on 127.0.0.1 is taken{by}; {engine} cannot listen there", by = holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default())]
    PortTaken {
        /// The engine.
        engine: &'static str,
        /// The port.
        port: u16,
        /// The process that listens there, when it can be found.
        holder: Option<String>,
    },
    /// Another server runs on the same data.
    #[error("{engine} runs on {data_dir} already (process {pid})", data_dir = data_dir.display())]
    AlreadyRunning {
        /// The engine.
        engine: &'static str,
        /// The data directory.
        data_dir: PathBuf,
        /// The process that uses it.
        pid: u32,
    },
    /// Another Kontor works in the same data directory.
    #[error("process {pid} works with {path} already; stop it first", path = path.display(), pid = pid.map_or_else(|| "another".to_owned(), |pid| pid.to_string()))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// The process named in it.
        pid: Option<u32>,
    },
    /// The engine refuses to run as root, and the user it would run as cannot reach its data.
    #[error("user {user} cannot search {blocked}, so PostgreSQL cannot reach its data in {data_dir}; allow it with `chmod o+x {blocked}`", blocked = blocked.display(), data_dir = data_dir.display())]
    Unreachable {
        /// The user that the engine runs as.
        user: String,
        /// The directory that it cannot search.
        blocked: PathBuf,
        /// The data directory.
        data_dir: PathBuf,
    },
    /// The password of an existing cluster is gone.
    #[error("the password of the data in {data_dir} is missing: {path} cannot be read; restore it or move the data away", data_dir = data_dir.display(), path = path.display())]
    PasswordMissing {
        /// The data directory.
        data_dir: PathBuf,
        /// The file that should hold it.
        path: PathBuf,
    },
    /// The engine, or one of its tools, ended with an error.
    #[error("{engine}: {what}: {output}")]
    Failed {
        /// The engine.
        engine: &'static str,
        /// What was tried.
        what: String,
        /// The last lines that it wrote.
        output: String,
    },
    /// The engine did not get ready or did not stop in time.
    #[error("{engine}: {what} took longer than {limit_s} s")]
    TimedOut {
        /// The engine.
        engine: &'static str,
        /// What was tried.
        what: &'static str,
        /// The limit in seconds.
        limit_s: u64,
    },
    /// A database's name is not a plain one.
    #[error("`{0}` is no database name: 1 to 63 characters of a-z, 0-9 and _ are")]
    DatabaseName(String),
    /// A file or process could not be handled.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl EngineError {
    /// Says what was tried when the system refused.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
