//! The words of closing.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ValueError, seals::Digest32};

/// A sum of amounts, in whole credits, messages or minor units. On the wire it is a decimal text: a
/// sum may be wider than the numbers that JSON's readers can hold.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Sum(pub i128);

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<Sum> for String {
    fn from(sum: Sum) -> Self {
        sum.to_string()
    }
}

impl TryFrom<String> for Sum {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        let sum = text.parse().map(Self);
        // One way to write it: what is hashed must not depend on who wrote it.
        sum.ok()
            .filter(|sum: &Self| sum.to_string() == text)
            .ok_or_else(|| ValueError("a sum is a whole number without leading zeros".to_owned()))
    }
}

/// What is looked at before a month is closed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Bookings that the read model could not take: its figures are not whole.
    BookingsParked,
    /// Differences to what providers and banks say, of this month or before, that are open.
    DifferencesOpen,
    /// Accounts of money with providers, or of money that a provider holds back, that are not zero at
    /// the end of the month.
    ClearingOpen,
    /// Providers with payments in this month of which no statement was taken over.
    StatementsMissing,
    /// Credits that wait for a delivery at the end of the month.
    CreditsHeld,
    /// Bookings that no seal holds yet.
    BookingsUnsealed,
    /// Bookings of months before the first one that is closed: their sums become its opening.
    EarlierBookings,
}

impl Check {
    /// All of them, as lists show them.
    pub const ALL: [Self; 7] = [
        Self::BookingsParked,
        Self::DifferencesOpen,
        Self::ClearingOpen,
        Self::StatementsMissing,
        Self::CreditsHeld,
        Self::BookingsUnsealed,
        Self::EarlierBookings,
    ];

    /// Its name in events and forms.
    pub fn name(self) -> &'static str {
        match self {
            Self::BookingsParked => "bookings_parked",
            Self::DifferencesOpen => "differences_open",
            Self::ClearingOpen => "clearing_open",
            Self::StatementsMissing => "statements_missing",
            Self::CreditsHeld => "credits_held",
            Self::BookingsUnsealed => "bookings_unsealed",
            Self::EarlierBookings => "earlier_bookings",
        }
    }

    /// Whether nobody may pass it over.
    pub fn is_blocking(self) -> bool {
        match self {
            Self::BookingsParked => true,
            Self::DifferencesOpen
            | Self::ClearingOpen
            | Self::StatementsMissing
            | Self::CreditsHeld
            | Self::BookingsUnsealed
            | Self::EarlierBookings => false,
        }
    }
}

/// What a check found.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// How many; from 1.
    pub count: i64,
}

/// Why a month is closed although a check found something. A code, not a text: the log stays for
/// ever, so it must not be able to name a person.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AcknowledgementReason {
    /// It settles by itself in the next month, such as a payout on its way.
    SettlesLater,
    /// It was looked at and is right as it is.
    Checked,
    /// It is too small to matter.
    Immaterial,
    /// Somebody works on it, and what comes of it is booked as a late entry.
    InWork,
}

impl AcknowledgementReason {
    /// All of them, as forms offer them.
    pub const ALL: [Self; 4] = [Self::SettlesLater, Self::Checked, Self::Immaterial, Self::InWork];

    /// Its name in events and forms.
    pub fn name(self) -> &'static str {
        match self {
            Self::SettlesLater => "settles_later",
            Self::Checked => "checked",
            Self::Immaterial => "immaterial",
            Self::InWork => "in_work",
        }
    }
}

/// Somebody knows of a finding and closes the month nevertheless.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Acknowledgement {
    /// The check.
    pub check: Check,
    /// Why it does not stand against the close.
    pub reason: AcknowledgementReason,
    /// Where more is written, such as the number of a letter or a ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// Why a closed month is opened again. A code, for the reason above.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReopenReason {
    /// Something of the month was booked late, and belongs into its report.
    BookingsMissing,
    /// Something was booked wrongly.
    BookingsWrong,
    /// A provider or a bank sent a statement late, or another one.
    StatementLate,
    /// An auditor asks for it.
    Audit,
    /// It was closed by mistake.
    Mistake,
}

impl ReopenReason {
    /// All of them, as forms offer them.
    pub const ALL: [Self; 5] = [
        Self::BookingsMissing,
        Self::BookingsWrong,
        Self::StatementLate,
        Self::Audit,
        Self::Mistake,
    ];

    /// Its name in events and forms.
    pub fn name(self) -> &'static str {
        match self {
            Self::BookingsMissing => "bookings_missing",
            Self::BookingsWrong => "bookings_wrong",
            Self::StatementLate => "statement_late",
            Self::Audit => "audit",
            Self::Mistake => "mistake",
        }
    }
}

/// The seal that a close rests on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SealNamed {
    /// Its number.
    pub number: i64,
    /// The position of the last booking in it.
    pub position: i64,
    /// Its root.
    pub root: Digest32,
}
