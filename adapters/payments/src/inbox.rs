//! Drives stored notifications to known outcomes.

use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use kontor_postgres::{DatabaseError, inbox::InboxRow};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{CallError, Heard, cashier::Cashier, facts::RecordError};

/// Why a notification has to wait. Its words hold nothing that a provider wrote.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("the inbox cannot be written")]
    Sql(#[from] sqlx::Error),
    #[error("a handler panicked")]
    Panic,
}

impl Cashier {
    /// Works on notifications until `stop`; what is under way then is finished first.
    pub(crate) async fn work_on_notices(self: Arc<Self>, stop: CancellationToken) {
        let mut tasks: JoinSet<String> = JoinSet::new();
        let mut busy: HashSet<String> = HashSet::new();
        while !stop.is_cancelled() {
            if let Err(err) = self.start(&mut tasks, &mut busy).await {
                tracing::warn!(channel = self.channel, "The inbox cannot be read: {err}");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                Some(done) = tasks.join_next() => match done {
                    Ok(key) => { busy.remove(&key); }
                    // Panics are caught below, so nothing is known of who is busy any more.
                    Err(_) => {
                        tasks.shutdown().await;
                        busy.clear();
                    }
                },
                () = self.wake.notified() => {}
                () = tokio::time::sleep(self.settings.look_every) => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn start(
        self: &Arc<Self>,
        tasks: &mut JoinSet<String>,
        busy: &mut HashSet<String>,
    ) -> Result<(), DatabaseError> {
        let free = self.settings.notices_at_once.saturating_sub(busy.len());
        let Some(limit) = u32::try_from(free).ok().filter(|free| *free > 0) else { return Ok(()) };
        let keys: Vec<String> = busy.iter().cloned().collect();
        for row in self.inbox.next_batch_except(&self.source, limit, &keys).await? {
            busy.insert(row.key.clone());
            let this = Arc::clone(self);
            tasks.spawn(async move {
                this.handle(&row).await;
                row.key
            });
        }
        Ok(())
    }

    async fn handle(&self, row: &InboxRow) {
        let attempt = AssertUnwindSafe(self.attempt(row)).catch_unwind().await;
        let Err(failure) = attempt.unwrap_or(Err(Failure::Panic)) else { return };
        let channel = &self.channel;
        let postponed =
            self.inbox.postpone(&self.source, &row.external_id, &failure.to_string()).await;
        match postponed {
            Ok(postponed) => {
                tracing::warn!(channel, "A notification has to wait ({postponed:?}): {failure}");
            }
            Err(err) => tracing::error!(channel, "A failure cannot be recorded: {err}"),
        }
    }

    async fn attempt(&self, row: &InboxRow) -> Result<(), Failure> {
        let tenant = Some(&self.recorder.account.tenant);
        match self.recorder.account.provider.read(&row.payload).await? {
            Heard::Said(facts) => {
                for said in &facts {
                    match self.recorder.record(said).await {
                        Ok(()) => {}
                        Err(RecordError::Foreign) => {
                            self.denied.record(tenant, "payment_not_here").await;
                        }
                        Err(RecordError::Refused(code)) => {
                            // Nothing will change it; people have to look at the payment.
                            tracing::error!(
                                channel = self.channel,
                                payment.id = %said.payment_id,
                                "What the provider says is refused ({code})"
                            );
                        }
                        Err(
                            err @ (RecordError::Unknown
                            | RecordError::Busy(_)
                            | RecordError::Database(_)),
                        ) => return Err(err.into()),
                    }
                }
            }
            Heard::Denied(reason) => self.denied.record(tenant, reason).await,
        }
        let mut db = self.recorder.pool.acquire().await?;
        self.inbox.finish(&mut db, &self.source, &row.external_id).await?;
        Ok(())
    }
}
