//! The read side: one module per read model, with its rows, its `apply` and its queries.
//!
//! A read model is a function of the log: delete its rows and its checkpoint, run it again, and the
//! same rows stand there. It never sees a command and never decides anything.

mod follower;

pub use follower::{ApplyError, Projection, Reactor, ReactorError};
