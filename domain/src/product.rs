//! A product: what a tenant sells for money, credits or a pass.

mod command;
mod decide;
mod event;
mod refusal;
mod state;
mod terms;

pub use command::{Activate, Change, Create, Deactivate, ProductCommand};
pub use event::{Activated, Changed, Created, Deactivated, ProductEvent};
pub use refusal::ProductRefusal;
pub use state::Product;
pub use terms::{Gives, ProductKind, ProductName, ProductTerms};

#[cfg(test)]
mod tests;
