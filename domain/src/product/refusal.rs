//! Why a command to a product is refused.

use serde::{Deserialize, Serialize};

use crate::Refusal;

/// Why a command to a product is refused.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum ProductRefusal {
    /// The tenant does not exist.
    #[error("there is no such tenant; create it first")]
    TenantUnknown,
    /// Customers do not decide what is sold.
    #[error("only the tenant's staff decides what is sold")]
    NotAllowed,
    /// The product exists with other terms.
    #[error("this product exists already with other terms; change it instead")]
    ProductExists,
    /// Nothing was created under this id.
    #[error("there is no such product; create it first")]
    ProductUnknown,
    /// A field is out of range.
    #[error("`{field}` is out of range: it must be {expected}")]
    FieldOutOfRange {
        /// The field, with dots between its parts.
        field: String,
        /// What would be right.
        expected: String,
    },
    /// A digital product on sale has no price in Stars.
    #[error(
        "a digital product is sold for Telegram Stars in the chat; give it a price in `XTR` while it is on sale"
    )]
    StarsPriceMissing,
    /// A product of the real world on sale has no price in money.
    #[error("a real-world product is sold for money; give it a price while it is on sale")]
    MoneyPriceMissing,
    /// A product of the real world has a price in Stars.
    #[error(
        "Telegram Stars pay for digital products alone; leave `XTR` out of `prices`, or make the product `digital`"
    )]
    StarsForRealWorld,
    /// The tenant deals with no credits, so nobody could get what they paid for.
    #[error(
        "this tenant deals with no credits; switch them on before you sell any, as `enabled` of its `credit_rules`"
    )]
    CreditsOff,
}

impl Refusal for ProductRefusal {}
