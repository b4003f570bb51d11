//! The words of payments: what is bought, and how far a payment and a refund have come.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::product::Gives;

/// The product as it was when it was offered: later changes of it change no purchase.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ProductSold {
    /// The product.
    pub product_id: Uuid,
    /// Its version.
    pub version: i64,
    /// What it gives.
    pub gives: Gives,
}

/// How far a payment has come. It only rises: whatever comes late and says less changes nothing.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It was offered.
    #[default]
    Intent,
    /// The customer is paying.
    Pending,
    /// Nobody paid in time.
    Expired,
    /// The provider has not said what came of it.
    Unknown,
    /// The provider refused it.
    Failed,
    /// It was paid.
    Succeeded,
}

/// How far a refund has come. It only rises, too: a refund that failed was not paid, whatever was said
/// before.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStanding {
    /// It was asked for; whether the provider paid it is not known yet.
    Requested,
    /// The provider paid it.
    Refunded,
    /// The provider could not pay it, or got it back.
    Failed,
}

/// What is said of a refund that is not all of the charge in one go.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Part {
    /// The price of how many credits it is, where somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credits: Option<i64>,
    /// Nothing of the charge is left after it.
    pub is_last: bool,
}

/// Of what a fiscal receipt is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptOf {
    /// A charge.
    Charge,
    /// A refund.
    Refund,
}

/// How far a fiscal receipt has come. It only rises: one that could not be registered can be
/// registered at a later attempt, and one that is registered stays so.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStanding {
    /// The provider has it.
    Requested,
    /// The provider could not register it.
    Failed,
    /// The tax authority's operator has it.
    Registered,
}

/// The kinds of facts that a provider says.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// It was paid.
    Success,
    /// It was paid back.
    Refund,
    /// It could not be paid back.
    RefundFailure,
    /// The payer contests it.
    Dispute,
    /// A dispute ended.
    DisputeClosed,
}
