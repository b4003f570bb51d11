//! Webhooks against a real PostgreSQL and a server that really answers.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod delivery;
mod guard;
mod outage;
mod stand;
mod support;
mod tls;
mod verification;
