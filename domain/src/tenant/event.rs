//! What has happened to a tenant.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{ReadingReminders, TenantKind};
use crate::{
    DisplayName, EventBody, EventDecodeError, EventSchema, Language, TenantId,
    credit_ledger::CreditRules,
    decider::{decode_payload, domain_event},
    meter::MeterRules,
};

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
    /// `tenant.reading_reminders_changed`
    ReadingRemindersChanged(ReadingRemindersChanged),
    /// `tenant.reading_reminders_due`
    ReadingRemindersDue(ReadingRemindersDue),
    /// `tenant.credit_rules_changed`
    CreditRulesChanged(CreditRulesChanged),
}

impl EventBody for TenantEvent {
    const SCHEMAS: &'static [EventSchema] = &[
        EventSchema::new("tenant.created", 1),
        EventSchema::new("tenant.renamed", 1),
        EventSchema::new("tenant.locale_changed", 1),
        EventSchema::new("tenant.meter_rules_changed", 1),
        EventSchema::new("tenant.reading_reminders_changed", 1),
        EventSchema::new("tenant.reading_reminders_due", 1),
        EventSchema::new("tenant.credit_rules_changed", 1),
    ];

    fn wire_type(&self) -> &'static str {
        match self {
            Self::Created(_) => "tenant.created",
            Self::Renamed(_) => "tenant.renamed",
            Self::LocaleChanged(_) => "tenant.locale_changed",
            Self::MeterRulesChanged(_) => "tenant.meter_rules_changed",
            Self::ReadingRemindersChanged(_) => "tenant.reading_reminders_changed",
            Self::ReadingRemindersDue(_) => "tenant.reading_reminders_due",
            Self::CreditRulesChanged(_) => "tenant.credit_rules_changed",
        }
    }

    fn schema_version(&self) -> i32 {
        match self {
            Self::Created(_)
            | Self::Renamed(_)
            | Self::LocaleChanged(_)
            | Self::MeterRulesChanged(_)
            | Self::ReadingRemindersChanged(_)
            | Self::ReadingRemindersDue(_)
            | Self::CreditRulesChanged(_) => 1,
        }
    }

    fn to_payload(&self) -> Result<String, serde_json::Error> {
        match self {
            Self::Created(payload) => serde_json::to_string(payload),
            Self::Renamed(payload) => serde_json::to_string(payload),
            Self::LocaleChanged(payload) => serde_json::to_string(payload),
            Self::MeterRulesChanged(payload) => serde_json::to_string(payload),
            Self::ReadingRemindersChanged(payload) => serde_json::to_string(payload),
            Self::ReadingRemindersDue(payload) => serde_json::to_string(payload),
            Self::CreditRulesChanged(payload) => serde_json::to_string(payload),
        }
    }

    fn from_wire(
        wire_type: &str,
        schema_version: i32,
        payload: &str,
    ) -> Result<Self, EventDecodeError> {
        match (wire_type, schema_version) {
            ("tenant.created", 1) => decode_payload(wire_type, payload).map(Self::Created),
            ("tenant.renamed", 1) => decode_payload(wire_type, payload).map(Self::Renamed),
            ("tenant.locale_changed", 1) => {
                decode_payload(wire_type, payload).map(Self::LocaleChanged)
            }
            ("tenant.meter_rules_changed", 1) => {
                decode_payload(wire_type, payload).map(Self::MeterRulesChanged)
            }
            ("tenant.reading_reminders_changed", 1) => {
                decode_payload(wire_type, payload).map(Self::ReadingRemindersChanged)
            }
            ("tenant.reading_reminders_due", 1) => {
                decode_payload(wire_type, payload).map(Self::ReadingRemindersDue)
            }
            ("tenant.credit_rules_changed", 1) => {
                decode_payload(wire_type, payload).map(Self::CreditRulesChanged)
            }
            _ => Err(EventDecodeError::unknown(wire_type, schema_version)),
        }
    }
}

domain_event!(TenantEvent);

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

/// The tenant reminds its customers of readings in another way.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReadingRemindersChanged {
    /// All settings from now on.
    pub reading_reminders: ReadingReminders,
}

/// The readings of a month that are still missing are due soon: customers are reminded of them.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct ReadingRemindersDue {
    /// The month, as its first day.
    pub period: NaiveDate,
    /// The tenant's last local day on which its readings are taken.
    pub closes_on: NaiveDate,
}

/// What credits are worth, or how many there may be, changed.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct CreditRulesChanged {
    /// All rules, old and new.
    pub credit_rules: CreditRules,
}
