//! Measures Kontor against its peers on one private PostgreSQL, and prints one table.

mod all_roles;
mod appends;
mod beside;
mod drive;
mod growth;
mod histogram;
mod idle;
mod in_process;
mod machine;
mod options;
mod paced;
mod peer;
mod plain_sql;
mod rebuild;
mod reconciliation;
mod replays;
mod report;
mod spends;
mod stages;
mod through_nats;
mod workload;

use std::{fs, io::Write, os::unix::fs::PermissionsExt, path::PathBuf};

use anyhow::{Context, bail};
use clap::Parser;
use kontor_engines::{NatsOptions, PostgresOptions, PrivateNats, PrivatePostgres};
use tempfile::TempDir;
use tokio::signal::{
    ctrl_c,
    unix::{SignalKind, signal},
};

use crate::{options::Options, stages::Engines};

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let folder = data_folder(&options.data_dir)?;
    let postgres = PrivatePostgres::start(PostgresOptions {
        data_dir: folder.path().join("postgres"),
        port: None,
        durable: true,
    })?;
    let nats =
        PrivateNats::start(NatsOptions { store_dir: folder.path().join("nats"), port: None })?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let engines = Engines { postgres: &postgres, nats: &nats, folder: folder.path() };
    let report = runtime.block_on(unless_stopped(stages::run(&options, &engines)));
    drop(runtime);
    nats.stop()?;
    postgres.stop()?;
    let report = report?;
    report.write(&mut std::io::stdout().lock())?;
    if let Some(path) = &options.json {
        fs::write(path, report.json()? + "\n")
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// Ends early on Ctrl-C or SIGTERM, so that the engines are stopped and their data is removed.
async fn unless_stopped<T>(
    measurement: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        measured = measurement => measured,
        interrupted = ctrl_c() => {
            interrupted?;
            bail!("interrupted")
        }
        _ = terminate.recv() => bail!("terminated"),
    }
}

/// Says what is going on; the table alone goes to the standard output.
fn tell(what: &str) {
    // Nobody who closed the standard error wants to know.
    drop(writeln!(std::io::stderr().lock(), "{what} …"));
}

/// A folder that is gone with the measurement. The engine's own user must be able to enter it.
fn data_folder(parent: &PathBuf) -> anyhow::Result<TempDir> {
    fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    let parent = fs::canonicalize(parent)?;
    tempfile::Builder::new()
        .prefix("bench-")
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir_in(&parent)
        .with_context(|| format!("no folder can be made in {}", parent.display()))
}
