//! The task that turns waiting appends into transactions.

use std::{sync::Arc, time::Duration};

use kontor_commands::{Accepted, AppendError, AppendOutcome, Receipt, StoreError};
use kontor_faults::Point;
use sqlx::{
    ConnectOptions, PgConnection, Row,
    postgres::{PgConnectOptions, PgRow},
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tracing::Instrument;

use super::{
    AppenderSettings,
    batch::{BatchBounds, Job, Waiting},
    rows,
};
use crate::{
    backoff,
    connection::bound_session,
    error::{Blame, blame, chain},
    figures,
};

/// The answers, in the order of the arrays.
const APPEND: &str = "
    select append_number, verdict, stream_version, first_position, last_position,
           receipt_fingerprint, receipt_stream_type, receipt_stream_id, receipt_refusal,
           receipt_recorded_at
    from append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";

/// The server ends a statement at its timeout; when nothing was heard this much later, the
/// connection is dead.
const SILENCE_MARGIN: Duration = Duration::from_secs(5);

/// The first pause after a failed connection; it doubles up to the setting.
const RECONNECT_PAUSE_FIRST: Duration = Duration::from_millis(50);

/// Why a batch failed.
#[derive(Debug, thiserror::Error)]
enum BatchError {
    #[error("cannot connect to the database for appending")]
    Connect(#[source] sqlx::Error),
    #[error("the database could not be reached in time for appending")]
    ConnectTimeout,
    #[error("the append failed and its outcome is unknown")]
    Failed(#[source] sqlx::Error),
    #[error("the database did not answer the append in time, its outcome is unknown")]
    Silence,
    #[error("the database could not be reached while the appender was stopping")]
    Stopping,
    /// Only the message: the details of such an error quote the data.
    #[error("the database refused the append's data: {0}")]
    Data(String),
}

/// A failure that several callers get.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
struct Shared(Arc<BatchError>);

impl From<BatchError> for Shared {
    fn from(error: BatchError) -> Self {
        Self(Arc::new(error))
    }
}

pub(super) struct Appender {
    options: PgConnectOptions,
    settings: AppenderSettings,
    head: watch::Sender<i64>,
    connection: Option<PgConnection>,
    /// Failed connections in a row.
    failures: u32,
}

impl Appender {
    pub(super) fn new(
        options: PgConnectOptions,
        settings: AppenderSettings,
        head: watch::Sender<i64>,
    ) -> Self {
        Self { options, settings, head, connection: None, failures: 0 }
    }

    pub(super) async fn run(mut self, mut waiting: Waiting) {
        let bounds = BatchBounds {
            appends_max: self.settings.batch_max.max(1),
            bytes_max: self.settings.batch_bytes_max,
        };
        let mut gave_up = false;
        while let Some(batch) = waiting.next_batch(bounds).await {
            if gave_up {
                refuse(batch, BatchError::Stopping);
                continue;
            }
            self.pause(&waiting).await;
            self.append(batch).await;
            // At the end one failed attempt is enough: the process must not wait for a database
            // that is gone.
            gave_up = waiting.is_closing() && self.failures > 0;
        }
        tracing::debug!("the appender has drained its queue and stops");
    }

    /// Waits after a failed connection, unless the process is ending: then the rest is answered at
    /// once.
    async fn pause(&self, waiting: &Waiting) {
        if self.failures > 0 && !waiting.is_closing() {
            let max = self.settings.reconnect_pause_max;
            sleep(backoff::pause(self.failures, RECONNECT_PAUSE_FIRST, max)).await;
        }
    }

    /// Carries out one batch and answers each of its callers.
    async fn append(&mut self, batch: Vec<Job>) {
        let span = tracing::debug_span!("append", otel.kind = "client", appends = batch.len());
        let traces = batch.iter().map(|job| job.append.metadata.trace.as_deref());
        kontor_traces::join(&span, traces);
        match self.call(&batch).instrument(span).await {
            Ok(outcomes) => answer(batch, outcomes),
            Err(BatchError::Data(_)) if batch.len() > 1 => self.append_singly(batch).await,
            Err(error) => refuse(batch, error),
        }
    }

    /// Carries the appends out one by one: a guilty one must not take the others with it.
    async fn append_singly(&mut self, batch: Vec<Job>) {
        let mut jobs = batch.into_iter();
        while let Some(job) = jobs.next() {
            let single = vec![job];
            match self.call(&single).await {
                Ok(outcomes) => answer(single, outcomes),
                Err(error @ BatchError::Data(_)) => refuse(single, error),
                Err(error) => {
                    // The database is gone: nobody else waits for it to fail once more.
                    refuse(single.into_iter().chain(jobs).collect(), error);
                    return;
                }
            }
        }
    }

    /// One call of the append function; afterwards the connection is there or counted as failed.
    async fn call(&mut self, batch: &[Job]) -> Result<Vec<AppendOutcome>, BatchError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await.inspect_err(|_| self.failures += 1)?,
        };
        let limit = self.settings.statement_timeout + SILENCE_MARGIN;
        kontor_faults::reach(Point::AppendBefore);
        let begun = Instant::now();
        let result = timeout(limit, call(&mut connection, batch)).await;
        let outcomes = result.as_ref().ok().and_then(|result| result.as_deref().ok());
        figures::appended(batch.len(), begun.elapsed(), outcomes);
        match result {
            Ok(Ok(outcomes)) => {
                kontor_faults::reach(Point::AppendAfter);
                self.connection = Some(connection);
                self.failures = 0;
                self.announce(&outcomes);
                Ok(outcomes)
            }
            // An answer that cannot be read comes after the commit; that is not the data's fault.
            Ok(Err(error))
                if error.as_database_error().is_some() && blame(&error) == Blame::Data =>
            {
                self.connection = Some(connection);
                Err(BatchError::Data(error.to_string()))
            }
            // The connection is given up: what state it is in, nobody knows.
            Ok(Err(error)) => {
                self.failures += 1;
                Err(BatchError::Failed(error))
            }
            Err(_) => {
                self.failures += 1;
                Err(BatchError::Silence)
            }
        }
    }

    async fn connect(&self) -> Result<PgConnection, BatchError> {
        let attempt = async {
            let mut connection = self.options.connect().await?;
            let limit = u32::try_from(self.settings.statement_timeout.as_millis());
            bound_session(&mut connection, limit.unwrap_or(u32::MAX), "kontor-appender").await?;
            Ok(connection)
        };
        match timeout(self.settings.connect_timeout, attempt).await {
            Ok(result) => result.map_err(BatchError::Connect),
            Err(_) => Err(BatchError::ConnectTimeout),
        }
    }

    /// Tells followers in this process how far the log reaches.
    fn announce(&self, outcomes: &[AppendOutcome]) {
        let last = outcomes.iter().filter_map(|outcome| match outcome {
            AppendOutcome::Appended { last_position, .. } => *last_position,
            AppendOutcome::Duplicate(_) | AppendOutcome::Conflict { .. } => None,
        });
        if let Some(last) = last.max() {
            self.head.send_if_modified(|head| {
                let grows = last > *head;
                *head = last.max(*head);
                grows
            });
        }
    }
}

fn answer(batch: Vec<Job>, outcomes: Vec<AppendOutcome>) {
    for (job, outcome) in batch.into_iter().zip(outcomes) {
        // A caller who no longer waits finds the receipt.
        drop(job.reply.send(Ok(outcome)));
    }
}

fn refuse(batch: Vec<Job>, error: BatchError) {
    tracing::warn!(appends = batch.len(), error = chain(&error), "a batch of appends failed");
    let shared = Shared::from(error);
    for job in batch {
        let error = AppendError::Store(StoreError(Box::new(shared.clone())));
        drop(job.reply.send(Err(error)));
    }
}

/// The call itself: one round trip, a transaction of its own.
async fn call(
    connection: &mut PgConnection,
    batch: &[Job],
) -> Result<Vec<AppendOutcome>, sqlx::Error> {
    fn each<'a, T>(batch: &'a [Job], value: impl Fn(&'a Job) -> T) -> Vec<T> {
        batch.iter().map(value).collect()
    }
    let events = || batch.iter().flat_map(|job| &job.append.events);
    let counts: Vec<i32> = batch
        .iter()
        .map(|job| i32::try_from(job.append.events.len()))
        .collect::<Result<_, _>>()
        .map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
    let rows = sqlx::query(APPEND)
        .bind(each(batch, |job| job.append.tenant.as_str()))
        .bind(each(batch, |job| job.append.command_id))
        .bind(each(batch, |job| job.append.fingerprint.as_slice()))
        .bind(each(batch, |job| job.append.stream_type))
        .bind(each(batch, |job| job.append.stream_id))
        .bind(each(batch, Job::expected))
        .bind(each(batch, |job| job.refusal.as_deref()))
        .bind(each(batch, |job| job.metadata.as_str()))
        .bind(each(batch, |job| job.append.occurred_at))
        .bind(counts)
        .bind(events().map(|event| event.event_id).collect::<Vec<_>>())
        .bind(events().map(|event| event.event_type).collect::<Vec<_>>())
        .bind(events().map(|event| event.schema_version).collect::<Vec<_>>())
        .bind(events().map(|event| event.payload.as_str()).collect::<Vec<_>>())
        .fetch_all(connection)
        .await?;
    if rows.len() != batch.len() {
        return Err(sqlx::Error::Protocol("append_events lost an answer".to_owned()));
    }
    let mut outcomes = Vec::with_capacity(rows.len());
    for (number, (row, job)) in (1_i32..).zip(rows.iter().zip(batch)) {
        if row.try_get::<i32, _>(0)? != number {
            return Err(sqlx::Error::Protocol("append_events answers out of order".to_owned()));
        }
        outcomes.push(outcome(row, job)?);
    }
    Ok(outcomes)
}

fn outcome(row: &PgRow, job: &Job) -> Result<AppendOutcome, sqlx::Error> {
    let version = row.try_get(2)?;
    let (first_position, last_position) = (row.try_get(3)?, row.try_get(4)?);
    match row.try_get::<&str, _>(1)? {
        "appended" => Ok(AppendOutcome::Appended { version, first_position, last_position }),
        "conflict" => Ok(AppendOutcome::Conflict { version }),
        "duplicate" => {
            let stream_id = row.try_get(7)?;
            let accepted = Accepted { id: stream_id, version, first_position, last_position };
            let refusal: Option<&str> = row.try_get(8)?;
            Ok(AppendOutcome::Duplicate(Receipt {
                command_id: job.append.command_id,
                fingerprint: rows::fingerprint(row.try_get(5)?)?,
                stream_type: row.try_get(6)?,
                stream_id,
                outcome: rows::outcome(accepted, refusal)?,
                recorded_at: row.try_get(9)?,
            }))
        }
        other => Err(sqlx::Error::Protocol(format!("append_events answers `{other}`"))),
    }
}
