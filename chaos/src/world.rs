//! Private engines with proxies before them, the processes, and what they have been through.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, ensure};
use kontor_engines::{NatsOptions, PostgresOptions, PrivateNats, PrivatePostgres};
use serde::Deserialize;
use sqlx::PgPool;
use tokio::{process::Command, task::block_in_place};
use uuid::Uuid;

use crate::{
    disk::Disk,
    erase::Erased,
    fleet::{EVENTS_BYTES_MAX, Fleet, LEASE, PER_ROLE, Place},
    history::History,
    load::{self, Senders},
    people::{People, StandIn},
    proxy::Proxy,
};

/// The database of the house.
const DATABASE: &str = "kontor";
/// The tenant that all commands belong to.
pub(crate) const TENANT: &str = "chaos";
/// The master key of a database that is thrown away.
pub(crate) const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
/// The connections of the checks.
const CONNECTIONS: u32 = 4;
/// How long a short command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(90);

/// The proxies of one process of each role.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) postgres: Proxy,
    pub(crate) broker: Proxy,
}

/// Everything that one series of rounds happens to.
pub(crate) struct World {
    folder: PathBuf,
    postgres: Mutex<PrivatePostgres>,
    broker: Mutex<PrivateNats>,
    pool: PgPool,
    pub(crate) sides: [Side; PER_ROLE],
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) history: Arc<History>,
    pub(crate) senders: Arc<Senders>,
    pub(crate) people: People,
    pub(crate) erased: Erased,
    pub(crate) disk: Option<Disk>,
    keeper: tokio::task::JoinHandle<anyhow::Result<()>>,
}

/// An API key, as `kontor key create --json` prints it.
#[derive(Debug, Deserialize)]
pub(crate) struct ApiKey {
    pub(crate) id: Uuid,
    pub(crate) key: String,
}

impl World {
    /// Starts engines and processes in a new folder below `parent`, and gives the tenant what the
    /// load needs. `disk` is a small disk for PostgreSQL, when one can be had.
    pub(crate) async fn start(
        binary: &Path,
        parent: &Path,
        with_disk: bool,
    ) -> anyhow::Result<Self> {
        let folder = new_folder(parent)?;
        let disk = if with_disk { Disk::mount(&folder.join("disk"))? } else { None };
        let data_dir = disk.as_ref().map_or(folder.as_path(), Disk::path).join("postgres");
        let postgres = PostgresOptions { data_dir, port: None, durable: true };
        let postgres = block_in_place(|| PrivatePostgres::start(postgres))?;
        block_in_place(|| postgres.create_database(DATABASE))?;
        let broker = NatsOptions { store_dir: folder.join("nats"), port: None };
        let broker = block_in_place(|| PrivateNats::start(broker))?;
        let sides = [
            Side::start(postgres.port(), broker.port()).await?,
            Side::start(postgres.port(), broker.port()).await?,
        ];
        let addresses = |side: &Side| {
            let database = through(&postgres.url(DATABASE), postgres.port(), side.postgres.port());
            (database, through(&broker.url(), broker.port(), side.broker.port()))
        };
        let logs = made(folder.join("logs"))?;
        let telegram = made(folder.join("telegram"))?;
        let telegram = StandIn::start(binary, &telegram, &logs.join("sandbox.log")).await?;
        let people = People::meet(telegram).await.context("the people in the sandbox")?;
        let place = Place {
            binary: binary.to_owned(),
            folder: made(folder.join("run"))?,
            logs,
            markers: made(folder.join("markers"))?,
            engines: [addresses(&sides[0]), addresses(&sides[1])],
            telegram_url: people.stand_in.url(),
        };
        run(&place, &["migrate"]).await?;
        let key = ["key", "create", "--tenant", TENANT, "--label", "chaos", "--json"];
        let key: ApiKey = serde_json::from_str(&run(&place, &key).await?)?;
        let pool = kontor_postgres::connect(&postgres.url(DATABASE), CONNECTIONS).await?;
        let broker_url = place.engines[0].1.clone();
        let fleet = Arc::new(Fleet::start(place)?);
        let keeper = tokio::spawn({
            let fleet = Arc::clone(&fleet);
            async move { fleet.keep().await }
        });
        let history = Arc::new(History::default());
        let senders = Senders::new(broker_url, fleet.http(), key, Arc::clone(&history)).await?;
        let world = Self {
            folder,
            postgres: Mutex::new(postgres),
            broker: Mutex::new(broker),
            pool,
            sides,
            fleet,
            history,
            senders: Arc::new(senders),
            people,
            erased: Erased::default(),
            disk,
            keeper,
        };
        load::furnish(&world.senders).await.context("the tenant cannot be opened")?;
        world.people.furnish(&world.senders).await.context("the people's accounts")?;
        Ok(world)
    }

