//! What the business decides: aggregates, commands, events, refusals and value types.
//!
//! This crate performs no I/O, reads no clock and draws no random numbers. Time, ids and what a
//! decision must know of its tenant arrive with the command, in [`Issued`].

pub mod account;
pub mod accounting_period;
pub mod billing;
pub mod credit_ledger;
mod decider;
pub mod meter;
pub mod payment;
pub mod product;
pub mod provider_statement;
pub mod reconciliation;
mod recorded;
pub mod seals;
pub mod tenant;
pub mod upcast;
mod values;

pub use decider::{
    Decider, EventBody, EventDecodeError, Issued, Refusal, RefusalDocument, TenantFacts,
};
pub use recorded::{Metadata, Recorded};
pub use upcast::{EventSchema, UpcastError, Upcasters};
pub use values::{
    Actor, Currency, DisplayName, Language, Money, Personal, Phone, Quantity, TenantId, ValueError,
};
