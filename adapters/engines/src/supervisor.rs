//! An engine's process under the shell that stops it when its owner is gone.

use std::{
    ffi::OsString,
    fs,
    io::{BufRead, BufReader, Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::{EngineError, account::Account};

/// How often a process is asked for its state.
pub(crate) const POLL: Duration = Duration::from_millis(10);
/// How long the shell may take beyond the engine's grace: an immediate shutdown and the clean-up.
const SHELL_GRACE: Duration = Duration::from_secs(10);
/// How much of an engine's log is told in an error, in bytes from its end.
const LOG_TAIL: u64 = 2_000;
/// A log that is longer than this is set aside at the next start, in bytes.
const LOG_MAX: u64 = 10 * 1024 * 1024;

const SCRIPT: &str = include_str!("supervisor.sh");

/// What to run, and how it is stopped.
pub(crate) struct Plan {
    pub(crate) engine: &'static str,
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) account: Option<Account>,
    pub(crate) log: PathBuf,
    /// The signal that asks for an orderly stop, by its name without `SIG`.
    pub(crate) stop_signal: &'static str,
    /// How long the engine may take to stop before it is forced, in whole seconds.
    pub(crate) grace: Duration,
    /// A directory to remove when the engine has been stopped, for tests.
    pub(crate) remove: Option<PathBuf>,
}

/// A running engine. Dropping it stops the engine without waiting.
#[derive(Debug)]
pub(crate) struct Supervised {
    engine: &'static str,
    shell: Child,
    /// Holding it keeps the engine alive.
    pipe: Option<ChildStdin>,
    pid: u32,
    log: PathBuf,
    grace: Duration,
}

impl Supervised {
    /// Starts the engine; it may fail right afterwards.
    pub(crate) fn start(plan: Plan) -> Result<Self, EngineError> {
        let failed = format!("{} cannot be started", plan.engine);
        set_long_log_aside(&plan.log)?;
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SCRIPT, "kontor-engine", plan.stop_signal])
            .arg(plan.grace.as_secs().to_string())
            .arg(&plan.log)
            .arg(plan.remove.unwrap_or_default())
            .arg(&plan.program)
            .args(&plan.arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()))
            .env("LC_ALL", "C")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some(account) = &plan.account {
            account.apply(&mut command);
        }
        let mut shell = command.spawn().map_err(EngineError::io(failed.as_str()))?;
        let pipe = shell.stdin.take();
        let mut line = String::new();
        if let Some(output) = shell.stdout.take() {
            BufReader::new(output)
                .read_line(&mut line)
                .map_err(EngineError::io(failed.as_str()))?;
        }
        let pid = line.trim().parse().map_err(|_| EngineError::Failed {
            engine: plan.engine,
            what: "the supervising shell named no process".to_owned(),
            output: line.clone(),
        })?;
        Ok(Self { engine: plan.engine, shell, pipe, pid, log: plan.log, grace: plan.grace })
    }

    /// The engine's process id.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether the engine ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        // The shell may stay for the clean-up; the engine itself is what counts.
        !is_alive(self.pid) || !matches!(self.shell.try_wait(), Ok(None))
    }

    /// The end of the engine's log.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log).unwrap_or_default()
    }

    /// Stops the engine in order, by force after its grace, and waits until it is gone.
    pub(crate) fn stop(mut self) -> Result<(), EngineError> {
        drop(self.pipe.take());
        let limit = self.grace + SHELL_GRACE;
        let started = Instant::now();
        while started.elapsed() < limit {
            match self.shell.try_wait() {
                Ok(Some(_)) => return Ok(()),
                Ok(None) => thread::sleep(POLL),
                Err(source) => {
                    let what = format!("{} cannot be waited for", self.engine);
                    return Err(EngineError::Io { what, source });
                }
            }
        }
        self.kill();
        Err(EngineError::TimedOut {
            engine: self.engine,
            what: "stopping",
            limit_s: limit.as_secs(),
        })
    }

    /// Ends the engine and its shell at once, as a crash would; nothing is cleaned up.
    pub(crate) fn kill(&mut self) {
        let group = i32::try_from(self.shell.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group
            && let Err(err) = kill_process_group(group, Signal::KILL)
        {
            tracing::debug!(error = %err, "{} was gone before it was killed", self.engine);
        }
        if let Err(err) = self.shell.wait() {
            tracing::warn!(error = %err, "{} cannot be waited for", self.engine);
        }
        let started = Instant::now();
        while is_alive(self.pid) && started.elapsed() < SHELL_GRACE {
            thread::sleep(POLL);
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.pipe.take());
        // Collects the shell when it is done already; otherwise it ends on its own soon after.
        if let Err(err) = self.shell.try_wait() {
            tracing::debug!(error = %err, "{} cannot be waited for", self.engine);
        }
    }
}

/// Whether a process of this id exists, also one of another user.
pub(crate) fn is_alive(pid: u32) -> bool {
    let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
    match rustix::process::test_kill_process(process) {
        Ok(()) => true,
        Err(err) => err == rustix::io::Errno::PERM,
    }
}

/// Runs a tool of an engine to its end and returns what it wrote to standard output.
pub(crate) fn run(
    engine: &'static str,
    what: &str,
    command: &mut Command,
) -> Result<String, EngineError> {
    let output = command
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .map_err(EngineError::io(format!("{engine}: {what}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(EngineError::Failed {
        engine,
        what: what.to_owned(),
        output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

fn set_long_log_aside(log: &Path) -> Result<(), EngineError> {
    if fs::metadata(log).is_ok_and(|found| found.len() > LOG_MAX) {
        fs::rename(log, log.with_added_extension("old"))
            .map_err(EngineError::io(format!("{} cannot be set aside", log.display())))?;
    }
    Ok(())
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}
