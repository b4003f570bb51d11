//! A payment: one purchase on its way through a provider, with its refunds and disputes.
//!
//! What a provider says are *facts*. They come twice, late and in any order, and end in the same
//! state: the standing of a payment only rises ([`Standing`]), each charge, refund and dispute has
//! the provider's own id, and a refund proves that something was paid. A charge that contradicts the
//! purchase is recorded as such, buys nothing and goes back by itself; any other fact that contradicts
//! it is recorded and has no other effect. Nothing here charges anybody, and an outcome
//! that nobody knows stays unknown until the provider has said it.
//!
//! What was bought is delivered by the policy `fulfil_payments`, under ids that follow from the
//! payment's: the grant or pass has the payment's own id, so that it can exist only once.

mod command;
mod decide;
mod event;
mod refusal;
mod state;
mod terms;

pub use command::{
    Begin, CheckOut, Expire, PaymentCommand, RecordDispute, RecordDisputeClosed, RecordFailure,
    RecordPending, RecordReceipt, RecordRefund, RecordRefundFailure, RecordSuccess, RecordUnknown,
    RequestRefund,
};
pub use event::{
    Begun, Contradicted, DisputeClosed, DisputeOpened, Expired, Failed, OutcomeUnknown,
    PaymentEvent, Pending, ReceiptFailed, ReceiptRegistered, ReceiptRequested, RefundFailed,
    RefundRequested, Refunded, Succeeded, SurplusPaid,
};
pub use refusal::PaymentRefusal;
pub use state::Payment;
pub use terms::{Fact, Part, ProductSold, ReceiptOf, ReceiptStanding, RefundStanding, Standing};

use uuid::Uuid;

/// The grant or pass that a payment pays for: it has the payment's own id, so there is at most one.
pub fn grant_id(payment_id: Uuid) -> Uuid {
    payment_id
}

/// The id of a refund that Kontor did not ask for, by the provider's id of it; where it has none, by
/// that of the charge that went back.
pub fn foreign_refund_id(payment_id: Uuid, reference: &str) -> Uuid {
    derived(payment_id, "refund", reference)
}

/// The id of a dispute, by the provider's.
pub fn dispute_id(payment_id: Uuid, dispute_ref: &str) -> Uuid {
    derived(payment_id, "dispute", dispute_ref)
}

fn derived(payment_id: Uuid, kind: &str, reference: &str) -> Uuid {
    Uuid::new_v5(&payment_id, format!("{kind}:{reference}").as_bytes())
}

#[cfg(test)]
mod tests;
