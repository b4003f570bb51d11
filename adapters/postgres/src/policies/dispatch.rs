//! Sends the commands that are due.
//!
//! Any number of processes may do so: each takes rows that no other has. A row is marked before its
//! command is handed over, so from then on it cannot be cancelled, and whoever finds it left behind
//! sends it again: under the same id, which has one outcome however often it is sent.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use futures::future::join_all;
use kontor_commands::{CommandSender, Envelope, Outcome, SendError, Sent, clock, policy};
use kontor_domain::TenantId;
use serde_json::Value;
use sqlx::{FromRow, PgPool};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::orders;
use crate::{
    DatabaseError, backoff,
    error::{chain, failed, shorten},
};

/// How a dispatcher works.
#[derive(Clone, Debug)]
pub struct DispatchSettings {
    /// The most commands under way at one time.
    pub batch: u32,
    /// How long to wait for an outcome before the command is sent again.
    pub wait: Duration,
    /// After this time a command that somebody took is taken for left behind. Longer than a sending
    /// with its wait.
    pub taken_for: Duration,
    /// How often to look for commands that are due.
    pub every: Duration,
    /// The pause after an attempt without outcome; it doubles, with jitter.
    pub pause_first: Duration,
    /// The longest pause.
    pub pause_max: Duration,
    /// How long a command stays valid once it was sent: longer than any outage of the workers.
    pub valid_for: chrono::Duration,
}

impl Default for DispatchSettings {
    fn default() -> Self {
        Self {
            batch: 32,
            wait: Duration::from_secs(3),
            taken_for: Duration::from_secs(60),
            every: Duration::from_millis(500),
            pause_first: Duration::from_secs(1),
            pause_max: Duration::from_secs(60),
            valid_for: chrono::Duration::days(30),
        }
    }
}

/// Sends what is due. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher {
    pool: PgPool,
    sender: Arc<dyn CommandSender>,
    settings: DispatchSettings,
}

/// What one look came to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Dispatched {
    /// Commands that were taken.
    pub taken: usize,
    /// Commands whose outcome is known now, or that nobody can carry out.
    pub ended: usize,
}

#[derive(Debug, FromRow)]
struct Due {
    id: i64,
    policy: String,
    command_id: Uuid,
    tenant: String,
    aggregate: String,
    aggregate_id: Uuid,
    command: Value,
    correlation_id: Uuid,
    causation_id: Uuid,
    trace: Option<String>,
    attempts: i32,
}

/// How an attempt ended.
enum Attempt {
    Outcome(Value),
    /// It was not handed over: it can still be cancelled.
    NotSent(String),
    /// It was handed over and has no outcome yet.
    Open,
    /// Nobody can carry it out.
    Failed(String),
}

impl Dispatcher {
    /// A dispatcher over a pool and a sender.
    pub fn new(pool: PgPool, sender: Arc<dyn CommandSender>, settings: DispatchSettings) -> Self {
        Self { pool, sender, settings }
    }

