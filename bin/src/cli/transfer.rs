//! The verbs that make a file of the log and a log of a file.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OutputArgs;

const HELP: &str = "\
Examples:
  kontor export log.ndjson.gz
  kontor export - | zstd > log.ndjson.zst
  DATABASE_URL=postgres://me@db/new kontor import log.ndjson.gz
  zstd -dc log.ndjson.zst | kontor import -

One line of JSON for each event, receipt and wrapped key, with positions, ids and times as they
are. A name that ends with .gz is compressed. Each line carries a check: what was edited, cut off,
repeated or left out is refused with its line. Personal data stays encrypted: reading it takes the
same KONTOR_MASTER_KEY. Whoever is erased later is still in an older export.";

/// What to make of what.
#[derive(Debug, Subcommand)]
pub enum TransferVerb {
    /// Write the whole log and the receipts into a file
    #[command(after_help = HELP)]
    Export(TransferArgs),
    /// Fill an empty log from a file, all or nothing; followers then build their read models
    #[command(after_help = HELP)]
    Import(TransferArgs),
}

/// Options of `export` and `import`.
#[derive(Args, Clone, Debug)]
pub struct TransferArgs {
    /// The file; - is standard output or input
    pub file: PathBuf,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}
