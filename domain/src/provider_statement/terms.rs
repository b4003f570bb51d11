//! The words of statements: who says it, and what a line says.

use std::{collections::BTreeSet, fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Currency, ValueError, credit_ledger::PaymentProvider};

/// How many lines one command may carry: with all texts at their longest it stays below what the
/// broker takes.
pub const LINES_AT_ONCE_MAX: usize = 250;

/// Who says what moved.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StatementSource {
    /// Stripe: its balance transactions.
    Stripe,
    /// YooKassa: its registries.
    Yookassa,
    /// Telegram: the Stars transactions of a bot.
    TelegramStars,
    /// The bank: what came from providers.
    Bank,
}

impl StatementSource {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Stripe, Self::Yookassa, Self::TelegramStars, Self::Bank];

    /// Its name in events and addresses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Yookassa => "yookassa",
            Self::TelegramStars => "telegram_stars",
            Self::Bank => "bank",
        }
    }

    /// The provider whose word it is; none for the bank.
    pub fn provider(self) -> Option<PaymentProvider> {
        match self {
            Self::Stripe => Some(PaymentProvider::Stripe),
            Self::Yookassa => Some(PaymentProvider::Yookassa),
            Self::TelegramStars => Some(PaymentProvider::TelegramStars),
            Self::Bank => None,
        }
    }
}

impl fmt::Display for StatementSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for StatementSource {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::ALL.into_iter().find(|source| source.name() == text).ok_or_else(|| {
            ValueError("a source is one of stripe, yookassa, telegram_stars, bank".into())
        })
    }
}

/// What a line is about.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A customer paid.
    Charge,
    /// A customer got money back.
    Refund,
    /// Money is held back, or given back, while a payment is disputed.
    Dispute,
    /// The provider took a fee that belongs to no single payment.
    Fee,
    /// The provider sent money to the bank.
    Payout,
    /// Money of a provider arrived at the bank.
    Arrival,
    /// Anything else that moved.
    Other,
}

impl LineKind {
    /// Its name in events and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Dispute => "dispute",
            Self::Fee => "fee",
            Self::Payout => "payout",
            Self::Arrival => "arrival",
            Self::Other => "other",
        }
    }
}

/// The file that lines come from. It names no person: whoever sends it is in the event's metadata.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StatementFile {
    /// The SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// How many lines it has in all.
    pub lines: i64,
}

/// A line as the source says it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StatementLine {
    /// What it is about.
    pub kind: LineKind,
    /// The source's own id of the line.
    pub external_id: String,
    /// When it moved.
    pub at: DateTime<Utc>,
    /// What moved, in minor units: what came to the tenant's account there is positive.
    pub amount_minor: i64,
    /// What the source kept of it: positive when it was taken.
    pub fee_minor: i64,
    /// What was left, as the source says.
    pub net_minor: i64,
    /// In which currency.
    pub currency: Currency,
    /// The ids of what it is about, such as charge and payment; at most 8.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub references: BTreeSet<String>,
    /// The payout that it went into, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout_ref: Option<String>,
    /// Whose money arrived; the bank's lines alone have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PaymentProvider>,
}

impl StatementLine {
    /// Its id in a statement: it follows from what never changes about a line.
    pub fn id(&self, statement_id: Uuid) -> Uuid {
        let at_us = self.at.timestamp_micros();
        let figures = (self.amount_minor, self.fee_minor, self.net_minor, self.currency.code());
        let from = self.from.map_or("", provider_name);
        // Debug output of texts is quoted and escaped, so no two lines are written alike.
        let name =
            format!("line:{}:{:?}:{at_us}:{figures:?}:{from}", self.kind.name(), self.external_id);
        Uuid::new_v5(&statement_id, name.as_bytes())
    }
}

fn provider_name(provider: PaymentProvider) -> &'static str {
    match provider {
        PaymentProvider::Stripe => "stripe",
        PaymentProvider::Yookassa => "yookassa",
        PaymentProvider::TelegramStars => "telegram_stars",
        PaymentProvider::Manual => "manual",
    }
}

/// A line in the log.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RecordedLine {
    /// Its id.
    pub line_id: Uuid,
    /// It was there already, and something is filled in that was not known.
    #[serde(default, skip_serializing_if = "is_false")]
    pub completed: bool,
    /// What it says.
    pub line: StatementLine,
}

/// Serde asks by reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_false(flag: &bool) -> bool {
    !*flag
}
