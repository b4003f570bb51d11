//! A credit ledger: what one customer was given, has spent and still holds, in credits and in money.
//!
//! Credits come in *grants* (bought or given), each with its own price, expiry and priority. A spend
//! takes from them in a fixed order and records from which; everything that is undone later goes
//! back to exactly these. Nothing is edited: a correction is a fact of its own.
//!
//! Every event carries *entries* by double entry, debits positive, whose sum is zero in credits, in
//! messages and in each currency. For each grant holds at all times: what was issued is available,
//! held, consumed, expired, refunded or revoked. The price of a grant is earned in proportion to the
//! credits that left it, rounded on the running sum, so that the parts of its life add up to the
//! price to the last kopeck.
//!
//! Both laws are checked when an event is made and again when it is read; a ledger whose books do
//! not hold takes no further command. The events of a ledger form a [chain] of hashes.
//!
//! The time of a ledger never goes back: a command that was issued before the last event counts as
//! issued with it, so that what has expired stays expired.

mod booking;
mod books;
mod burn;
mod canary;
pub mod chain;
mod chart;
mod command;
mod decide;
mod event;
mod grant;
mod postings;
mod records;
mod refusal;
pub mod replay;
mod rules;
mod state;
mod terms;
mod velocity;

pub use booking::Booking;
pub use books::BooksDefect;
pub use chart::{BookAccount, Entry, Unit};
pub use command::{
    Adjust, CaptureHold, ClaimTutorialBonus, CloseDispute, CreditLedgerCommand, Grant, GrantPass,
    Hold, Open, OpenDispute, RefundGrant, RefundPart, RefundPass, ReleaseHold, Reset, ReturnRefund,
    ReverseSpend, RevokeGrant, SettleDue, Spend, WriteOffDebt,
};
pub use event::{
    Adjusted, CreditLedgerEvent, DebtCovered, DebtWrittenOff, DisputeClosed, DisputeOpened,
    GrantExpired, GrantRefunded, GrantRevoked, Granted, Held, HoldCaptured, HoldReleased, Low,
    Opened, PartRefunded, PassGranted, PassRecognised, PassRefunded, RefundReturned, ResetBegun,
    SpendReversed, Spent,
};
pub use refusal::CreditLedgerRefusal;
pub use rules::{CreditRules, DebtPolicy};
pub use state::CreditLedger;
pub use terms::{
    AdjustmentCause, CorrectionReason, DisputeOutcome, GrantSource, PassPeriod, Payment,
    PaymentProvider, Posting, ReleaseCause, Slice,
};

use uuid::Uuid;

use crate::TenantId;

/// The ledger of an account: one, whoever asks for it.
pub fn credit_ledger_id(account_id: Uuid) -> Uuid {
    Uuid::new_v5(&account_id, b"credit ledger")
}

/// The account that the ledger of the house belongs to: no customer's.
pub fn house_account_id(tenant: &TenantId) -> Uuid {
    Uuid::new_v5(&tenant.stream_id(), b"house account")
}

/// The ledger of what belongs to no customer: fees, payouts, and what a reconciliation corrects. It
/// is a ledger as any other, with the same chain, seals and exports.
pub fn house_ledger_id(tenant: &TenantId) -> Uuid {
    credit_ledger_id(house_account_id(tenant))
}

#[cfg(test)]
mod tests;
