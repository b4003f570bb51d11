//! The event log: one appender for each process, and readers.

mod appender;
mod batch;
mod check;
pub mod limits;
mod reader;
mod rows;
mod segment;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use kontor_commands::{
    Append, AppendError, AppendOutcome, CommandId, EventStore, Receipt, StoreError, StreamTail,
};
use kontor_domain::{Recorded, TenantId, Upcasters};
use sqlx::PgPool;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

pub(crate) use self::rows::{receipt, recorded, tenant};
use self::{appender::Appender, batch::Job};
pub use self::{
    check::InvalidAppend,
    reader::{EventReader, Page},
    segment::{NoSuchSegment, SEGMENTS_MAX, Segment},
};
use crate::{DatabaseError, Vault, error::failed};

/// How the appender works.
#[derive(Clone, Debug)]
pub struct AppenderSettings {
    /// How many appends may wait; one more is refused as overloaded.
    pub queue: usize,
    /// The most appends in one transaction. Larger batches win little throughput and cost latency.
    pub batch_max: usize,
    /// The most bytes of payloads in one transaction (a single append may exceed it).
    pub batch_bytes_max: usize,
    /// The longest call of the append function, waiting for other processes included.
    pub statement_timeout: Duration,
    /// The longest attempt to connect.
    pub connect_timeout: Duration,
    /// The longest pause between attempts to connect.
    pub reconnect_pause_max: Duration,
}

impl Default for AppenderSettings {
    fn default() -> Self {
        Self {
            queue: 4_096,
            batch_max: 512,
            batch_bytes_max: 4 * 1024 * 1024,
            statement_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            reconnect_pause_max: Duration::from_secs(2),
        }
    }
}

/// The event log in PostgreSQL. Cheap to clone; the appender ends when the last clone is gone or
/// after [`EventLog::shutdown`].
#[derive(Clone, Debug)]
pub struct EventLog {
    pool: PgPool,
    queue: mpsc::Sender<Job>,
    vault: Vault,
    closing: CancellationToken,
    tasks: TaskTracker,
    upcasters: &'static Upcasters,
}

impl EventLog {
    /// Starts the appender on a connection of its own, beside the pool. After each commit the last
    /// position goes to `head`, which only grows.
    ///
    /// Must be called inside a tokio runtime.
    pub fn start(pool: PgPool, settings: AppenderSettings, head: watch::Sender<i64>) -> Self {
        let (queue, jobs) = mpsc::channel(settings.queue.max(1));
        let closing = CancellationToken::new();
        let tasks = TaskTracker::new();
        let options = Arc::unwrap_or_clone(pool.connect_options());
        let appender = Appender::new(options, settings, head);
        tasks.spawn(appender.run(batch::Waiting::new(jobs, closing.clone())));
        tasks.close();
        let upcasters = Upcasters::current();
        Self { pool, queue, vault: Vault::locked(), closing, tasks, upcasters }
    }

    /// The same log, read by other upcasters than those of this build.
    #[must_use]
    pub fn read_by(self, upcasters: &'static Upcasters) -> Self {
        Self { upcasters, ..self }
    }

    /// The same log with personal data encrypted and opened by this vault. Without one, personal data
    /// is neither written nor read.
    #[must_use]
    pub fn sealed_by(self, vault: Vault) -> Self {
        Self { vault, ..self }
    }

    /// Takes no more appends, carries out those that wait, and returns when the last one is
    /// answered. When the database is out of reach they are answered with its error.
    pub async fn shutdown(&self) {
        self.closing.cancel();
        self.tasks.wait().await;
    }

    /// Reads the log in order of position, with personal data opened.
    pub fn reader(&self) -> EventReader {
        EventReader::opened(self.pool.clone(), self.vault.clone()).read_by(self.upcasters)
    }
}

/// The appender ended, by shutdown or by a defect.
#[derive(Debug, thiserror::Error)]
#[error("the appender has stopped")]
struct Stopped;

fn stopped() -> StoreError {
    StoreError(Box::new(Stopped))
}

impl From<DatabaseError> for StoreError {
    fn from(error: DatabaseError) -> Self {
        Self(Box::new(error))
    }
}

#[async_trait]
impl EventStore for EventLog {
    async fn load(
        &self,
        tenant: &TenantId,
        stream_id: Uuid,
        after_version: i64,
    ) -> Result<StreamTail, StoreError> {
        let mut rows: Vec<Recorded> = sqlx::query(rows::STREAM)
            .bind(stream_id)
            .bind(after_version)
            .bind(tenant.as_str())
            .fetch_all(&self.pool)
            .await
            .and_then(|rows| rows.iter().map(rows::recorded).collect())
            .map_err(failed("load the stream"))?;
        // First opened, then upcast, as everywhere.
        self.vault.open(&mut rows).await?;
        Ok(StreamTail::read(after_version, rows, self.upcasters))
    }

    async fn append(&self, mut append: Append) -> Result<AppendOutcome, AppendError> {
        check::check_texts(&append).map_err(|invalid| StoreError(Box::new(invalid)))?;
        self.vault.seal(&mut append).await?;
        let (reply, answer) = oneshot::channel();
        let job = Job::new(append, reply).map_err(|invalid| StoreError(Box::new(invalid)))?;
        // From here on the append happens, whether or not the caller waits for it.
        self.queue.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AppendError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => AppendError::Store(stopped()),
        })?;
        answer.await.unwrap_or_else(|_| Err(AppendError::Store(stopped())))
    }

    async fn receipt(
        &self,
        tenant: &TenantId,
        command_id: CommandId,
    ) -> Result<Option<Receipt>, StoreError> {
        let row = sqlx::query(rows::RECEIPT)
            .bind(tenant.as_str())
            .bind(command_id)
            .fetch_optional(&self.pool)
            .await
            .and_then(|row| row.map(|row| rows::receipt(command_id, &row)).transpose())
            .map_err(failed("read the receipt"))?;
        Ok(row)
    }
}
