//! The verbs that look at credit ledgers.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kontor_domain::{TenantId, seals::PublicKey};
use uuid::Uuid;

use super::OutputArgs;

const HELP: &str = "\
Examples:
  kontor ledger verify                              # every ledger of the database
  kontor ledger verify --keep ends-2026-11.ndjson   # and write down where they end
  kontor ledger verify --ends ends-2026-11.ndjson   # against what was written down
  kontor ledger verify --seals seals.ndjson         # against the seals that were made
  kontor ledger verify --file log.ndjson.gz --json  # an export, without a database
  kontor ledger verify --file log.ndjson.gz --seals seals.ndjson --trust 8a88e3dd...

It recomputes the hash of every booking. Exit code 1 names the first bad position. A tail that was
cut off, or a ledger that was written anew as a whole, shows only against seals, or against ends that
were kept elsewhere.";

const PROVE_HELP: &str = "\
Examples:
  kontor ledger prove 5f3c2f5e-3a4b-5c6d-8e7f-1a2b3c4d5e6f > proof.json
  kontor ledger prove 5f3c2f5e-3a4b-5c6d-8e7f-1a2b3c4d5e6f --seal 1440

The proof says that the ledger stood at this version, with this hash, when the seal was made. It tells
nothing of other ledgers, and holds the steps by which anybody can check it without this program.";

const REPLAY_HELP: &str = "\
Examples:
  kontor ledger replay                          # every booking of the database
  kontor ledger replay --tenant demo_credits --json
  kontor ledger replay --until 120000           # as it was then

Each command is read back from its bookings and decided by the rules of its day: what comes out must be
what the log holds, to the last byte. Then the read model is built anew in a scratch schema, compared
with the live one, and dropped. Exit code 1 names the first differences.";

const EXPORT_HELP: &str = "\
Examples:
  kontor ledger export books-2026-11 --tenant demo_credits
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
    /// Decide every booking anew, build the read model anew, and compare both
    #[command(after_help = REPLAY_HELP)]
    Replay(LedgerReplayArgs),
    /// Print the proof that a ledger is in a seal
    #[command(after_help = PROVE_HELP)]
    Prove(LedgerProveArgs),
    /// Seal what is new at once, such as at the close of a month
    Seal(OutputArgs),
    /// Print the public key that checks the seals
    SealKey(OutputArgs),
}

/// Options of `ledger replay`.
#[derive(Args, Clone, Debug)]
pub struct LedgerReplayArgs {
    /// The ledgers of one tenant alone
    #[arg(long, value_name = "TENANT")]
    pub tenant: Option<TenantId>,
    /// Up to this position of the log
    #[arg(long, value_name = "POSITION")]
    pub until: Option<i64>,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Options of `ledger prove`.
#[derive(Args, Clone, Debug)]
pub struct LedgerProveArgs {
    /// The ledger
    #[arg(value_name = "LEDGER")]
    pub ledger: Uuid,
    /// The number of the seal; the last one without it
    #[arg(long, value_name = "NUMBER")]
    pub seal: Option<i64>,
}

/// A public key as it is written down.
fn public_key(text: &str) -> Result<PublicKey, String> {
    PublicKey::try_from(text.to_owned()).map_err(|err| format!("of a public key, {err}"))
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
    /// Compare with the seals of this file
    #[arg(long, value_name = "FILE")]
    pub seals: Option<PathBuf>,
    /// The public key that the seals must be signed with, instead of the configured one; several may
    /// be named
    #[arg(long, value_name = "KEY", requires = "seals", value_parser = public_key)]
    pub trust: Vec<PublicKey>,
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
