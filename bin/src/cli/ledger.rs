//! The verbs that look at credit ledgers.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kontor_domain::TenantId;

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

const EXPORT_HELP: &str = "\
Examples:
  kontor ledger export books-2026-11 --tenant demo_shop
  hledger -f books-2026-11/books.hledger check --strict ordereddates
  ledger --pedantic -f books-2026-11/books.ledger balance
  bean-check books-2026-11/books.beancount

It holds every booking up to now, each line with the balance of its account behind it, and the sums
of all accounts. The chains of hashes are checked on the way: books that do not hold are not written.";

/// What to do with credit ledgers.
#[derive(Debug, Subcommand)]
pub enum LedgerVerb {
    /// Recompute the chains of hashes and name the first position that does not fit
    #[command(after_help = HELP)]
    Verify(LedgerVerifyArgs),
    /// Write a tenant's books into files for hledger, Ledger, Beancount and spreadsheets
    #[command(after_help = EXPORT_HELP)]
    Export(LedgerExportArgs),
}

/// Options of `ledger export`.
#[derive(Args, Clone, Debug)]
pub struct LedgerExportArgs {
    /// The folder to write, which must not exist yet
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Whose books
    #[arg(long, value_name = "TENANT")]
    pub tenant: TenantId,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
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
