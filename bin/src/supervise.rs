//! Runs roles side by side, restarts one that fails, and stops them in order.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use kontor_commands::clock;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The pause after the first failure; it doubles with each one that follows.
const PAUSE_FIRST: Duration = Duration::from_millis(500);
/// The longest pause: a role that cannot run tries again twice a minute.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A role that ran this long is sound again: its next failure counts as the first.
const SOUND_AFTER: Duration = Duration::from_secs(60);

/// Counts the failures of roles, for monitoring.
pub(crate) const RESTARTS: &str = "kontor_role_restarts_total";

/// When a role is stopped; those before it are gone by then.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Phase {
    /// It takes work in: HTTP, bots.
    Intake,
    /// It carries work out: the command workers.
    Work,
    /// It follows the log: projections, the relay, housekeeping.
    Follow,
    /// Others depend on it to the end: the sandbox, the engines' watch.
    Support,
}

impl Phase {
    /// All phases in order of stopping, each with its share of the time in percent. The rest is for
    /// the appender and the engines.
    const ALL: [(Self, u32); 4] =
        [(Self::Intake, 30), (Self::Work, 20), (Self::Follow, 10), (Self::Support, 5)];
}

type Start = Box<dyn Fn(CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// A part of the program that runs until it is told to stop.
pub(crate) struct Role {
    name: &'static str,
    phase: Phase,
    start: Start,
}

impl Role {
    /// A role that `start` runs; `start` is called again after a failure.
    pub(crate) fn new<F, R>(name: &'static str, phase: Phase, start: F) -> Self
    where
        F: Fn(CancellationToken) -> R + Send + Sync + 'static,
        R: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        Self { name, phase, start: Box::new(move |stop| Box::pin(start(stop))) }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }
}

/// How a role does.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct RoleState {
    /// What it does at this moment.
    pub(crate) activity: Activity,
    /// Since when.
    pub(crate) since: DateTime<Utc>,
    /// How often it failed since the program began.
    pub(crate) failures: u32,
    /// Why it failed last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<String>,
}

/// What a role does at a moment.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Activity {
    /// It runs.
    Running,
    /// It failed and waits for its next start.
    Waiting,
    /// It was told to stop, and did.
    Stopped,
}

/// The state of all roles, shared with whoever shows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board(Arc<Mutex<BTreeMap<&'static str, RoleState>>>);

impl Board {
    /// A copy of the states at this moment.
    pub(crate) fn states(&self) -> BTreeMap<&'static str, RoleState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    #[expect(clippy::significant_drop_tightening, reason = "the state is part of what is locked")]
    fn set(&self, name: &'static str, activity: Activity, error: Option<String>) {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = states.entry(name).or_insert_with(|| RoleState {
            activity,
            since: clock::now(),
            failures: 0,
            last_error: None,
        });
        state.activity = activity;
        state.since = clock::now();
        if error.is_some() {
            state.failures = state.failures.saturating_add(1);
            state.last_error = error;
        }
    }
}

/// Runs roles and stops them.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    running: Vec<Running>,
    board: Board,
}

#[derive(Debug)]
struct Running {
    name: &'static str,
    phase: Phase,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Supervisor {
    /// Where the states of the roles are shown.
    pub(crate) fn board(&self) -> Board {
        self.board.clone()
    }

    /// Starts a role.
    pub(crate) fn run(&mut self, role: Role) {
        let stop = CancellationToken::new();
        let (name, phase) = (role.name, role.phase);
        let task = tokio::spawn(keep_running(role, stop.clone(), self.board.clone()));
        self.running.push(Running { name, phase, stop, task });
    }

    /// Starts several roles, or none.
    pub(crate) fn run_all(&mut self, roles: impl IntoIterator<Item = Role>) {
        roles.into_iter().for_each(|role| self.run(role));
    }

    /// Stops all roles in order of their phases, within the given time in all. Roles that do not
    /// end in their phase's share of it are cut off.
    pub(crate) async fn stop(self, limit: Duration) {
        let mut running = self.running;
        for (phase, percent) in Phase::ALL {
            let share = limit * percent / 100;
            let (now, later) = running.into_iter().partition(|role| role.phase == phase);
            stop_phase(now, share).await;
            running = later;
        }
    }
}

async fn stop_phase(roles: Vec<Running>, share: Duration) {
    for role in &roles {
        role.stop.cancel();
    }
    let deadline = tokio::time::Instant::now() + share;
    for mut role in roles {
        if tokio::time::timeout_at(deadline, &mut role.task).await.is_err() {
            role.task.abort();
            let waited_ms = share.as_millis();
            tracing::warn!(
                role = role.name,
                "{} did not end within {waited_ms} ms and was cut off",
                role.name
            );
        }
    }
}

/// A role's life: run, say why it failed, wait, run again, until it is told to stop.
async fn keep_running(role: Role, stop: CancellationToken, board: Board) {
    let mut failures = 0;
    metrics::counter!(RESTARTS, "role" => role.name).increment(0);
    while !stop.is_cancelled() {
        let started = Instant::now();
        board.set(role.name, Activity::Running, None);
        let ended = run_once(&role, &stop).await;
        if stop.is_cancelled() {
            if let Err(reason) = ended {
                tracing::warn!(
                    role = role.name,
                    reason,
                    "{} failed while stopping: {reason}",
                    role.name
                );
            }
            break;
        }
        let reason = ended.err().unwrap_or_else(|| "it ended by itself".to_owned());
        failures = if started.elapsed() >= SOUND_AFTER { 1 } else { failures + 1 };
        let pause = pause_after(failures, rand::random());
        let pause_ms = pause.as_millis();
        tracing::error!(
            role = role.name,
            reason,
            failures,
            "{} failed and starts again in {pause_ms} ms: {reason}",
            role.name
        );
        metrics::counter!(RESTARTS, "role" => role.name).increment(1);
        board.set(role.name, Activity::Waiting, Some(reason));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.cancelled() => {}
        }
    }
    board.set(role.name, Activity::Stopped, None);
}

/// Runs a role in a task of its own, so that its panic ends nothing else; a role that is cut off
/// takes that task with it.
async fn run_once(role: &Role, stop: &CancellationToken) -> Result<(), String> {
    let mut task = AbortOnDrop(tokio::spawn((role.start)(stop.clone())));
    match (&mut task.0).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(err)) => Err(format!("{err:#}")),
        Err(err) if err.is_panic() => Err("it panicked; the log names the place".to_owned()),
        Err(_) => Err("it was cancelled".to_owned()),
    }
}

struct AbortOnDrop(JoinHandle<anyhow::Result<()>>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The pause doubles up to its limit; the jitter (a random number, used as a share of half the
/// pause) keeps processes that failed together from coming back together.
fn pause_after(failures: u32, jitter: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let full = PAUSE_FIRST.saturating_mul(1 << doublings).min(PAUSE_MAX);
    let half = full / 2;
    half + Duration::from_millis(u64::from(jitter) % (half.as_millis().try_into().unwrap_or(1) + 1))
}

#[cfg(test)]
mod tests;
