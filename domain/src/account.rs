//! An account: one customer of one tenant.

mod command;
mod decide;
mod event;
mod refusal;
mod reminders;
mod state;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use command::{
    AccountCommand, AskReadingReminder, BotName, ChangeLanguage, ChangePhone, Erase, ErasureGround,
    GiveConsent, MuteReadingReminders, Register, RemindOfReadings, Rename, UnmuteReadingReminders,
    WithdrawConsent,
};
pub use event::{
    AccountEvent, BotBlocked, BotUnblocked, ConsentGiven, ConsentWithdrawn, Erased,
    LanguageChanged, PhoneChanged, ReadingReminderAsked, ReadingReminderDue,
    ReadingReminderPostponed, ReadingRemindersMuted, ReadingRemindersUnmuted, Registered, Renamed,
};
pub use refusal::AccountRefusal;
pub use reminders::{ReminderObstacle, ReminderOccasion};
pub use state::Account;

use crate::TenantId;

/// Where an account came from.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// A person who pressed Start in a Telegram bot.
    Telegram {
        /// The bot's name in the configuration.
        bot: String,
        /// Telegram's id of the person.
        user_id: i64,
        /// Their public name without `@`, when they have one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        username: Option<String>,
    },
    /// A program with an API key.
    Api {
        /// The customer's number in the caller's own system, when given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<String>,
    },
}

/// The account of a Telegram user: the same in all bots of one tenant.
pub fn telegram_account_id(tenant: &TenantId, user_id: i64) -> Uuid {
    Uuid::new_v5(&tenant.stream_id(), format!("telegram:{user_id}").as_bytes())
}

/// The account of a person who comes back after `erased` was erased: a new one, that nothing leads
/// to but the person themselves.
pub fn account_id_after(erased: Uuid) -> Uuid {
    Uuid::new_v5(&erased, b"after erasure")
}

#[cfg(test)]
mod tests;
