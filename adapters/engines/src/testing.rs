//! Engines for tests: real processes, started at first use and gone with the test process, also
//! when it is killed.

use std::{
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{EngineError, NatsOptions, PostgresOptions, PrivateNats, PrivatePostgres};

/// The cluster of this test process. A static is never dropped: the server is stopped, and its
/// directory removed, by its supervisor when the process ends.
static CLUSTER: OnceLock<PrivatePostgres> = OnceLock::new();
static NEXT: AtomicU32 = AtomicU32::new(1);

/// A fresh, empty database.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TestDatabase {
    /// Its address, with user and password.
    pub url: String,
}

/// A nats-server with JetStream and an empty store; stopped and removed on drop.
#[derive(Debug)]
#[non_exhaustive]
pub struct TestNats {
    /// Its address, with user and password.
    pub url: String,
    inner: Server,
}

/// The server with its folder, which its supervisor removes.
#[derive(Debug)]
struct Server {
    nats: PrivateNats,
    folder: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        // A killed server has no supervisor any more.
        if self.nats.pid().is_none()
            && let Err(err) = std::fs::remove_dir_all(&self.folder)
        {
            tracing::warn!(error = %err, "{} was not removed", self.folder.display());
        }
    }
}

impl TestNats {
    /// Ends the server at once, as a crash would. The store stays. Blocks for some milliseconds.
    pub fn kill(&mut self) {
        self.inner.nats.kill();
    }

    /// The address for the server's system account.
    pub fn system_url(&self) -> String {
        self.inner.nats.system_url()
    }

    /// Starts the server again on the same port and store, after killing it when it still runs.
    /// Blocks until it is ready.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&mut self) {
        self.inner.nats.restart().unwrap_or_else(|err| fail(&err));
    }
}

/// Makes a fresh database `test_<n>` in the cluster of this test process, which is started at
/// first use without fsync.
///
/// # Panics
/// When PostgreSQL cannot be started.
pub async fn database() -> TestDatabase {
    blocking(|| {
        let cluster = CLUSTER.get_or_init(start_cluster);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        cluster.create_database(&name).unwrap_or_else(|err| fail(&err));
        TestDatabase { url: cluster.url(&name) }
    })
    .await
}

/// Starts a nats-server of its own for the calling test.
///
/// # Panics
/// When it cannot be started.
pub async fn nats() -> TestNats {
    server(None).await
}

/// As [`nats`], and the server asks about users that it does not know; see
/// [`PrivateNats::start_asking`].
///
/// # Panics
/// When it cannot be started.
pub async fn nats_asking(issuer: String) -> TestNats {
    server(Some(issuer)).await
}

async fn server(issuer: Option<String>) -> TestNats {
    blocking(|| {
        let folder = folder("nats");
        let options = NatsOptions { store_dir: folder.join("store"), port: None };
        let nats = PrivateNats::launch_new(options, issuer, Some(folder.clone()));
        let nats = nats.unwrap_or_else(|err| fail(&err));
        TestNats { url: nats.url(), inner: Server { nats, folder } }
    })
    .await
}

fn start_cluster() -> PrivatePostgres {
    let folder = folder("postgres");
    let options = PostgresOptions { data_dir: folder.join("data"), port: None, durable: false };
    PrivatePostgres::start_removing(options, Some(folder)).unwrap_or_else(|err| fail(&err))
}

fn folder(engine: &str) -> PathBuf {
    let made = tempfile::Builder::new().prefix(&format!("kontor-test-{engine}-")).tempdir();
    match made {
        Ok(folder) => folder.keep(),
        Err(source) => {
            let what = "no temporary directory can be made".to_owned();
            fail(&EngineError::Io { what, source })
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(err) => std::panic::resume_unwind(err.into_panic()),
    }
}

#[expect(clippy::panic, reason = "a test without its engine cannot go on")]
fn fail(err: &EngineError) -> ! {
    let mut text = err.to_string();
    let mut source = std::error::Error::source(err);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    panic!("{text}")
}
