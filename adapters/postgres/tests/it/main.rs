//! The crate against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod append_function;
mod event_log;
mod migrations;
mod order;
mod support;
