//! The verbs that look at credit ledgers.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OutputArgs;

const HELP: &str = "\
Examples:
  kontor ledger verify                              # every ledger of the database
  kontor ledger verify --keep ends-2026-11.ndjson   # and write down where they end
  kontor ledger verify --ends ends-2026-11.ndjson   # against what was written down
  kontor ledger verify --file log.ndjson.gz --json  # an export, without a database

It recomputes the hash of every booking. Exit code 1 names the first bad position. A tail that was
cut off, or a ledger that was written anew as a whole, shows only against ends that were kept
elsewhere.";

/// What to do with credit ledgers.
#[derive(Debug, Subcommand)]
pub enum LedgerVerb {
    /// Recompute the chains of hashes and name the first position that does not fit
    #[command(after_help = HELP)]
    Verify(LedgerVerifyArgs),
}

/// Options of `ledger verify`.
#[derive(Args, Clone, Debug)]
pub struct LedgerVerifyArgs {
    /// Look at an export instead of the database; a name that ends with .gz is unpacked
    #[arg(long, value_name = "EXPORT")]
    pub file: Option<PathBuf>,
    /// Compare with ends that were kept
    #[arg(long, value_name = "FILE")]
    pub ends: Option<PathBuf>,
    /// Write the ends down in a new file when everything holds
    #[arg(long, value_name = "FILE")]
    pub keep: Option<PathBuf>,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}
