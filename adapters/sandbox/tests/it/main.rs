//! The sandbox from the outside: over HTTP, as bots, pages and webhooks see it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addresses;
mod faults;
mod messages;
mod page;
mod people;
mod persistence;
mod polling;
mod real_client;
mod stars;
mod stripe;
mod support;
mod webhook;
mod yookassa;
