//! What a running `kontor up` tells other calls of the program on the same machine, so that
//! `kontor check` or `kontor key create` find its private engines without any configuration.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use kontor_engines::{DataLock, EngineError};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::{
    compose::Addresses,
    supervise::{Board, RoleState},
};

/// How soon a change of a role's state can be seen.
const ROLES_INTERVAL: Duration = Duration::from_secs(1);

/// Where a running `kontor up` is. The addresses hold passwords.
#[derive(Deserialize, Serialize)]
pub(crate) struct Session {
    /// The HTTP API's base address.
    pub(crate) http: String,
    database_url: String,
    nats_servers: Vec<String>,
    #[serde(default)]
    nats_system: Option<String>,
}

impl Session {
    pub(crate) fn new(http: String, addresses: &Addresses) -> Self {
        let expose = |secret: &SecretString| secret.expose_secret().to_owned();
        Self {
            http,
            database_url: expose(&addresses.database_url),
            nats_servers: addresses.nats_servers.iter().map(expose).collect(),
            nats_system: addresses.nats_system.as_ref().map(expose),
        }
    }

    /// Where its engines are.
    pub(crate) fn addresses(&self) -> Addresses {
        Addresses {
            database_url: self.database_url.as_str().into(),
            nats_servers: self.nats_servers.iter().map(|url| url.as_str().into()).collect(),
            nats_system: self.nats_system.as_deref().map(Into::into),
        }
    }

    /// Writes the file that [`Session::find`] reads; only its owner may.
    pub(crate) fn write(&self, data_dir: &Path) -> io::Result<()> {
        write_private(&path(data_dir), &serde_json::to_vec(self)?)
    }

    /// Removes the files of a run that ends.
    pub(crate) fn remove(data_dir: &Path) {
        for path in [path(data_dir), roles_path(data_dir)] {
            if let Err(err) = fs::remove_file(path)
                && err.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(error = %err, "A file of this run was not removed");
            }
        }
    }

    /// The `kontor up` that runs with this data at this moment.
    pub(crate) fn find(data_dir: &Path) -> Option<Self> {
        let text = fs::read(path(data_dir)).ok()?;
        // A run that was killed leaves its file behind, but not its lock.
        match DataLock::acquire(&lock_path(data_dir)) {
            Err(EngineError::Locked { .. }) => serde_json::from_slice(&text).ok(),
            Ok(_) | Err(_) => None,
        }
    }
}

/// The roles of the `kontor up` that runs with this data, as it wrote them last.
pub(crate) fn read_roles(data_dir: &Path) -> Option<BTreeMap<String, RoleState>> {
    serde_json::from_slice(&fs::read(roles_path(data_dir)).ok()?).ok()
}

/// Writes the states of the roles whenever they change, for [`read_roles`].
pub(crate) async fn keep_roles_written(
    data_dir: PathBuf,
    board: Board,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut written = BTreeMap::new();
    loop {
        let states = board.states();
        if states != written {
            write_private(&roles_path(&data_dir), &serde_json::to_vec(&states)?)?;
            written = states;
        }
        if stop.run_until_cancelled(tokio::time::sleep(ROLES_INTERVAL)).await.is_none() {
            return Ok(());
        }
    }
}

fn roles_path(data_dir: &Path) -> PathBuf {
    data_dir.join("roles.json")
}

/// The lock of a data folder.
pub(crate) fn lock_path(data_dir: &Path) -> PathBuf {
    data_dir.join("lock")
}

fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("run.json")
}

/// Writes a file that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = path.with_added_extension("new");
    fs::remove_file(&temporary)
        .or_else(|err| if err.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(err) })?;
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
