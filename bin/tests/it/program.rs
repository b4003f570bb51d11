//! Runs the program in a folder of its own, with every port free to choose.

use std::{
    path::Path,
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

/// 32 bytes in base64, as `openssl rand -base64 32` prints them.
pub(crate) const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Far above what a start takes on a busy machine.
pub(crate) const START_LIMIT: Duration = Duration::from_secs(90);
/// What the program promises for an orderly stop.
pub(crate) const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A command in `folder` with all ports free and nothing of the caller's own configuration.
pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kontor"));
    let ours = std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let name = name.to_string_lossy();
        let engine = name == "KONTOR_NATS_SERVER" || name == "KONTOR_POSTGRES_BIN";
        !engine
            && (name.starts_with("KONTOR_")
                || name.starts_with("BOT_")
                || name.starts_with("OTEL_")
                || name.starts_with("DATABASE_URL")
                || name.starts_with("NATS_URL"))
    });
    for name in ours {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .current_dir(folder)
        .env("KONTOR_HTTP_ADDRESS", "127.0.0.1:0")
        .env("KONTOR_SANDBOX_ADDRESS", "127.0.0.1:0")
        .env("KONTOR_POSTGRES_PORT", "0")
        .env("KONTOR_NATS_PORT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub(crate) async fn run(mut command: Command) -> Output {
    timeout(START_LIMIT, command.output()).await.unwrap().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A running `kontor up`.
pub(crate) struct Up {
    pub(crate) child: Child,
    /// What it printed about its addresses.
    pub(crate) addresses: Value,
    output: BufReader<ChildStdout>,
}

impl Up {
    /// Starts it and waits for its addresses.
    pub(crate) async fn start(folder: &TempDir) -> Self {
        Self::start_with(command(folder.path(), &["up", "--json"])).await
    }

    pub(crate) async fn start_with(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        timeout(START_LIMIT, output.read_line(&mut line)).await.unwrap().unwrap();
        if line.is_empty() {
            let output = child.wait_with_output().await.unwrap();
            panic!("kontor up did not start: {}", text(&output.stderr));
        }
        Self { child, addresses: serde_json::from_str(&line).unwrap(), output }
    }

    pub(crate) fn address(&self, name: &str) -> String {
        self.addresses[name]
            .as_str()
            .unwrap_or_else(|| panic!("{name}: {}", self.addresses))
            .to_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Stops it by SIGTERM; returns how long that took and what it wrote to standard error.
    pub(crate) async fn stop(mut self) -> (Duration, String) {
        let begun = Instant::now();
        self.signal(rustix::process::Signal::TERM);
        let status = timeout(2 * STOP_LIMIT, self.child.wait()).await.unwrap().unwrap();
        let took = begun.elapsed();
        let mut errors = String::new();
        // A test that sent them to a file has them there.
        if let Some(mut written) = self.child.stderr.take() {
            written.read_to_string(&mut errors).await.unwrap();
        }
        assert!(status.success(), "{status}: {errors}");
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).await.unwrap();
        (took, errors)
    }
}

/// All processes below `pid`, as Linux tells them.
pub(crate) fn descendants(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| {
            let child: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in brackets may hold spaces: the state and the parent follow the last one.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((child, parent))
        })
        .collect();
    let mut found = vec![pid];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(child, _)| *child));
        next += 1;
    }
    found.remove(0);
    found
}

/// Whether a process runs; one that ended and was not collected yet does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    let state = stat.ok().and_then(|stat| {
        stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().next()?.chars().next())
    });
    state.is_some_and(|state| state != 'Z')
}

/// Asks again until the answer is there.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    const LIMIT: Duration = Duration::from_secs(30);
    const PAUSE: Duration = Duration::from_millis(20);
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < LIMIT, "it did not happen within {LIMIT:?}");
        tokio::time::sleep(PAUSE).await;
    }
}
