//! The read models against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod accounts;
mod billing;
mod books;
mod checkpoints;
mod credits;
mod erasure;
mod meters;
mod paging;
mod payments;
mod periods;
mod products;
mod readings;
mod rebuild;
mod reconciliation;
mod support;
mod tenants;
mod through_the_log;
