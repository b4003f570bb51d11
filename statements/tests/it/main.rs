//! Files as providers and banks write them, whole and broken.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broken;
mod formats;
mod workbooks;
