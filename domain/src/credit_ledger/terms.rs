//! The words of the ledger: where credits come from, how they are paid for, why they go back.

use chrono::Duration;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::BookAccount;
use crate::Money;

/// Where the credits of a grant come from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantSource {
    /// The customer bought them.
    Purchase,
    /// Every new customer gets them.
    Welcome,
    /// The customer took the tutorial.
    Tutorial,
    /// The staff gave them.
    Gift,
    /// A campaign gave them.
    Promo,
}

impl GrantSource {
    /// Whether money was paid for them.
    pub fn is_paid(self) -> bool {
        match self {
            Self::Purchase => true,
            Self::Welcome | Self::Tutorial | Self::Gift | Self::Promo => false,
        }
    }
}

/// Who took the money of a purchase.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentProvider {
    /// Stripe.
    Stripe,
    /// YooKassa.
    Yookassa,
    /// Telegram Stars.
    TelegramStars,
    /// The staff, outside of Kontor: cash or a bank transfer.
    Manual,
}

/// What was paid, and in which payment.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Payment {
    /// The payment.
    pub payment_id: Uuid,
    /// Who took it.
    pub provider: PaymentProvider,
    /// The price of all that was bought.
    pub price: Money,
}

/// How long a pass lasts. A day is 24 hours from its start, wherever the customer is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PassPeriod {
    /// One day.
    Day,
    /// Seven days.
    Week,
    /// Thirty days.
    Month,
}

impl PassPeriod {
    /// Its days.
    pub fn days(self) -> i64 {
        match self {
            Self::Day => 1,
            Self::Week => 7,
            Self::Month => 30,
        }
    }

    /// Its length.
    pub fn duration(self) -> Duration {
        Duration::days(self.days())
    }
}

/// Why something is taken back. A choice and no text: the books stay for ever, so they must not be
/// able to name a person.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CorrectionReason {
    /// What was paid for was not delivered.
    NotDelivered,
    /// The customer asked for it.
    CustomerAsked,
    /// It was booked by mistake.
    Mistake,
    /// It was got by fraud.
    Fraud,
    /// Kindness towards the customer.
    Goodwill,
    /// It cannot be got back with a reasonable effort.
    Uncollectible,
}

/// Why a hold gave its credits back.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseCause {
    /// What they were held for did not come about.
    Released,
    /// Nobody captured it in time.
    TimedOut,
    /// The payment behind its credits was lost in a dispute.
    DisputeLost,
}

/// How a dispute ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeOutcome {
    /// The money stays with the business.
    Won,
    /// The money goes back to the payer.
    Lost,
}

/// A part of a movement: credits of one grant, with what they are worth.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Slice {
    /// The grant.
    pub grant_id: Uuid,
    /// How many of its credits, at least 1 unless only a part of the price moves.
    pub credits: i64,
    /// The part of its price that moves with them; none when nothing was paid, or nothing moves yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Money>,
}

/// Why something is booked that belongs to no customer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AdjustmentCause {
    /// A provider's or a bank's statement says so.
    Statement,
    /// A difference is put right.
    Correction,
    /// A difference is given up, by two people.
    WriteOff,
}

/// Money that moves from one account to another.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Posting {
    /// Where it comes to.
    pub debit: BookAccount,
    /// Where it comes from.
    pub credit: BookAccount,
    /// How much, from 1 minor unit up.
    pub amount: Money,
}
