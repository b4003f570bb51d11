//! Telegram: updates in, commands out, replies as people read them.
//!
//! An update is stored raw in the inbox, then driven to completion: the handler tree sends commands
//! with ids derived from the update, reads the read models, and returns effects. One transaction
//! finishes the update, moves the dialogue and writes the replies to the outbox; a sender carries
//! them out within Telegram's limits. A crash anywhere repeats work and never loses or doubles an
//! effect.

mod api;
mod bar;
mod billing_news;
mod bots;
mod chart;
mod checkout;
mod conversation;
mod credit_warnings;
mod dialogue;
mod format;
mod input;
mod intake;
mod offer;
mod outbox;
mod outgoing;
mod pages;
mod pause;
mod payment_news;
pub mod personal;
mod polling;
mod press;
mod quick;
mod refunds;
mod reminders;
mod sender;
mod settings;
mod setup;
mod texts;
mod trace;
mod turn;
mod views;
mod webhook;
mod worker;

pub use billing_news::BillingNews;
pub use bots::{Bots, BotsError};
pub use credit_warnings::CreditWarnings;
pub use outbox::{OutboxBacklog, backlog as outbox_backlog};
pub use payment_news::PaymentNews;
pub use reminders::ReminderMessages;
pub use settings::{BotSettings, CardAccount, Mode, TelegramSettings};
