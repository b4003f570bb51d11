//! The write side: what a command looks like on its way, what becomes of it, and the router that
//! loads an aggregate, lets it decide, appends and retries.
//!
//! This crate knows no database, no broker and no HTTP: adapters fill the ports [`EventStore`] and
//! [`CommandSender`].

pub mod clock;
mod envelope;
mod folds;
mod local;
pub mod memory;
mod outcome;
pub mod policies;
pub mod policy;
mod ports;
mod router;
mod trace_parent;

pub use envelope::{CommandId, Envelope, EnvelopeError};
pub use folds::{COVER, CoveredFold, Fold, FoldError, Folds, Registry, Sight};
pub use local::LocalSender;
pub use outcome::{Accepted, CommandStatus, Outcome};
pub use ports::{
    Append, AppendError, AppendOutcome, CommandSender, EventStore, Expected, NewEvent, Receipt,
    SendError, Sent, StoreError, StreamTail,
};
pub use router::{RouteError, Routed, Router, RouterBuilder, RouterSettings};
pub use trace_parent::TraceParent;
