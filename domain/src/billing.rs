//! The billing of a customer: the card that is kept, and the agreement to buy credits with it by itself.
//!
//! A customer agrees to exact words: below how many credits, which package, at which price, and how
//! much in a month at most. Nothing is charged without such an agreement, never two charges are under
//! way, and the last moment before one asks here again ([`BeginCharge`]), so that whoever stops it
//! stops it at once. A charge that the bank declined is tried again after a pause that grows, and
//! after several of them, or one that no pause heals, the agreement ends.
//!
//! What names a card at its provider stands in no event: only what the customer may see of it does,
//! encrypted with their own key. One charge is one `payment`, which the policy `auto_recharge` begins.

mod command;
mod decide;
mod event;
mod refusal;
mod state;
mod terms;

pub use command::{
    BeginCharge, BillingCommand, Close, DisableRecharge, EnableRecharge, RecordRechargeFailure,
    RecordRechargeSuccess, RemoveMethod, RequestRecharge, SaveMethod,
};
pub use event::{
    BillingEvent, CapReached, ChargeBegun, Closed, MethodRemoved, MethodSaved, RechargeDisabled,
    RechargeEnabled, RechargeFailed, RechargeRequested, RechargeSucceeded,
};
pub use refusal::BillingRefusal;
pub use state::Billing;
pub use terms::{Card, DisableReason, RechargeTerms, RemoveReason};

use uuid::Uuid;

/// The billing of an account: there is exactly one.
pub fn billing_id(account_id: Uuid) -> Uuid {
    Uuid::new_v5(&account_id, b"billing")
}

/// The payment of a customer's charge of that number, from 1.
pub fn recharge_payment_id(account_id: Uuid, number: u64) -> Uuid {
    Uuid::new_v5(&billing_id(account_id), format!("recharge:{number}").as_bytes())
}

/// The id of a kept card, by what its provider calls it there: the same card is kept once.
pub fn method_id(account_id: Uuid, channel: &str, method_ref: &str) -> Uuid {
    Uuid::new_v5(&billing_id(account_id), format!("{channel}:{method_ref}").as_bytes())
}

#[cfg(test)]
mod tests;
