//! What can be asked of a tenant.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{ReadingReminders, TenantKind};
use crate::{DisplayName, Language, credit_ledger::CreditRules, meter::MeterRules};

/// A command to a tenant.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TenantCommand {
    /// Opens the tenant.
    Create(Create),
    /// Gives it another name.
    Rename(Rename),
    /// Changes its language and time zone.
    ChangeLocale(ChangeLocale),
    /// Changes how readings are taken.
    ChangeMeterRules(ChangeMeterRules),
    /// Changes how customers are reminded of readings.
    ChangeReadingReminders(ChangeReadingReminders),
    /// Begins the reminders of one month. Sent by Kontor itself when they are due.
    BeginReadingReminders(BeginReadingReminders),
    /// Changes what credits are worth and how many there may be.
    ChangeCreditRules(ChangeCreditRules),
}

/// Opens a tenant.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// What it is called.
    pub name: DisplayName,
    /// Its line of business.
    pub kind: TenantKind,
    /// The language that replies start in.
    pub language: Language,
    /// Its IANA time zone, such as `Europe/Moscow`.
    pub time_zone: chrono_tz::Tz,
    /// How readings are taken; the defaults when absent.
    #[serde(default)]
    pub meter_rules: MeterRules,
}

/// Gives a tenant another name.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rename {
    /// What it is called from now on.
    pub name: DisplayName,
}

/// Changes a tenant's language and time zone.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeLocale {
    /// The language that replies start in.
    pub language: Language,
    /// Its IANA time zone.
    pub time_zone: chrono_tz::Tz,
}

/// Changes how a tenant's readings are taken.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeMeterRules {
    /// All rules, old and new.
    pub meter_rules: MeterRules,
}

/// Changes how customers are reminded of readings that are missing.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeReadingReminders {
    /// All settings, old and new.
    pub reading_reminders: ReadingReminders,
}

/// Begins the reminders of one month.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BeginReadingReminders {
    /// The month, as its first day.
    pub period: NaiveDate,
}

/// Changes what credits are worth and how many there may be.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeCreditRules {
    /// All rules, old and new.
    pub credit_rules: CreditRules,
}
