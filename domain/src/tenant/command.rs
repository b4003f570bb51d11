//! What can be asked of a tenant.

use serde::{Deserialize, Serialize};

use super::TenantKind;
use crate::{DisplayName, Language, meter::MeterRules};

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
