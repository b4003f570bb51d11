//! Carries out what stands in the outbox: in order per chat, within Telegram's limits, and with a
//! record of each delivery.
//!
//! The Bot API has no idempotency keys. A row is marked before it is sent, so a message whose
//! answer got lost is known to be uncertain, and a new message is tried at most once more. One
//! whose sender ended with it in hand, most often before the call, is sent again.

mod limits;
mod verdict;

use std::{
    collections::HashSet,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::FutureExt;
use kontor_commands::{Envelope, clock};
use kontor_domain::{
    Actor,
    account::{AccountCommand, BotName},
};
use kontor_faults::Point;
use kontor_postgres::{Lease, LeaseGuard};
use kontor_projections::QueryError;
use sqlx::PgPool;
use tokio::{sync::Notify, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use self::{
    limits::Limits,
    verdict::{After, verdict},
};
use crate::{
    api::{BotApi, CallError, Upload},
    outbox::{self, OutboxRow},
    outgoing::Method,
    settings::TelegramSettings,
    turn::Ports,
};

/// Blocks that are reported in one go; more come with the next look.
const REPORTS_AT_ONCE: i64 = 20;

/// How often the sender looks for blocks to report and old records to delete.
const CARE_EVERY: Duration = Duration::from_secs(30);

/// The sender of one bot, under one lease.
pub(crate) struct Sender {
    pub(crate) ports: Arc<Ports>,
    pub(crate) api: BotApi,
    pub(crate) settings: Arc<TelegramSettings>,
    pub(crate) lease: Lease,
    pub(crate) guard: LeaseGuard,
    pub(crate) wake: Arc<Notify>,
    /// Cancelled here when Telegram refuses the token.
    pub(crate) suspend: CancellationToken,
}

/// What a call ended with.
struct Landing {
    row: OutboxRow,
    /// Nothing, when the call was not made: the lease had run out before it.
    result: Option<Result<serde_json::Value, CallError>>,
    /// What log lines about the call stand in.
    span: Span,
}

#[derive(Default)]
struct Flights {
    calls: JoinSet<Landing>,
    /// Chats with a call under way or one whose end is not recorded yet.
    chats: HashSet<i64>,
    limits: Limits,
    /// Ends that could not be recorded; at most one per chat in `chats`.
    unrecorded: Vec<(OutboxRow, After)>,
}

/// Says how a delivery ended.
fn tell(row: &OutboxRow, after: &After) {
    let After::End(end) = after else { return };
    match end {
        outbox::End::Failed(error) | outbox::End::Unknown(error) => {
            tracing::warn!("The delivery {} ended: {error}", row.id);
        }
        outbox::End::Sent { .. } | outbox::End::Blocked(_) => {
            tracing::debug!("The delivery {} ended", row.id);
        }
    }
}

impl Sender {
    /// Sends until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut recovered = false;
        let mut flights = Flights::default();
        let mut care_at = Instant::now();
        while !stop.is_cancelled() {
            // Until that has worked, what was left open holds up its chats.
            recovered = recovered || self.recover().await;
            if Instant::now() >= care_at {
                self.care().await;
                care_at = Instant::now() + CARE_EVERY;
            }
            self.record_late(&mut flights).await;
            let started = match self.start_calls(&mut flights).await {
                Ok(started) => started,
                Err(err) => {
                    tracing::warn!(bot = self.ports.bot, "The outbox cannot be read: {err}");
                    0
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                Some(landed) = flights.calls.join_next() => self.land(&mut flights, landed).await,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(self.settings.idle_pause), if started == 0 => {}
            }
        }
        self.end_flights(flights).await;
    }

    fn pool(&self) -> &PgPool {
        &self.ports.pool
    }

    /// Starts what may start now; returns how many calls that is.
    async fn start_calls(&self, flights: &mut Flights) -> Result<usize, sqlx::Error> {
        let now = Instant::now();
        let free = self.settings.calls_at_once.saturating_sub(flights.chats.len());
        let room = flights.limits.room(now).min(free);
        if room == 0 || !self.guard.is_held() {
            return Ok(0);
        }
        let mut busy = flights.limits.resting_chats(now);
        busy.extend(&flights.chats);
        let rows = outbox::take(self.pool(), (&self.ports.bot, &self.lease), &busy, room).await?;
        let started = rows.len();
        for row in rows {
            let is_new = Method::named(&row.method).is_none_or(Method::is_new_message);
            flights.limits.note(row.chat_id, is_new, now);
            flights.chats.insert(row.chat_id);
            let (api, wait) = (self.api.clone(), self.settings.call_timeout);
            let guard = self.guard.clone();
            let span = self.ports.span_of_call(&row.key, row.id);
            let calling = async move {
                let span = Span::current();
                // A process that stood still since it took the row leaves it to the next owner.
                if !guard.is_held() {
                    return Landing { row, result: None, span };
                }
                kontor_faults::reach(Point::SendBefore);
                let attempt = AssertUnwindSafe(call(&api, &row, wait)).catch_unwind().await;
                kontor_faults::reach(Point::SendAfter);
                let result = attempt
                    .unwrap_or_else(|_| Err(CallError::Unsendable("the call panicked".into())));
                Landing { row, result: Some(result), span }
            };
            flights.calls.spawn(calling.instrument(span));
        }
        Ok(started)
    }

    async fn land(&self, flights: &mut Flights, landed: Result<Landing, tokio::task::JoinError>) {
        let Landing { row, result, span } = match landed {
            Ok(landing) => landing,
            // Calls do not panic and nobody aborts them; the next owner finds the row uncertain.
            Err(err) => {
                tracing::error!(bot = self.ports.bot, "A call ended without an answer: {err}");
                return;
            }
        };
        let after = match result {
            Some(result) => {
                let after = verdict(&row, result, &self.settings);
                span.in_scope(|| tell(&row, &after));
                after
            }
            None => After::Again {
                pause: Duration::ZERO,
                uncertain: false,
                error: "the bot went to another process".to_owned(),
            },
        };
        flights.unrecorded.push((row, after));
        self.record_late(flights).await;
    }

    /// Records the ends of calls; what the database does not take now is kept for the next time.
    async fn record_late(&self, flights: &mut Flights) {
        for (row, after) in std::mem::take(&mut flights.unrecorded) {
            match self.record(&mut flights.limits, &row, after.clone()).await {
                Ok(()) => {
                    flights.chats.remove(&row.chat_id);
                }
                Err(err) => {
                    tracing::error!(
                        bot = self.ports.bot,
                        outbox.id = row.id,
                        "The delivery {} cannot be recorded yet: {err}",
                        row.id
                    );
                    flights.unrecorded.push((row, after));
                }
            }
        }
    }

    async fn record(
        &self,
        limits: &mut Limits,
        row: &OutboxRow,
        after: After,
    ) -> Result<(), sqlx::Error> {
        let mark = (row.id, self.lease.epoch);
        let now = Instant::now();
        match after {
            After::End(end) => {
                if matches!(end, outbox::End::Blocked(_)) {
                    outbox::block_chat(self.pool(), (&self.ports.bot, row.chat_id)).await?;
                }
                outbox::end(self.pool(), mark, &end).await?;
                if matches!(end, outbox::End::Blocked(_)) {
                    // Otherwise it is told at the next round.
                    if let Err(err) = self.report_blocks().await {
                        tracing::warn!(bot = self.ports.bot, "A block is reported later: {err}");
                    }
                }
            }
            After::SendAnew => {
                outbox::send_anew(self.pool(), mark).await?;
            }
            After::Again { pause, uncertain, error } => {
                outbox::put_back(self.pool(), mark, (pause, uncertain), &error).await?;
            }
            After::Wait { pause, error } => {
                if limits.refused(row.chat_id, pause, now) {
                    tracing::warn!(bot = self.ports.bot, "The bot rests for {pause:?}");
                }
                outbox::put_back(self.pool(), mark, (pause, false), &error).await?;
            }
            After::Unreachable { pause, error } => {
                limits.pause_bot(pause, now);
                outbox::put_back(self.pool(), mark, (pause, false), &error).await?;
            }
            After::Suspend { error } => {
                outbox::put_back(self.pool(), mark, (Duration::ZERO, false), &error).await?;
                self.suspend.cancel();
            }
        }
        Ok(())
    }

    /// Waits for the calls under way, as long as one may take.
    async fn end_flights(&self, mut flights: Flights) {
        let landing = async {
            while let Some(landed) = flights.calls.join_next().await {
                self.land(&mut flights, landed).await;
            }
        };
        if timeout(self.settings.call_timeout, landing).await.is_err() {
            tracing::warn!(bot = self.ports.bot, "Calls were left without an answer");
        }
    }

    /// Takes over what was left open. Returns whether that worked.
    async fn recover(&self) -> bool {
        let recovered = outbox::recover(
            self.pool(),
            (&self.ports.bot, self.lease.epoch),
            verdict::INTERRUPTED_MAX,
        );
        let recovered = recovered.await;
        match &recovered {
            Ok(0) => {}
            Ok(rows) => tracing::info!(bot = self.ports.bot, "{rows} deliveries were left open"),
            Err(err) => tracing::error!(bot = self.ports.bot, "The outbox is not recovered: {err}"),
        }
        recovered.is_ok()
    }

    /// Tells accounts of blocks that were not reported, and deletes old records.
    async fn care(&self) {
        if let Err(err) = self.report_blocks().await {
            tracing::warn!(bot = self.ports.bot, "Blocks cannot be reported: {err}");
        }
        let kept = chrono::Duration::from_std(self.settings.outbox_kept)
            .unwrap_or(chrono::Duration::days(7));
        let purged = outbox::purge(self.pool(), &self.ports.bot, clock::now() - kept).await;
        if let Err(err) = purged {
            tracing::warn!(bot = self.ports.bot, "Old deliveries cannot be deleted: {err}");
        }
    }

    /// Sends `BlockBot` to the accounts behind blocked chats. A private chat has its person's id.
    async fn report_blocks(&self) -> Result<(), QueryError> {
        let blocks =
            outbox::unreported_blocks(self.pool(), &self.ports.bot, REPORTS_AT_ONCE).await?;
        for (id, chat_id) in blocks {
            let (account_id, _) = self.ports.account_of(chat_id).await?;
            let command = AccountCommand::BlockBot(BotName { bot: self.ports.bot.clone() });
            let Ok(command) = serde_json::to_value(command) else {
                continue;
            };
            let envelope = Envelope::new(
                self.ports.command_id(&format!("outbox:{id}"), 0),
                (self.ports.tenant.clone(), "account", account_id),
                command,
                Actor::System { name: "telegram".to_owned() },
                clock::now(),
            );
            match self.ports.sender.send(envelope, self.ports.command_wait).await {
                // Accepted, refused for want of an account, or safely in the queue.
                Ok(_) => outbox::report_block(self.pool(), id).await?,
                Err(err) => {
                    tracing::warn!(bot = self.ports.bot, "A block is reported later: {err}");
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Makes one call. The time of the call is bounded twice: by the client, and here, because a
/// client may wait for a connection of its pool first.
async fn call(
    api: &BotApi,
    row: &OutboxRow,
    wait: Duration,
) -> Result<serde_json::Value, CallError> {
    let mut parameters = row.payload.as_object().cloned().unwrap_or_default();
    parameters.insert("chat_id".to_owned(), row.chat_id.into());
    let Some(bytes) = row.picture.clone() else {
        return api.call(&row.method, &parameters, wait).await;
    };
    let file = match &row.file_name {
        Some(name) => Upload::table(name.clone(), bytes),
        None => Upload::picture(bytes),
    };
    api.upload(file, &parameters, wait).await
}
