//! YooKassa from end to end: the cashier with its provider, against the stand-in over HTTP, with a
//! real database, the policy that fulfils payments, and the books.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod around;
mod liars;
mod receipts;
mod refunds;
mod storms;
mod world;
