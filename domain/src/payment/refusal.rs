//! Why a command to a payment is refused.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Money, Refusal};

/// Why a command to a payment is refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum PaymentRefusal {
    /// The tenant does not exist.
    #[error("there is no such tenant; create it first")]
    TenantUnknown,
    /// The tenant sells nothing that can be paid for.
    #[error(
        "this tenant deals with no credits; switch them on first, as `enabled` of its `credit_rules`"
    )]
    CreditsOff,
    /// There is no such payment.
    #[error("there is no such payment; begin it first")]
    PaymentUnknown,
    /// Somebody does what is for others.
    #[error(
        "customers begin their own payments and the staff asks for refunds; what a provider says is recorded by Kontor alone"
    )]
    NotAllowed,
    /// The id names another purchase already.
    #[error("the payment {id} is another purchase already; make a new id")]
    IdReused {
        /// The id.
        id: Uuid,
    },
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
    /// An instant is too early or too late.
    #[error("`{field}` must be later than {after} and not later than {latest}")]
    InstantOutOfRange {
        /// The field.
        field: String,
        /// The instant before the first that is accepted.
        after: DateTime<Utc>,
        /// The last that is accepted.
        latest: DateTime<Utc>,
    },
    /// A text is no reference of a provider.
    #[error("`{field}` must be {expected}")]
    Malformed {
        /// The field.
        field: String,
        /// What it must be.
        expected: String,
    },
    /// It was paid already.
    #[error("this was paid already; nothing is charged a second time")]
    AlreadyPaid,
    /// It can be paid no more.
    #[error("this could be paid until {expired_at}; begin a new purchase")]
    OfferExpired {
        /// Until when.
        expired_at: DateTime<Utc>,
    },
    /// Somebody else is about to pay.
    #[error("only the customer for whom it was begun may pay this")]
    OtherPayer,
    /// The provider is about to charge something else.
    #[error("this costs {} and nothing else", expected)]
    PriceDiffers {
        /// What it costs.
        expected: Money,
    },
    /// Nothing was paid yet.
    #[error("nothing was paid yet, so nothing can be paid back")]
    NotPaid,
    /// The provider pays nothing back but the whole.
    #[error(
        "Telegram pays Stars back as a whole or not at all; leave `amount` and `credits` out, or give credits instead"
    )]
    PartImpossible,
    /// Two figures say how much.
    #[error("give `amount` or `credits`, not both")]
    AmountAndCredits,
    /// The payment is of a pass.
    #[error("this was paid for a pass, which has no credits; give an `amount`")]
    NoCredits,
    /// The refund has another amount.
    #[error("the refund {refund_id} was asked for already, of {}; make a new id", amount)]
    OtherRefund {
        /// The refund.
        refund_id: Uuid,
        /// Its amount.
        amount: Money,
    },
    /// Everything was paid back.
    #[error("this was paid back already, by the refund {refund_id}")]
    AlreadyRefunded {
        /// The refund.
        refund_id: Uuid,
    },
    /// Another refund is under way.
    #[error("the refund {refund_id} is under way; wait until the provider has answered it")]
    RefundUnderWay {
        /// The refund.
        refund_id: Uuid,
    },
    /// The refund has ended.
    #[error("the refund {refund_id} failed; ask again under a new id")]
    RefundOver {
        /// The refund.
        refund_id: Uuid,
    },
    /// The payer contests it, or got the money back by that.
    #[error("the payer contests this payment or won; a refund would pay it back twice")]
    Disputed,
    /// More than a payment can have.
    #[error("a payment has at most {max} {what}")]
    TooMany {
        /// Of what.
        what: String,
        /// The most.
        max: i64,
    },
}

impl Refusal for PaymentRefusal {}
