//! Why a command to a customer's billing is refused.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Refusal;

/// Why a command to a customer's billing is refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum BillingRefusal {
    /// The tenant does not exist.
    #[error("there is no such tenant; create it first")]
    TenantUnknown,
    /// The tenant sells nothing that can be paid for.
    #[error(
        "this tenant deals with no credits; switch them on first, as `enabled` of its `credit_rules`"
    )]
    CreditsOff,
    /// Somebody does what is for others.
    #[error(
        "customers keep cards and agree to charges for themselves, and the staff can only end that"
    )]
    NotAllowed,
    /// The id is not that of the account's billing.
    #[error("the billing of this account has the id {expected}")]
    IdMismatch {
        /// The right one.
        expected: Uuid,
    },
    /// The person is erased.
    #[error("this customer is erased; nothing can be kept or charged any more")]
    BillingClosed,
    /// No card is kept.
    #[error("no card is kept; pay once with a card and let it be kept")]
    NoMethod,
    /// Another card is kept.
    #[error("the card {method_id} is not kept")]
    MethodUnknown {
        /// The card that was named.
        method_id: Uuid,
    },
    /// The card is kept by another provider than the one that would charge it.
    #[error("the card is kept at `{kept}`, and `{asked}` cannot charge it")]
    OtherChannel {
        /// Where it is kept.
        kept: String,
        /// Where it would be charged.
        asked: String,
    },
    /// The provider charges no cards without their holder.
    #[error("`provider` must be `stripe` or `yookassa`, which charge cards that are kept")]
    ProviderUnfit,
    /// What is bought has to be credits.
    #[error("only a package of credits can be bought by itself, not a pass")]
    NotCredits,
    /// A figure is out of range.
    #[error("`{field}` must be from {min} to {max}")]
    OutOfRange {
        /// The field.
        field: String,
        /// The smallest that is accepted.
        min: i64,
        /// The largest that is accepted.
        max: i64,
    },
    /// Two amounts of one agreement are in different currencies.
    #[error("`monthly_cap` must be in the currency of `price`")]
    CurrencyDiffers,
    /// A text is none.
    #[error("`{field}` must be {expected}")]
    Malformed {
        /// The field.
        field: String,
        /// What it must be.
        expected: String,
    },
    /// The charge was stopped before it was made.
    #[error("this charge was stopped or has ended; nothing is charged")]
    ChargeStopped,
    /// The payment is none of this billing.
    #[error("the payment {payment_id} is no charge of this billing")]
    ChargeUnknown {
        /// The payment.
        payment_id: Uuid,
    },
}

impl Refusal for BillingRefusal {}
