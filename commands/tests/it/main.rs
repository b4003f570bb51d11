//! The router, the local sender and the store in memory, through their public doors.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod concurrency;
mod erasure;
mod local;
mod memory;
mod routing;
mod simulation;
mod support;
mod tally;
mod tenants;
mod whole_system;
mod world;
