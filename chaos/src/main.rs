//! Drives the real program, as several processes on private engines, through faults, and checks from
//! outside that nothing was lost, doubled, reordered or forgotten.
//!
//! A round: load begins, a fault strikes, it heals, the load ends, the house becomes quiet, and the
//! checks of [`check`] look at the database and the broker directly. What each round does follows
//! from its seed alone (`scenario`).

mod canary;
mod check;
mod disk;
mod erase;
mod fleet;
mod history;
mod inject;
mod load;
mod options;
mod people;
mod proxy;
mod quiet;
mod replay;
mod report;
mod round;
mod scenario;
mod snapshot;
mod world;

use std::process::ExitCode;

use anyhow::bail;
use clap::Parser;
use tokio::signal::{
    ctrl_c,
    unix::{SignalKind, signal},
};

use crate::options::Options;

fn main() -> ExitCode {
    let options = Options::parse();
    start_log();
    let passed = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(unless_stopped(report::run_all(&options))));
    match passed {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(err) => {
            report::tell(&format!("error: {err:#}"));
            ExitCode::FAILURE
        }
    }
}

/// The warnings of the parts that run in this process would drown the report: its own connections
/// are cut on purpose.
fn start_log() {
    let filter = tracing_subscriber::EnvFilter::new("off,kontor_chaos=info");
    // A second subscriber cannot be: nothing else in this program sets one.
    drop(tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init());
}

/// Ends early on Ctrl-C or SIGTERM, so that the processes are killed and the engines stopped.
async fn unless_stopped<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        done = work => done,
        interrupted = ctrl_c() => {
            interrupted?;
            bail!("interrupted")
        }
        _ = terminate.recv() => bail!("terminated"),
    }
}
