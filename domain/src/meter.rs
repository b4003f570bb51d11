//! A meter: what it showed, when, and what was consumed.
//!
//! A reading gives every zone of the meter, and no zone falls. There is one exception: a counter
//! that stood in the last tenth of what it can show and now stands in the first tenth may have
//! passed its largest value; that is asked about, and then accepted with a warning.
//!
//! Consumption is *unusual* when its rate per day lies strictly above the tenant's factor times the
//! mean rate of up to six intervals before. An interval runs between two days with readings (the
//! last reading of a day counts); two of them must be known, and something must have been used.
//!
//! A reading counts for the month in which it was taken, or in which a window that runs into the
//! next month opened. Days are the tenant's, not the server's.

mod command;
mod decide;
mod event;
mod history;
mod reading;
mod refusal;
mod rules;
mod state;
mod values;
mod window;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use command::{
    Archive, CorrectReading, EraseHolder, MeterCommand, Register, RenewVerification, SubmitReading,
};
pub use event::{
    Archived, HolderErased, MeterEvent, ReadingCorrected, ReadingSubmitted, Registered,
    VerificationRenewed,
};
pub use refusal::MeterRefusal;
pub use rules::{MeterRules, SourceRules, VerificationPolicy};
pub use state::Meter;

/// What a meter counts.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum MeterKind {
    /// Electricity, in kWh.
    #[default]
    Electricity,
    /// Cold water, in cubic metres.
    ColdWater,
    /// Hot water, in cubic metres.
    HotWater,
    /// Gas, in cubic metres.
    Gas,
    /// Heat, in gigacalories.
    Heat,
}

/// A tariff zone of a meter. Meters without zones have T1 alone.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Zone {
    /// The first zone.
    T1,
    /// The second zone.
    T2,
    /// The third zone.
    T3,
}

impl Zone {
    /// All zones in order; a meter with `n` zones has the first `n`.
    pub const ALL: [Self; 3] = [Self::T1, Self::T2, Self::T3];
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::T1 => "T1",
            Self::T2 => "T2",
            Self::T3 => "T3",
        })
    }
}

/// How a reading came in; the tenant's rules depend on it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadingSource {
    /// A customer in a Telegram chat.
    Telegram,
    /// A customer in the Mini App or on the web.
    Web,
    /// A program with an API key.
    Api,
    /// A member of the staff.
    Operator,
    /// A file of an import.
    Import,
}

/// What the tenant's staff should look at in an accepted reading.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadingWarning {
    /// The verification of the meter is overdue.
    VerificationOverdue,
    /// The consumption is far above the usual one; the sender confirmed it, or was not to be asked.
    Unusual,
    /// A counter rolled over; the sender confirmed it, or was not to be asked.
    RolledOver,
}

/// Where a photo of a meter is kept. The picture itself is not in the log.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PhotoReference {
    /// A file of Telegram, fetched with the token of the bot that received it.
    Telegram {
        /// The bot's name in the configuration.
        bot: String,
        /// Telegram's id of the file.
        file_id: String,
    },
    /// An address that the sender keeps.
    Url {
        /// An `https` address.
        url: String,
    },
}

#[cfg(test)]
mod tests;
