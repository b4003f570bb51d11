//! The verbs that hold payments against what providers and banks say.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kontor_domain::{TenantId, provider_statement::StatementSource};

use super::OutputArgs;

const IMPORT_HELP: &str = "\
Examples:
  kontor reconcile import stripe-2026-11.csv --source stripe --tenant demo_credits
  kontor reconcile import registry.xlsx --source yookassa --tenant demo_credits
  kontor reconcile import stars.json --source telegram_stars --tenant demo_credits
  kontor reconcile import bank.csv --source bank --tenant demo_credits

A line that cannot be read is named with its column, and nothing of its file is taken.
The same file again changes nothing. `kontor work` must be running.";

const REPORT_HELP: &str = "\
Examples:
  kontor reconcile report                        # every tenant
  kontor reconcile report --tenant demo_credits --json";

/// What to do with statements.
#[derive(Debug, Subcommand)]
pub enum ReconcileVerb {
    /// Take over a file of a provider or a bank
    #[command(after_help = IMPORT_HELP)]
    Import(ReconcileImportArgs),
    /// Show what matches and what does not, by tenant, provider and currency
    #[command(after_help = REPORT_HELP)]
    Report(ReconcileReportArgs),
}

/// A file to take over.
#[derive(Args, Debug)]
pub struct ReconcileImportArgs {
    /// The file
    pub file: PathBuf,
    /// Whose file it is: `stripe`, `yookassa`, `telegram_stars` or `bank`
    #[arg(long)]
    pub source: StatementSource,
    /// The tenant
    #[arg(long)]
    pub tenant: TenantId,
    /// Who takes it over, as the log will say
    #[arg(long, default_value = "command_line")]
    pub by: String,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}

/// Which tenants to report on.
#[derive(Args, Debug)]
pub struct ReconcileReportArgs {
    /// Of this tenant alone
    #[arg(long)]
    pub tenant: Option<TenantId>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
