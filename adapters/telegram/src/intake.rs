//! How raw updates get into the inbox, from polling and from webhooks alike.

use kontor_faults::Point;
use kontor_postgres::inbox::{InboxError, Stored};
use serde_json::Value;

use crate::{bots::Bot, input};

/// The kinds of updates that the bot reads; Telegram keeps the others to itself.
pub(crate) const ALLOWED_UPDATES: [&str; 5] =
    ["message", "edited_message", "callback_query", "my_chat_member", "pre_checkout_query"];

/// Why an update was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    /// It has no number, so it is no update.
    #[error("the update has no `update_id`")]
    NoNumber,
    /// The inbox did not take it.
    #[error("the inbox did not take the update")]
    Inbox(#[from] InboxError),
}

/// Stores an update as it came and wakes the worker. Returns its number.
pub(crate) async fn store(bot: &Bot, payload: &Value) -> Result<i64, IntakeError> {
    let number = input::update_id(payload).ok_or(IntakeError::NoNumber)?;
    let key = input::order_key(payload);
    // What is asked before a payment is answered at once, also when the inbox takes nothing more.
    bot.checkouts.answer(payload);
    let stored = bot.inboxes.patient.store(&bot.source, &number.to_string(), &key, payload).await?;
    match stored {
        Stored::New => {
            kontor_faults::reach(Point::InboxStored);
            bot.wake_worker.notify_one();
        }
        Stored::Duplicate => {
            tracing::debug!(bot = bot.name(), update.id = number, "Update {number} came again");
        }
    }
    Ok(number)
}
