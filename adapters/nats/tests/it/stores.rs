//! Event stores that fail where a test wants them to.

use std::sync::{
    Arc,
    atomic::{AtomicI32, Ordering},
};

use async_trait::async_trait;
use kontor_commands::{
    Append, AppendError, AppendOutcome, CommandId, EventStore, Receipt, StoreError, StreamTail,
};
use kontor_domain::TenantId;
use kontor_postgres::EventLog;
use tokio::sync::Notify;
use uuid::Uuid;

/// Commits and never returns: the process dies between its commit and its acknowledgement.
pub(crate) struct Stuck {
    pub(crate) log: EventLog,
    pub(crate) committed: Arc<Notify>,
}

#[async_trait]
impl EventStore for Stuck {
    async fn load(&self, t: &TenantId, id: Uuid, after: i64) -> Result<StreamTail, StoreError> {
        self.log.load(t, id, after).await
    }

    async fn append(&self, append: Append) -> Result<AppendOutcome, AppendError> {
        self.log.append(append).await?;
        self.committed.notify_one();
        std::future::pending().await
    }

    async fn receipt(&self, t: &TenantId, id: CommandId) -> Result<Option<Receipt>, StoreError> {
        self.log.receipt(t, id).await
    }
}

/// Fails to append to one stream, so many times.
pub(crate) struct Flaky {
    pub(crate) log: EventLog,
    pub(crate) stream_id: Uuid,
    pub(crate) failures_left: AtomicI32,
}

#[async_trait]
impl EventStore for Flaky {
    async fn load(&self, t: &TenantId, id: Uuid, after: i64) -> Result<StreamTail, StoreError> {
        self.log.load(t, id, after).await
    }

    async fn append(&self, append: Append) -> Result<AppendOutcome, AppendError> {
        if append.stream_id == self.stream_id
            && self.failures_left.fetch_sub(1, Ordering::SeqCst) > 0
        {
            return Err(StoreError("the disk is gone".into()).into());
        }
        self.log.append(append).await
    }

    async fn receipt(&self, t: &TenantId, id: CommandId) -> Result<Option<Receipt>, StoreError> {
        self.log.receipt(t, id).await
    }
}
