//! The words of the work on a difference.

use serde::{Deserialize, Serialize};

/// Why there is a difference. A code, not a text: the log stays for ever, so it must not be able to
/// name a person.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Explanation {
    /// The other side comes later.
    Timing,
    /// The provider is wrong, and knows.
    ProviderError,
    /// The books are wrong.
    OurError,
    /// The bank is wrong, and knows.
    BankError,
    /// Somebody paid by another way than Kontor's.
    PaidElsewhere,
    /// A test, not business.
    Test,
    /// The exchange rate.
    ExchangeRate,
    /// The provider's fee or its rounding.
    Fee,
}

impl Explanation {
    /// All of them, as forms offer them.
    pub const ALL: [Self; 8] = [
        Self::Timing,
        Self::ProviderError,
        Self::OurError,
        Self::BankError,
        Self::PaidElsewhere,
        Self::Test,
        Self::ExchangeRate,
        Self::Fee,
    ];

    /// Its name in events and forms.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timing => "timing",
            Self::ProviderError => "provider_error",
            Self::OurError => "our_error",
            Self::BankError => "bank_error",
            Self::PaidElsewhere => "paid_elsewhere",
            Self::Test => "test",
            Self::ExchangeRate => "exchange_rate",
            Self::Fee => "fee",
        }
    }
}

/// How far the work on a difference is.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nobody takes care of it.
    #[default]
    Open,
    /// Somebody takes care of it.
    Assigned,
    /// It is explained and closed.
    Explained,
    /// Somebody proposed to give it up; somebody else must agree.
    WriteOffProposed,
    /// It was put right and closed.
    Adjusted,
    /// It was given up and closed.
    WrittenOff,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::Assigned,
        Self::WriteOffProposed,
        Self::Explained,
        Self::Adjusted,
        Self::WrittenOff,
    ];

    /// Its name in events and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Assigned => "assigned",
            Self::Explained => "explained",
            Self::WriteOffProposed => "write_off_proposed",
            Self::Adjusted => "adjusted",
            Self::WrittenOff => "written_off",
        }
    }

    /// Whether nothing is left to do.
    pub fn is_closed(self) -> bool {
        match self {
            Self::Open | Self::Assigned | Self::WriteOffProposed => false,
            Self::Explained | Self::Adjusted | Self::WrittenOff => true,
        }
    }
}