    /// Sends what is due until `stop`; what is under way then is finished first.
    pub async fn run(&self, stop: CancellationToken) {
        let mut failures = 0_u32;
        while !stop.is_cancelled() {
            let pause = match self.step(clock::now()).await {
                Ok(done) if done.taken > 0 => Duration::ZERO,
                Ok(_) => self.settings.every,
                Err(error) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(error = chain(&error), "scheduled commands cannot be sent");
                    backoff::pause(failures, self.settings.pause_first, self.settings.pause_max)
                }
            };
            stop.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    /// Takes what is due at `now`, at most a batch, and sends it.
    ///
    /// # Errors
    /// When the database fails; what was taken is taken again later.
    pub async fn step(&self, now: DateTime<Utc>) -> Result<Dispatched, DatabaseError> {
        self.let_policies_begin().await?;
        let due = self.take(now).await?;
        let mut done = Dispatched { taken: due.len(), ended: 0 };
        let attempts = join_all(due.iter().map(|row| self.attempt(row, now))).await;
        for (row, attempt) in due.iter().zip(attempts) {
            done.ended += usize::from(self.record(row, attempt, now).await?);
        }
        Ok(done)
    }

    /// Lets versions of policies act that have reached their mark without an event behind it.
    async fn let_policies_begin(&self) -> Result<(), DatabaseError> {
        let ready: Vec<(String, i32)> = sqlx::query_as(
            "select p.name, p.version
             from policies p
             join checkpoints c on c.name = p.name and c.version = p.version
             where p.live_at is null and c.position >= p.mark_position
                 and not exists (select from policies n
                     where n.name = p.name and n.version > p.version and n.live_at is not null)",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(failed("look for policies that begin"))?;
        for (name, version) in ready {
            orders::begin_when_ready(&self.pool, (&name, version))
                .await
                .map_err(failed("let a policy begin"))?;
        }
        Ok(())
    }

    async fn take(&self, now: DateTime<Utc>) -> Result<Vec<Due>, DatabaseError> {
        let taken_for = chrono::Duration::from_std(self.settings.taken_for)
            .unwrap_or(chrono::Duration::minutes(1));
        sqlx::query_as(
            "update scheduled_commands
             set state = 'sending', attempts = attempts + 1, next_at = $2
             where id in (
                 select id from scheduled_commands
                 where state in ('pending', 'sending') and next_at <= $1
                 order by next_at, id
                 limit $3
                 for update skip locked
             )
             returning id, policy, command_id, tenant, aggregate, aggregate_id, command,
                 correlation_id, causation_id, trace, attempts",
        )
        .bind(now)
        .bind(now + taken_for)
        .bind(i64::from(self.settings.batch.max(1)))
        .fetch_all(&self.pool)
        .await
        .map_err(failed("take scheduled commands"))
    }

    async fn attempt(&self, row: &Due, now: DateTime<Utc>) -> Attempt {
        let Ok(tenant) = TenantId::try_from(row.tenant.clone()) else {
            return Attempt::Failed("its tenant is no tenant".to_owned());
        };
        let mut envelope: Envelope = policy::envelope(
            (&row.policy, row.command_id),
            (tenant, &row.aggregate, row.aggregate_id),
            row.command.clone(),
            (row.correlation_id, row.causation_id),
            (now, self.settings.valid_for),
        );
        envelope.trace.clone_from(&row.trace);
        match self.sender.send(envelope, self.settings.wait).await {
            Ok(Sent::Done { outcome, .. }) => outcome_of(&outcome),
            // Whether or not the broker has it, the same command is sent again until its outcome shows.
            Ok(Sent::Unknown) | Err(SendError::Unconfirmed) => Attempt::Open,
            Err(error @ (SendError::Overloaded | SendError::Unavailable(_))) => {
                Attempt::NotSent(error.to_string())
            }
            Err(error @ (SendError::CommandIdReused | SendError::Malformed(_))) => {
                Attempt::Failed(error.to_string())
            }
        }
    }

    /// Records how an attempt ended. Whether the command has come to its end.
    async fn record(
        &self,
        row: &Due,
        attempt: Attempt,
        now: DateTime<Utc>,
    ) -> Result<bool, DatabaseError> {
        let (state, outcome, error) = match attempt {
            Attempt::Outcome(outcome) => ("done", Some(outcome), None),
            Attempt::Open => ("sending", None, None),
            // An earlier attempt may have handed it over: then it is not ours to cancel any more.
            Attempt::NotSent(error) if row.attempts > 1 => ("sending", None, Some(error)),
            Attempt::NotSent(error) => ("pending", None, Some(error)),
            Attempt::Failed(error) => {
                tracing::error!(
                    scheduled.id = row.id,
                    policy = row.policy,
                    command.id = %row.command_id,
                    correlation.id = %row.correlation_id,
                    // The cause may quote the command; it stands in the row.
                    "A scheduled command cannot be carried out"
                );
                ("failed", None, Some(error))
            }
        };
        let ended = state == "done" || state == "failed";
        let attempts = u32::try_from(row.attempts).unwrap_or(u32::MAX);
        let pause = backoff::pause(attempts, self.settings.pause_first, self.settings.pause_max);
        let next_at = now + chrono::Duration::from_std(pause).unwrap_or_default();
        sqlx::query(
            "update scheduled_commands
             set state = $2, outcome = $3, last_error = $4, next_at = $5,
                 ended_at = case when $6 then clock_timestamp() end
             where id = $1 and state = 'sending'",
        )
        .bind(row.id)
        .bind(state)
        .bind(outcome)
        .bind(error.map(shorten))
        .bind(next_at)
        .bind(ended)
        .execute(&self.pool)
        .await
        .map_err(failed("record a scheduled command"))?;
        Ok(ended)
    }
}

fn outcome_of(outcome: &Outcome) -> Attempt {
    match serde_json::to_value(outcome) {
        Ok(outcome) => Attempt::Outcome(outcome),
        Err(error) => Attempt::Failed(format!("its outcome is no JSON: {error}")),
    }
}
