//! The work on one difference between the books and what a provider or a bank says.
//!
//! A difference is found by the read model `reconciliation`; its id is that of the payment, refund or
//! line that fits nothing. Here is recorded what people did about it: who takes care of it, how it is
//! explained, how it was put right, and that two people gave it up. Nothing moves money by itself;
//! what is to be booked, the policy `settle_books` brings to the ledger of the house.

mod command;
mod decide;
mod event;
mod refusal;
mod state;
mod terms;

pub use command::{
    Adjust, Assign, ConfirmWriteOff, Explain, ProposeWriteOff, ReconciliationCommand, Reopen,
};
pub use event::{
    Adjusted, Assigned, Explained, ReconciliationEvent, Reopened, WriteOffProposed, WrittenOff,
};
pub use refusal::ReconciliationRefusal;
pub use state::Reconciliation;
pub use terms::{Explanation, Standing};

#[cfg(test)]
mod tests;
