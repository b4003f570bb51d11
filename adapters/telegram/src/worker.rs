//! Drives stored updates to completion: each one to commands, replies and the dialogue's next
//! state, and everything of it in one transaction.
//!
//! A crash before that transaction repeats the update with the same command ids; a crash after it
//! repeats nothing.

mod commit;
mod prepare;

pub(crate) use self::prepare::spoken;

use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc};

use futures::FutureExt;
use kontor_commands::clock;
use kontor_postgres::inbox::{Inbox, InboxRow, InboxSettings, Postponed};
use serde_json::json;
use tokio::{
    sync::{Notify, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use self::prepare::Prepared;
use crate::{
    api::BotApi,
    conversation::{self, Schema},
    input,
    settings::TelegramSettings,
    turn::{Effects, Ports, Turn, TurnError},
};

/// The most answers to button presses that are under way at one time; a press beyond them only
/// keeps its spinner a little longer.
const ANSWERS_AT_ONCE: usize = 32;

/// The worker of one bot, under one lease.
pub(crate) struct Worker {
    pub(crate) ports: Arc<Ports>,
    pub(crate) api: BotApi,
    pub(crate) settings: Arc<TelegramSettings>,
    /// Where the bot's updates stand in the inbox.
    pub(crate) source: String,
    pub(crate) wake: Arc<Notify>,
    /// Woken after replies were written.
    pub(crate) wake_sender: Arc<Notify>,
    pub(crate) inboxes: Inboxes,
    pub(crate) schema: Schema,
    pub(crate) answers: Arc<Semaphore>,
}

/// The inbox with two degrees of patience.
#[derive(Clone)]
pub(crate) struct Inboxes {
    /// For failures that pass: as long as a command stays valid.
    pub(crate) patient: Inbox,
    /// For failures that do not: a few attempts, then an operator decides.
    pub(crate) strict: Inbox,
}

impl Inboxes {
    pub(crate) fn new(pool: &sqlx::PgPool, settings: &TelegramSettings) -> Self {
        let inbox = |attempts_max, pause_max_seconds| {
            Inbox::new(
                pool.clone(),
                InboxSettings {
                    backlog_max: settings.inbox_backlog_max,
                    attempts_max,
                    pause_first: settings.retry_pause_first,
                    pause_max: std::time::Duration::from_secs(pause_max_seconds),
                },
            )
        };
        // With 15 to 30 seconds between them, 4,000 attempts last longer than the 24 hours for which
        // a command is valid; by then it has been refused, which is an outcome too.
        Self { patient: inbox(4_000, 30), strict: inbox(3, 5) }
    }
}

/// The permits for answers to button presses.
pub(crate) fn answer_permits() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(ANSWERS_AT_ONCE))
}

