//! The owner of one account, under a lease.

use std::{sync::Arc, time::Duration};

use kontor_commands::clock;
use kontor_postgres::{
    Inbox, InboxSettings, Leases, checkouts,
    inbox::{InboxError, Stored},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{Accepted, PaymentsSettings, denied::DeniedNotices, facts::Recorder};

/// The most attempts at a notification: with the pauses of the settings some two weeks.
const ATTEMPTS_MAX: u32 = 4_000;

/// Kept cards are looked at so many times less often than everything else: nobody waits in front of a
/// page for them.
const CARDS_PACE: u32 = 4;

/// One account, owned or not.
pub(crate) struct Cashier {
    pub(crate) recorder: Recorder,
    pub(crate) settings: Arc<PaymentsSettings>,
    pub(crate) denied: Arc<DeniedNotices>,
    pub(crate) channel: String,
    /// Where its notifications stand in the inbox; also the name of its lease.
    pub(crate) source: String,
    pub(crate) inbox: Inbox,
    pub(crate) wake: Notify,
}

impl Cashier {
    pub(crate) fn new(
        recorder: Recorder,
        settings: Arc<PaymentsSettings>,
        denied: Arc<DeniedNotices>,
    ) -> Self {
        let channel = recorder.channel();
        let inbox_settings = InboxSettings {
            backlog_max: settings.inbox_backlog_max,
            attempts_max: ATTEMPTS_MAX,
            pause_first: settings.retry_pause_first,
            pause_max: settings.retry_pause_max,
        };
        let inbox = Inbox::new(recorder.pool.clone(), inbox_settings);
        let source = format!("payments/{channel}");
        Self { recorder, settings, denied, channel, source, inbox, wake: Notify::new() }
    }

    /// Stores a notification and wakes the worker.
    pub(crate) async fn store(&self, accepted: &Accepted) -> Result<Stored, InboxError> {
        let Accepted { external_id, key, payload } = accepted;
        let stored = self.inbox.store(&self.source, external_id, key, payload).await?;
        if stored == Stored::New {
            self.wake.notify_one();
        }
        Ok(stored)
    }

    /// The pauses after failures.
    pub(crate) fn pauses(&self) -> (Duration, Duration) {
        (self.settings.retry_pause_first, self.settings.retry_pause_max)
    }

    /// Owns the account whenever its lease is to be had.
    pub(crate) async fn run(self: Arc<Self>, leases: Leases, stop: CancellationToken) {
        while !stop.is_cancelled() {
            match leases.hold(&self.source, &stop).await {
                Ok(Some(kept)) => {
                    tracing::info!(channel = self.channel, "The account is served here");
                    let ending = kept.ending().child_token();
                    let idle = self.settings.look_every;
                    let noticing = Arc::clone(&self).work_on_notices(ending.clone());
                    let opening =
                        every(idle, ending.clone(), || self.open_checkouts(ending.clone()));
                    let looking =
                        every(idle, ending.clone(), || self.look_at_checkouts(ending.clone()));
                    let refunding =
                        every(idle, ending.clone(), || self.pay_refunds(ending.clone()));
                    let with_cards = every(idle * CARDS_PACE, ending.clone(), || {
                        self.work_with_cards(ending.clone())
                    });
                    let sweeping = every(self.settings.sweep_every, ending.clone(), || {
                        self.sweep_notices(ending.clone())
                    });
                    let drawing = every(self.settings.statement_every, ending.clone(), || {
                        self.draw_statement(ending.clone())
                    });
                    tokio::join!(
                        noticing, opening, looking, refunding, with_cards, sweeping, drawing
                    );
                    if let Err(err) = kept.release().await {
                        tracing::debug!(channel = self.channel, "The lease ends by itself: {err}");
                    }
                }
                Ok(None) => {}
                Err(err) => {
                    tracing::warn!(channel = self.channel, "The lease cannot be asked for: {err}");
                }
            }
            stop.run_until_cancelled(tokio::time::sleep(leases.ttl() / 3)).await;
        }
    }

    /// One round of everything about kept cards but the charges themselves.
    async fn work_with_cards(&self, stop: CancellationToken) {
        self.take_charges(stop.clone()).await;
        self.see_cards(stop.clone()).await;
        self.remove_cards(stop).await;
    }

    /// Looks for notifications that did not arrive, and stores them as if they had.
    async fn sweep_notices(&self, stop: CancellationToken) {
        let Some(Err(err)) = stop.run_until_cancelled(self.sweep()).await else { return };
        tracing::warn!(channel = self.channel, "Lost notifications were not looked for: {err}");
    }

    async fn sweep(&self) -> Result<(), SweepError> {
        let pool = &self.recorder.pool;
        let begun = clock::now();
        let since = match checkouts::swept_until(pool, &self.channel).await? {
            Some(until) => until - self.settings.sweep_overlap,
            None => begun - self.settings.sweep_first,
        };
        let swept = self.recorder.account.provider.sweep(since).await?;
        for accepted in swept.found {
            if self.store(&accepted).await? == Stored::New {
                tracing::info!(channel = self.channel, "A notification was found that was lost");
            }
        }
        if swept.is_whole {
            checkouts::swept(pool, &self.channel, begun).await?;
        } else {
            tracing::error!(
                channel = self.channel,
                since = %since,
                "More notifications were lost than one sweep reads; older ones are still missing"
            );
        }
        Ok(())
    }
}

/// Why a sweep came to nothing.
#[derive(Debug, thiserror::Error)]
enum SweepError {
    #[error(transparent)]
    Database(#[from] kontor_postgres::DatabaseError),
    #[error(transparent)]
    Inbox(#[from] InboxError),
    #[error(transparent)]
    Call(#[from] crate::CallError),
}

/// Does something again and again, with a pause between.
async fn every<F: Future<Output = ()>>(
    pause: Duration,
    stop: CancellationToken,
    act: impl Fn() -> F,
) {
    while !stop.is_cancelled() {
        act().await;
        stop.run_until_cancelled(tokio::time::sleep(pause)).await;
    }
}
