//! Random lives of customers, written into files and judged by the tools of others.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod files;
mod late;
mod lives;
mod tools;
