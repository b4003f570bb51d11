//! What was ever recorded is read for ever.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod corpus;
