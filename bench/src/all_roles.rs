//! The memory of `kontor` with all roles, as a process of its own.

use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    drive::{Contender, drive},
    machine::resident_bytes,
    through_nats::{SendsCommands, connect},
    workload::Workload,
};

/// How long it may take until it says that it is ready, with migrations.
const READY_MAX: Duration = Duration::from_secs(60);
/// How long it is left alone before it counts as idle.
const IDLE_AFTER: Duration = Duration::from_secs(5);
/// How often its memory is read under load.
const SAMPLE_EVERY: Duration = Duration::from_millis(100);
/// How long it may take to stop in order.
const STOP_MAX: Duration = Duration::from_secs(60);
/// The number of callers that are the load.
const CALLERS: usize = 64;

/// Where the process finds its engines and keeps its files.
pub(crate) struct Place<'a> {
    pub(crate) binary: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) database_url: String,
    pub(crate) nats_url: String,
}

/// Resident memory in bytes, idle and at most under load.
pub(crate) async fn memory(
    place: &Place<'_>,
    workload: &Workload,
    seconds: u64,
) -> anyhow::Result<(u64, u64)> {
    let mut child = start(place)?;
    let measured = measure(&mut child, place, workload, seconds).await;
    let stopped = stop(&mut child).await;
    let measured = measured?;
    ensure!(stopped?.success(), "kontor did not stop in order");
    Ok(measured)
}

fn start(place: &Place<'_>) -> anyhow::Result<Child> {
    // Nothing from outside: neither variables, nor `.env` or `kontor.toml` of the folder.
    let mut command = Command::new(place.binary);
    command
        .args(["up", "--json"])
        .current_dir(place.folder)
        .env_clear()
        .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        .env("DATABASE_URL", &place.database_url)
        .env("NATS_URL", &place.nats_url)
        // Of a database that is thrown away.
        .env("KONTOR_MASTER_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
        .env("KONTOR_DATA_DIR", place.folder)
        .env("KONTOR_HTTP_ADDRESS", "127.0.0.1:0")
        .env("KONTOR_SANDBOX_ADDRESS", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command.spawn().with_context(|| format!("{} cannot be started", place.binary.display()))
}

async fn measure(
    child: &mut Child,
    place: &Place<'_>,
    workload: &Workload,
    seconds: u64,
) -> anyhow::Result<(u64, u64)> {
    let process = child.id().context("kontor has ended already")?.to_string();
    let output = child.stdout.take().context("kontor has no output")?;
    let mut lines = BufReader::new(output).lines();
    let ready = timeout(READY_MAX, lines.next_line()).await.context("kontor is not ready")??;
    ensure!(ready.is_some(), "kontor ended before it was ready");
    tokio::time::sleep(IDLE_AFTER).await;
    let idle = resident_bytes(&process)?;
    let sender =
        SendsCommands::new(connect(place.nats_url.clone()).await?, workload.clone()).await?;
    sender.send(workload.create_tenant()?).await?;
    let contender: Arc<dyn Contender> = Arc::new(sender);
    let stop = CancellationToken::new();
    let watch = tokio::spawn(highest(process, stop.clone()));
    let driven = drive(&contender, CALLERS, seconds).await;
    stop.cancel();
    let load = watch.await.context("the watch panicked")??;
    ensure!(driven?.failed == 0, "commands failed under load");
    Ok((idle, load))
}

async fn highest(process: String, stop: CancellationToken) -> anyhow::Result<u64> {
    let mut highest = 0;
    while !stop.is_cancelled() {
        highest = highest.max(resident_bytes(&process)?);
        tokio::time::sleep(SAMPLE_EVERY).await;
    }
    Ok(highest)
}

async fn stop(child: &mut Child) -> anyhow::Result<ExitStatus> {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        kill_process(pid, Signal::TERM).context("kontor cannot be told to stop")?;
    }
    timeout(STOP_MAX, child.wait()).await.context("kontor does not stop")?.context("no status")
}
