//! A tenant: one business that Kontor serves, with its language, time zone and rules.

mod command;
mod decide;
mod event;
mod refusal;
mod reminders;
mod state;

use serde::{Deserialize, Serialize};

pub use command::{
    BeginReadingReminders, ChangeCreditRules, ChangeLocale, ChangeMeterRules,
    ChangeReadingReminders, Create, Rename, TenantCommand,
};
pub use event::{
    Created, CreditRulesChanged, LocaleChanged, MeterRulesChanged, ReadingRemindersChanged,
    ReadingRemindersDue, Renamed, TenantEvent,
};
pub use refusal::TenantRefusal;
pub use reminders::{ReadingReminders, ReminderRound, decent_from};
pub use state::Tenant;

/// The line of business of a tenant.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantKind {
    /// A utility with meters (system A).
    #[default]
    Utility,
    /// A city branch of a shop (system B).
    Shop,
    /// A salon with specialists and bookings (system C).
    Salon,
    /// A business that sells credits (system D).
    Enterprise,
    /// An assistants' bureau (system E).
    Bureau,
}

#[cfg(test)]
mod tests;
