//! The HTTP interface over a real PostgreSQL, the real router, log and followers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod billing;
mod bodies;
mod books;
mod console;
mod documents;
mod export_limits;
mod idempotency;
mod keys;
mod ledgers;
mod limits;
mod meters;
mod operations;
mod pages;
mod payments;
mod periods;
mod products;
mod readings;
mod reads;
mod reconciliation;
mod senders;
mod serving;
mod shop;
mod subjects;
mod support;
mod tenants;
mod traces;
mod webhooks;
