//! Payments by card against the stand-ins of providers, with a real database.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod charging;
mod denied;
mod going_back;
mod looks;
mod paying;
mod statements;
mod sweeps;
mod world;
