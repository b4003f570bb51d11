//! How a tenant takes readings.

use std::{collections::BTreeMap, ops::RangeInclusive};

use serde::{Deserialize, Serialize};

use super::ReadingSource;

/// A tenant's rules for readings.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeterRules {
    /// The first day of the month on which readings are taken, 1 to 28.
    pub window_first_day: u8,
    /// The last day of the month on which readings are taken, 1 to 31; days that a month does not
    /// have count as its last. A window whose last day is before its first runs into the next month.
    pub window_last_day: u8,
    /// Consumption above this many times the usual one asks for confirmation; 2 to 100.
    pub unusual_factor: u32,
    /// What happens to a meter whose verification is overdue.
    pub verification: VerificationPolicy,
    /// Exceptions by source; a source without an entry follows its defaults.
    pub by_source: BTreeMap<ReadingSource, SourceRules>,
}

/// What happens to a reading of a meter whose verification is overdue.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VerificationPolicy {
    /// It is accepted with a warning.
    Warn,
    /// It is refused.
    Block,
}

/// What a source is bound to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SourceRules {
    /// Readings and corrections are taken inside the window only.
    pub window: bool,
    /// Unusual values and rollovers need confirmation; otherwise they are accepted with a warning.
    pub confirmation: bool,
    /// A photo must come with the reading.
    pub photo: bool,
}

impl Default for MeterRules {
    fn default() -> Self {
        Self {
            window_first_day: 15,
            window_last_day: 25,
            unusual_factor: 3,
            verification: VerificationPolicy::Warn,
            by_source: BTreeMap::new(),
        }
    }
}

impl MeterRules {
    /// The days on which a window may open: days that every month has.
    pub const WINDOW_FIRST_DAYS: RangeInclusive<u8> = 1..=28;
    /// The days on which a window may close.
    pub const WINDOW_LAST_DAYS: RangeInclusive<u8> = 1..=31;
    /// The factors above which consumption may count as unusual.
    pub const UNUSUAL_FACTORS: RangeInclusive<u32> = 2..=100;

    /// What a source is bound to: customers to everything but the photo, programs too; the staff
    /// only to confirmation; an import to nothing.
    pub fn of(&self, source: ReadingSource) -> SourceRules {
        self.by_source.get(&source).copied().unwrap_or(match source {
            ReadingSource::Telegram | ReadingSource::Web | ReadingSource::Api => {
                SourceRules { window: true, confirmation: true, photo: false }
            }
            ReadingSource::Operator => {
                SourceRules { window: false, confirmation: true, photo: false }
            }
            ReadingSource::Import => {
                SourceRules { window: false, confirmation: false, photo: false }
            }
        })
    }
}