impl Worker {
    /// Works until `stop`; what is under way then is finished first.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut tasks: JoinSet<String> = JoinSet::new();
        let mut busy: HashSet<String> = HashSet::new();
        while !stop.is_cancelled() {
            if let Err(err) = self.start(&mut tasks, &mut busy).await {
                tracing::warn!(bot = self.ports.bot, "The inbox cannot be read: {err}");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                Some(done) = tasks.join_next() => match done {
                    Ok(key) => { busy.remove(&key); }
                    Err(err) => {
                        tracing::error!(bot = self.ports.bot, "An update's task ended early: {err}");
                        tasks.abort_all();
                        while tasks.join_next().await.is_some() {}
                        busy.clear();
                    }
                },
                () = self.wake.notified() => {}
                () = tokio::time::sleep(self.settings.idle_pause) => {}
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Starts the next update of each chat that has none under way.
    async fn start(
        self: &Arc<Self>,
        tasks: &mut JoinSet<String>,
        busy: &mut HashSet<String>,
    ) -> Result<(), kontor_postgres::DatabaseError> {
        let free = self.settings.chats_at_once.saturating_sub(busy.len());
        if free == 0 {
            return Ok(());
        }
        let keys: Vec<String> = busy.iter().cloned().collect();
        let limit = u32::try_from(free).unwrap_or(Inbox::BATCH_MAX);
        let rows = self.inboxes.patient.next_batch_except(&self.source, limit, &keys).await?;
        for row in rows {
            busy.insert(row.key.clone());
            let worker = Arc::clone(self);
            tasks.spawn(async move {
                worker.handle(&row).await;
                row.key
            });
        }
        Ok(())
    }

    /// Handles one update. Failures are kept with it, for the next attempt.
    async fn handle(&self, row: &InboxRow) {
        let span = self.ports.span_of_update(&row.external_id, row.attempts == 0);
        self.handle_in_span(row).instrument(span).await;
    }

    async fn handle_in_span(&self, row: &InboxRow) {
        self.answer_press(row);
        let attempt = AssertUnwindSafe(self.attempt(row)).catch_unwind().await;
        let failure = match attempt {
            Ok(Ok(())) => {
                tracing::debug!("The update {} is handled", row.external_id);
                return;
            }
            Ok(Err(failure)) => failure,
            Err(_) => Failure::Lasting("a handler panicked".to_owned()),
        };
        if let Err(err) = self.fail(row, failure).await {
            tracing::error!(
                bot = self.ports.bot,
                update.id = row.external_id,
                "The failure of update {} cannot be recorded: {err}",
                row.external_id
            );
        }
    }

    async fn attempt(&self, row: &InboxRow) -> Result<(), Failure> {
        let effects = match self.prepare(row).await? {
            Prepared::Nothing => None,
            Prepared::Reply(reply) => Some(*reply),
            Prepared::Turn(turn) => {
                let turn = Arc::new(*turn);
                let effects = self.talk(Arc::clone(&turn)).await?;
                Some((turn.input.clone(), effects))
            }
        };
        self.commit(row, effects).await
    }

    async fn talk(&self, turn: Arc<Turn>) -> Result<Effects, Failure> {
        let talking = conversation::handle(&self.schema, Arc::clone(&turn));
        match talking.instrument(tracing::debug_span!("turn")).await {
            Ok(effects) => Ok(effects),
            Err(TurnError::Superseded) => Ok(conversation::superseded(&turn)),
            Err(
                err @ (TurnError::OutcomeUnknown
                | TurnError::Busy(_)
                | TurnError::Query(_)
                | TurnError::Store(_)),
            ) => Err(Failure::Passing(chain(&err))),
            Err(
                err @ (TurnError::Defect(_)
                | TurnError::Json(_)
                | TurnError::Name(_)
                | TurnError::Picture(_)),
            ) => Err(Failure::Lasting(chain(&err))),
        }
    }

    /// Answers a button press at once, so that its spinner stops; the reply follows by itself.
    fn answer_press(&self, row: &InboxRow) {
        if row.attempts > 0 {
            return;
        }
        let Some(id) = input::callback_query_id(&row.payload) else {
            return;
        };
        let Ok(permit) = Arc::clone(&self.answers).try_acquire_owned() else {
            return;
        };
        let mut parameters = serde_json::Map::new();
        parameters.insert("callback_query_id".to_owned(), json!(id));
        let (api, wait) = (self.api.clone(), self.settings.call_timeout);
        tokio::spawn(async move {
            // Too late or unknown: nothing follows from it.
            if let Err(err) = api.call("answerCallbackQuery", &parameters, wait).await {
                tracing::debug!("A button press was not answered: {err}");
            }
            drop(permit);
        });
    }

    /// Keeps a failed update for its next attempt, and tells the person when it takes long or
    /// comes to nothing.
    async fn fail(&self, row: &InboxRow, failure: Failure) -> Result<(), Failure> {
        let (inbox, error) = match &failure {
            Failure::Passing(error) => (&self.inboxes.patient, error),
            Failure::Lasting(error) => (&self.inboxes.strict, error),
        };
        let postponed = inbox.postpone(&self.source, &row.external_id, error).await?;
        tracing::warn!(
            bot = self.ports.bot,
            update.id = row.external_id,
            attempt = row.attempts + 1,
            // The cause may quote the person; it stands with the update in the inbox.
            "Update {} was not handled ({postponed:?})",
            row.external_id
        );
        let age = (clock::now() - row.received_at).to_std().unwrap_or_default();
        let notice = match (postponed, failure) {
            (Postponed::Dead, _) => Some(commit::Notice::Broken),
            (Postponed::Until(_), Failure::Passing(_)) if age >= self.settings.notice_after => {
                Some(commit::Notice::Wait)
            }
            (Postponed::Until(_) | Postponed::NotPending, _) => None,
        };
        match notice {
            Some(notice) => self.tell(row, notice).await,
            None => Ok(()),
        }
    }
}

/// Why an update was not handled.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It will be handled later.
    Passing(String),
    /// Trying again will hardly help.
    Lasting(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Passing(error) | Self::Lasting(error) => f.write_str(error),
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(err: sqlx::Error) -> Self {
        Self::Passing(chain(&err))
    }
}

impl From<kontor_postgres::DatabaseError> for Failure {
    fn from(err: kontor_postgres::DatabaseError) -> Self {
        Self::Passing(chain(&err))
    }
}

impl From<kontor_projections::QueryError> for Failure {
    fn from(err: kontor_projections::QueryError) -> Self {
        Self::Passing(chain(&err))
    }
}

/// An error with its causes, for the row that an operator reads.
fn chain(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
