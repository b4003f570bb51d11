//! The read side: one module per read model, with its rows, its `apply` and its queries.
//!
//! A read model is a function of the log: delete its rows and its checkpoint, run it again, and the
//! same rows stand there. It never sees a command and never decides anything.
//!
//! The rows live in generations, each in a schema of its own; queries name the tables plainly and see
//! the active one.
//!
//! Each projection folds a page of events in memory and writes it in one statement. A row carries
//! the stream version of its last event, so a page that comes twice changes nothing.

pub mod accounts;
pub mod billing;
pub mod books;
pub mod checkpoints;
mod columns;
pub mod credits;
mod follower;
pub mod meters;
mod paging;
pub mod payments;
pub mod periods;
pub mod personal;
pub mod products;
pub mod readings;
pub mod reconciliation;
mod streams;
pub mod tenants;

use std::sync::Arc;

pub use follower::{ApplyError, Projection, Reactor, ReactorError};
pub use paging::{Cursor, CursorError, Page, PageRequest, QueryError};

/// All read models of this build; the composition root runs one follower for each.
pub fn all() -> Vec<Arc<dyn Projection>> {
    vec![
        Arc::new(tenants::Tenants),
        Arc::new(accounts::Accounts),
        Arc::new(meters::Meters),
        Arc::new(readings::Readings),
        Arc::new(credits::Credits),
        Arc::new(books::Books),
        Arc::new(products::Products),
        Arc::new(payments::Payments),
        Arc::new(billing::Billings),
        Arc::new(reconciliation::Reconciliations),
        Arc::new(periods::Periods),
    ]
}
