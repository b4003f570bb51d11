//! The engines as real processes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod lock;
mod nats;
mod orphans;
mod other_user;
mod postgres;

use std::{
    fs,
    net::{Ipv4Addr, TcpStream},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// How long a test waits for something that is about to happen.
const PATIENCE: Duration = Duration::from_secs(40);

/// Polls until `done` holds.
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < PATIENCE, "{what} did not happen in time");
        thread::sleep(Duration::from_millis(20));
    }
}

fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn lives(pid: u32) -> bool {
    // A zombie has ended; only its parent has not looked yet.
    let output = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

/// Runs SQL with `psql` and returns what it printed.
fn psql(url: &str, sql: &str) -> Result<String, String> {
    let program = kontor_engines::PostgresBinaries::find().unwrap().program("psql");
    let output = Command::new(program)
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "--quiet"])
        .args(["--set", "ON_ERROR_STOP=1", "--command", sql, "--dbname", url])
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap().trim().to_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}
