//! Asks Telegram for updates, in long polls. An update is confirmed only after it was stored.

use std::time::Duration;

use kontor_postgres::inbox::InboxError;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    api::CallError,
    bots::Bot,
    intake::{self, ALLOWED_UPDATES, IntakeError},
    pause::pause,
    setup,
};

/// The most updates of one answer (Bot API).
const UPDATES_MAX: u32 = 100;

/// How much longer than the poll itself its answer may take.
const ANSWER_GRACE: Duration = Duration::from_secs(10);

/// How long to wait when somebody else polls with the same token.
const CONFLICT_PAUSE: Duration = Duration::from_secs(5);

/// How polling ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Polled {
    /// It was asked to stop.
    Stopped,
    /// Telegram refuses the token.
    Refused,
}

/// What one poll led to.
enum Step {
    /// Go on after this update.
    After(Option<i64>),
    /// Something failed; the offset stays.
    Failed(Duration),
    Refused,
}

/// Polls until `stop`.
pub(crate) async fn run(bot: &Bot, stop: &CancellationToken) -> Polled {
    let mut offset: Option<i64> = None;
    let mut failures: u32 = 0;
    loop {
        let step = tokio::select! {
            () = stop.cancelled() => return Polled::Stopped,
            step = poll(bot, offset, failures + 1) => step,
        };
        match step {
            Step::After(last) => {
                failures = 0;
                offset = last.map(|last| last + 1).or(offset);
            }
            Step::Refused => return Polled::Refused,
            Step::Failed(wait) => {
                failures = failures.saturating_add(1);
                tokio::select! {
                    () = stop.cancelled() => return Polled::Stopped,
                    () = tokio::time::sleep(wait) => {}
                }
            }
        }
    }
}

async fn poll(bot: &Bot, offset: Option<i64>, attempt: u32) -> Step {
    let timeout = bot.settings.poll_timeout;
    let mut parameters = Map::new();
    parameters.insert("timeout".to_owned(), json!(timeout.as_secs()));
    parameters.insert("limit".to_owned(), json!(UPDATES_MAX));
    parameters.insert("allowed_updates".to_owned(), json!(ALLOWED_UPDATES));
    if let Some(offset) = offset {
        parameters.insert("offset".to_owned(), json!(offset));
    }
    match bot.api.call("getUpdates", &parameters, timeout + ANSWER_GRACE).await {
        Ok(Value::Array(mut updates)) => {
            // An offset confirms everything below it. So what comes first must be the lowest: with
            // one that could not be stored, none above it is confirmed.
            updates.sort_by_key(crate::input::update_id);
            keep(bot, &updates, attempt).await
        }
        Ok(_) => {
            tracing::warn!(bot = bot.name(), "The answer to getUpdates is no list");
            Step::Failed(bot.pause(attempt))
        }
        Err(err) => {
            if matches!(err, CallError::Answered { status: 409, .. }) {
                // Somebody else polls, or set a webhook; the latter can be mended here.
                if let Err(err) = setup::no_webhook(bot).await {
                    tracing::warn!(bot = bot.name(), "The webhook cannot be looked at: {err}");
                }
            }
            failed(bot, &err, attempt)
        }
    }
}

/// Stores updates, which come in the order of their numbers, up to the first that the inbox does not take.
async fn keep(bot: &Bot, updates: &[Value], attempt: u32) -> Step {
    let mut last = None;
    for update in updates {
        match intake::store(bot, update).await {
            Ok(number) => last = Some(number),
            // What is no update, or larger than one can be, would be delivered for ever.
            Err(IntakeError::NoNumber) => {
                tracing::error!(bot = bot.name(), "Telegram sent something that is no update");
            }
            Err(IntakeError::Inbox(
                err @ (InboxError::TooLarge { .. } | InboxError::InvalidName { .. }),
            )) => {
                tracing::error!(bot = bot.name(), "An update was dropped: {err}");
                last = crate::input::update_id(update).or(last);
            }
            Err(IntakeError::Inbox(err @ (InboxError::Full { .. } | InboxError::Database(_)))) => {
                tracing::warn!(bot = bot.name(), "Updates wait with Telegram: {err}");
                if last.is_none() {
                    return Step::Failed(bot.pause(attempt));
                }
                break;
            }
        }
    }
    Step::After(last)
}

fn failed(bot: &Bot, err: &CallError, attempt: u32) -> Step {
    if err.is_token_refused() {
        return Step::Refused;
    }
    let wait = match err {
        CallError::Answered { status: 409, .. } => CONFLICT_PAUSE,
        CallError::Answered { .. }
        | CallError::NotSent(_)
        | CallError::Unanswered(_)
        | CallError::Unreadable { .. }
        | CallError::Unsendable(_) => bot.pause(attempt),
    };
    let wait = match err.retry_after() {
        Some(asked) => asked + pause(1, bot.settings.retry_pause_first, asked),
        None => wait,
    };
    // A poll that ends without an answer is common on bad networks.
    tracing::warn!(bot = bot.name(), "Updates cannot be fetched, next try in {wait:?}: {err}");
    Step::Failed(wait)
}
