//! What has happened to a tenant.

use serde::{Deserialize, Serialize};

use super::TenantKind;
use crate::{DisplayName, Language, TenantId, meter::MeterRules};

/// A fact about a tenant.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TenantEvent {
    /// `tenant.created`
    Created(Created),
    /// `tenant.renamed`
    Renamed(Renamed),
    /// `tenant.locale_changed`
    LocaleChanged(LocaleChanged),
    /// `tenant.meter_rules_changed`
    MeterRulesChanged(MeterRulesChanged),
}

/// The tenant was opened.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Created {
    /// Its slug.
    pub id: TenantId,
    /// What it is called.
    pub name: DisplayName,
    /// Its line of business.
    pub kind: TenantKind,
    /// The language that replies start in.
    pub language: Language,
    /// Its IANA time zone.
    pub time_zone: chrono_tz::Tz,
    /// How readings are taken.
    pub meter_rules: MeterRules,
}

/// The tenant got another name.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Renamed {
    /// What it is called from now on.
    pub name: DisplayName,
}

/// The tenant's language or time zone changed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct LocaleChanged {
    /// The language that replies start in.
    pub language: Language,
    /// Its IANA time zone.
    pub time_zone: chrono_tz::Tz,
}

/// The tenant takes readings by other rules.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MeterRulesChanged {
    /// All rules from now on.
    pub meter_rules: MeterRules,
}
