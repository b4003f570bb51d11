//! The words of billing: what is shown of a card, what a customer agrees to, why something ends.

use serde::{Deserialize, Serialize};

use crate::{Language, Money, credit_ledger::PaymentProvider, payment::ProductSold};

/// What is shown of a card: never its number, and nothing that could pay.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The card's network, as the provider names it, such as `visa`.
    pub brand: String,
    /// The last four digits.
    pub last4: String,
    /// The month in which it expires, when the provider says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry_month: Option<u8>,
    /// The year in which it expires, when the provider says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry_year: Option<u16>,
}

/// What a customer agrees to.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RechargeTerms {
    /// Below how many credits something is bought.
    pub threshold_credits: i64,
    /// What is bought, as it was when they agreed.
    pub product: ProductSold,
    /// What it costs each time.
    pub price: Money,
    /// How much at most in a calendar month of the tenant.
    pub monthly_cap: Money,
    /// Who takes the money.
    pub provider: PaymentProvider,
    /// Through which of the provider's doors.
    pub channel: String,
    /// The words that were agreed to, exactly as they were shown.
    pub words: String,
    /// The language of the words.
    pub language: Language,
}

/// Why a card is not kept any more.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RemoveReason {
    /// Its holder wants it so.
    Customer,
    /// Another card took its place.
    Replaced,
    /// The provider does not have it any more.
    Provider,
    /// The person is erased.
    Erased,
}

/// Why nothing is bought by itself any more.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DisableReason {
    /// The customer stopped it.
    Customer,
    /// The staff stopped it.
    Staff,
    /// The card is not kept any more.
    MethodRemoved,
    /// Another provider's card took its place.
    MethodReplaced,
    /// The bank declined too often, or for good.
    Declined,
    /// A payment is contested at the bank, or its purchase was closed like one that is, as it was paid
    /// back after it was used: who wants money back is not charged without being asked.
    Disputed,
    /// The product is not what it was when they agreed: its price, what it gives, or whether it is sold.
    ProductChanged,
    /// The person took the consent to the use of their data back, or is erased.
    ConsentWithdrawn,
}
