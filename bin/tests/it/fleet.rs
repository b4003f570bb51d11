//! Many processes of the program on one database and one broker, each with its own role.

use std::{fs::File, path::PathBuf, process::Stdio, time::Duration};

use kontor_engines::testing::{TestDatabase, TestNats};
use kontor_nats::{Nats, NatsSender, NatsSettings};
use kontor_projections::checkpoints;
use rustix::process::{Pid, Signal};
use serde_json::Value;
use sqlx::PgPool;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::program::{MASTER_KEY, STOP_LIMIT, command, run, text};

/// Short, so that a test is over soon; long enough for a machine that compiles meanwhile.
pub(crate) const LEASE_TTL: Duration = Duration::from_millis(2_000);

/// Far above what followers need on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The engines and what the test itself sees of them.
pub(crate) struct Fleet {
    pub(crate) pool: PgPool,
    pub(crate) sender: NatsSender,
    folder: TempDir,
    database: TestDatabase,
    broker: TestNats,
}

/// One process of a role.
pub(crate) struct Process {
    child: Child,
    role: &'static str,
    log: PathBuf,
}

impl Fleet {
    /// Engines with their tables and streams, the demo tenant, and no process yet.
    pub(crate) async fn new() -> Self {
        let (database, broker) =
            tokio::join!(kontor_engines::testing::database(), kontor_engines::testing::nats());
        let pool = kontor_postgres::connect(&database.url, 4).await.unwrap();
        let nats = Nats::connect(NatsSettings::new([broker.url.clone()])).await.unwrap();
        let sender = NatsSender::new(nats).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let fleet = Self { pool, sender, folder, database, broker };
        assert!(run(fleet.command(&["migrate"])).await.status.success());
        fleet
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = command(self.folder.path(), arguments);
        command
            .env("DATABASE_URL", &self.database.url)
            .env("NATS_URL", &self.broker.url)
            .env("KONTOR_MASTER_KEY", MASTER_KEY)
            .env("KONTOR_LEASE_TTL_MS", LEASE_TTL.as_millis().to_string())
            .env("KONTOR_LOG", "info");
        command
    }

    /// Starts a process; it works when its leases say so.
    pub(crate) fn start(&self, role: &'static str) -> Process {
        self.start_with(role, &[])
    }

    /// The same with settings of its own.
    pub(crate) fn start_with(&self, role: &'static str, settings: &[(String, String)]) -> Process {
        let log = self.folder.path().join(format!("{role}-{}.log", uuid::Uuid::now_v7()));
        let mut command = self.command(&[role]);
        command.envs(settings.iter().cloned());
        // A file: nobody reads a pipe here, and a full one would stop the process.
        command.stdout(Stdio::null()).stderr(File::create(&log).unwrap());
        Process { child: command.spawn().unwrap(), role, log }
    }

    pub(crate) async fn seed(&self) {
        self.kontor(&["seed"]).await;
    }

    /// What a verb of the program prints.
    pub(crate) async fn kontor(&self, arguments: &[&str]) -> String {
        let output = run(self.command(arguments)).await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Waits until every read model and the relay have passed all events that there are.
    pub(crate) async fn quiet(&self) {
        let projections = kontor_projections::all();
        let names = projections.iter().map(|projection| projection.name()).chain(["relay"]);
        let names: Vec<&str> = names.collect();
        let head = checkpoints::head_position(&self.pool).await.unwrap();
        let reached = checkpoints::wait_for(&self.pool, &names, head, PATIENCE).await.unwrap();
        assert!(reached, "the followers have caught up");
    }

    /// What `kontor process list --json` says.
    pub(crate) async fn list(&self) -> Listing {
        let listed = self.kontor(&["process", "list", "--json"]).await;
        Listing(serde_json::from_str(&listed).unwrap())
    }

    /// The same as people read it.
    pub(crate) async fn list_text(&self) -> String {
        text(&run(self.command(&["process", "list"])).await.stdout)
    }

    /// A plain client of the broker, as an integrator would have.
    pub(crate) async fn client(&self) -> async_nats::Client {
        let url = self.broker.url.strip_prefix("nats://").unwrap();
        let (login, host) = url.split_once('@').unwrap();
        let (user, password) = login.split_once(':').unwrap();
        let options =
            async_nats::ConnectOptions::with_user_and_password(user.into(), password.into());
        options.connect(host).await.unwrap()
    }
}

/// What is listed of processes and leases.
#[derive(Debug)]
pub(crate) struct Listing(Value);

impl Listing {
    fn process(&self, pid: u32) -> Option<&Value> {
        self.0["processes"].as_array().unwrap().iter().find(|process| process["pid"] == pid)
    }

    /// How many leases of a kind a process holds.
    pub(crate) fn held(&self, process: &Process, prefix: &str) -> usize {
        let Some(listed) = self.process(process.pid()) else { return 0 };
        let leases = listed["leases"].as_array().unwrap();
        leases.iter().filter(|lease| lease["name"].as_str().unwrap().starts_with(prefix)).count()
    }

    /// Whether the process is there and its heart beats.
    pub(crate) fn is_alive(&self, process: &Process) -> Option<bool> {
        self.process(process.pid())?["alive"].as_bool()
    }

    /// Whether no process is left.
    pub(crate) fn nobody_is_alive(&self) -> bool {
        self.0["processes"].as_array().unwrap().iter().all(|process| process["alive"] == false)
    }

    /// Whether everything that somebody wants is held by somebody.
    pub(crate) fn all_served(&self) -> bool {
        self.0["unserved"].as_array().unwrap().is_empty()
    }
}

impl Process {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub(crate) fn role(&self) -> &'static str {
        self.role
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// An orderly end, within its promise; returns what it wrote to its log.
    pub(crate) async fn stop(mut self) -> String {
        self.signal(Signal::TERM);
        let status = tokio::time::timeout(STOP_LIMIT, self.child.wait()).await;
        let status =
            status.unwrap_or_else(|_| panic!("{} does not end:\n{}", self.role, self.said()));
        let said = self.said();
        assert!(status.unwrap().success(), "{said}");
        said
    }

    /// What it wrote to its log.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}
