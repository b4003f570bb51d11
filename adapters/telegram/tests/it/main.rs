//! The bots against a real PostgreSQL, a router in the same process and a stand-in for Telegram.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod billing;
mod cards;
mod credit_history;
mod credits;
mod delivery;
mod durability;
mod journey;
mod meddler;
mod payments;
mod person;
mod receipt_phone;
mod refund_queue;
mod refused;
mod reminders;
mod stand_in;
mod webhook;
mod world;
