//! The crate against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod append_function;
mod appender;
mod command_dead_letters;
mod compare;
mod event_log;
mod followers;
mod generations;
mod housekeeping;
mod inbox;
mod inspect;
mod leases;
mod ledger;
mod long_order;
mod members;
mod migrations;
mod old_generations;
mod order;
mod partitioning;
mod poison;
mod policies;
mod policy_marks;
mod reactors;
mod schemas;
mod subjects;
mod succession;
mod support;
mod tally;
mod upcasters;
mod verify;
mod webhook_orders;
mod webhooks;