    /// Runs a short command of the program and returns what it printed.
    pub(crate) async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        run(self.fleet.place(), arguments).await
    }

    /// Where everything is.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The processes' logs.
    pub(crate) fn log_dir(&self) -> PathBuf {
        self.folder.join("logs")
    }

    /// The database, past the proxies.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The broker's address, past the proxies.
    pub(crate) fn broker_url(&self) -> String {
        self.with_broker(|broker| broker.url())
    }

    /// Works with PostgreSQL; other tasks of this thread move on elsewhere.
    pub(crate) fn with_postgres<T>(&self, work: impl FnOnce(&mut PrivatePostgres) -> T) -> T {
        block_in_place(|| work(&mut self.postgres.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Works with the broker.
    pub(crate) fn with_broker<T>(&self, work: impl FnOnce(&mut PrivateNats) -> T) -> T {
        block_in_place(|| work(&mut self.broker.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Where the broker keeps its streams.
    pub(crate) fn streams_dir(&self) -> PathBuf {
        self.folder.join("nats").join("jetstream")
    }

    /// Ends all processes and engines. What they leave behind stays when `keep` says so.
    pub(crate) async fn end(self, keep: bool) -> anyhow::Result<()> {
        self.keeper.abort();
        self.pool.close().await;
        let Self { folder, postgres, broker, fleet, senders, people, disk, sides, keeper, .. } =
            self;
        // The fleet dies with its last owner.
        drop((senders, people, keeper.await));
        drop(fleet);
        drop(sides);
        let postgres = postgres.into_inner().unwrap_or_else(PoisonError::into_inner);
        let broker = broker.into_inner().unwrap_or_else(PoisonError::into_inner);
        block_in_place(|| {
            broker.stop()?;
            postgres.stop()
        })?;
        if keep {
            return Ok(());
        }
        if let Some(disk) = disk {
            disk.unmount()?;
        }
        fs::remove_dir_all(&folder).with_context(|| format!("{} stays", folder.display()))
    }
}

impl Side {
    async fn start(postgres: u16, broker: u16) -> anyhow::Result<Self> {
        let (postgres, broker) = tokio::try_join!(Proxy::start(postgres), Proxy::start(broker))?;
        Ok(Self { postgres, broker })
    }
}

/// An address with the proxy's port in the place of the engine's.
fn through(address: &str, port: u16, proxy: u16) -> String {
    address.replace(&format!("@127.0.0.1:{port}"), &format!("@127.0.0.1:{proxy}"))
}

fn made(folder: PathBuf) -> anyhow::Result<PathBuf> {
    fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    Ok(folder)
}

/// The engine's own user must be able to enter it.
fn new_folder(parent: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    let parent = fs::canonicalize(parent)?;
    let folder = tempfile::Builder::new()
        .prefix("world-")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in(&parent)
        .with_context(|| format!("no folder can be made in {}", parent.display()))?;
    Ok(folder.keep())
}

/// Runs a short command of the program and returns what it printed.
async fn run(place: &Place, arguments: &[&str]) -> anyhow::Result<String> {
    let (database, broker) = &place.engines[0];
    let mut command = Command::new(&place.binary);
    command
        .args(arguments)
        .current_dir(&place.folder)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("DATABASE_URL", database)
        .env("NATS_URL", broker)
        .env("KONTOR_MASTER_KEY", MASTER_KEY)
        .env("KONTOR_NATS_EVENTS_BYTES_MAX", EVENTS_BYTES_MAX)
        // The broker's patience with a worker follows from it.
        .env("KONTOR_LEASE_TTL_MS", LEASE.as_millis().to_string())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let what = format!("{} {}", place.binary.display(), arguments.join(" "));
    let output = tokio::time::timeout(COMMAND_LIMIT, command.output()).await;
    let output = output.with_context(|| format!("{what} takes too long"))?;
    let output = output.with_context(|| format!("{what} cannot be started"))?;
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{what}: {}", errors.trim());
    Ok(String::from_utf8(output.stdout)?)
}
