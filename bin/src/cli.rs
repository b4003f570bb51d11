//! The command line: what can be typed, and how it is explained.

mod backup;
mod dead_letters;
pub mod integrator;
mod journal;
mod ledger;
mod operate;
mod period;
mod process;
pub mod projection;
mod reconcile;
mod scheduled;
mod subject;
mod transfer;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use kontor_domain::TenantId;
use kontor_http::keys::Role;
use uuid::Uuid;

pub use backup::*;
pub use dead_letters::*;
use integrator::IntegratorVerb;
pub use journal::JournalArgs;
pub use ledger::{
    LedgerExportArgs, LedgerProveArgs, LedgerReplayArgs, LedgerVerb, LedgerVerifyArgs,
};
pub use operate::*;
pub use period::{PeriodCloseArgs, PeriodListArgs, PeriodReportArgs, PeriodVerb, PeriodVerifyArgs};
pub use process::ProcessVerb;
use projection::ProjectionVerb;
pub use reconcile::{ReconcileImportArgs, ReconcileReportArgs, ReconcileVerb};
pub use scheduled::{ScheduledArgs, ScheduledVerb};
pub use subject::{EraseArgs, SubjectArgs, SubjectVerb};
pub use transfer::*;

const AFTER_HELP: &str = "\
Begin with `kontor up`: it runs everything on this machine and prints where to look.

In production the roles run as processes of their own, as many as needed:

  bot ────┐                               ┌── project   read models
          ├─▶ NATS ─▶ work ─▶ PostgreSQL ─┤
  serve ──┘   commands        event log   └── relay     events to NATS

  serve and bot take requests in, work decides and writes the log, project and relay follow it.

Configuration: environment variables, then `.env`, then `kontor.toml`, then defaults.
`.env.sample` explains every variable; `kontor check` tells what is wrong.

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.";

/// The back office behind a Telegram bot.
///
/// Customers submit meter readings in a chat, programs call an HTTP API, integrators subscribe to
/// events on NATS; every change is an event in PostgreSQL, nothing is lost, everything can be
/// replayed.
#[derive(Debug, Parser)]
#[command(name = "kontor", version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    /// Read this file instead of `kontor.toml`
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Read this file instead of `.env`
    #[arg(long, global = true, value_name = "FILE")]
    pub env_file: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run everything on this machine, with private PostgreSQL and NATS unless their URLs are set
    #[command(
        after_help = "Examples:\n  kontor up\n  KONTOR_HTTP_ADDRESS=127.0.0.1:9000 kontor up\n  DATABASE_URL=postgres://me@db/kontor kontor up\n\nCtrl-C stops it in order; a second Ctrl-C at once."
    )]
    Up(UpArgs),
    /// Serve the HTTP API, its documents, the status page and Telegram's webhooks
    Serve,
    /// Run the Telegram bots
    Bot,
    /// Carry out commands: load, decide, append to the event log
    Work,
    /// Keep the read models up to date
    Project,
    /// Publish the event log to NATS for integrators
    Relay,
    /// Run Telegram's stand-in with its chat page
    Sandbox,
    /// Bring the database's tables and the broker's streams up to date
    #[command(
        after_help = "Example:\n  DATABASE_URL=postgres://me@db/kontor NATS_URL=nats://broker kontor migrate"
    )]
    Migrate(OutputArgs),
    /// Check configuration, PostgreSQL, migrations and NATS, and say what to do
    #[command(
        after_help = "Examples:\n  kontor check\n  kontor check --json\n  kontor check --quiet --serving   # a container's health check"
    )]
    Check(CheckArgs),
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Key(KeyVerb),
    /// Add, list and revoke programs of others that receive events
    #[command(subcommand)]
    Integrator(IntegratorVerb),
    /// Export or erase what is kept about a person, or change the master key
    #[command(subcommand)]
    Subject(SubjectVerb),
    /// Look at what could not be carried out, try it again or skip it
    #[command(subcommand)]
    DeadLetters(DeadLetterVerb),
    /// Look at what people did by hand: logins, retries, skips, looks at personal data
    #[command(
        after_help = "Examples:\n  kontor journal\n  kontor journal --action personal_data_shown --from 2026-11-01\n  kontor journal --tenant demo_utility --about command:17 --json"
    )]
    Journal(JournalArgs),
    /// Look at the processes that share the work
    #[command(subcommand)]
    Process(ProcessVerb),
    /// Look at what policies have ordered for later, and cancel it
    #[command(subcommand)]
    Scheduled(ScheduledVerb),
    /// Carry the database elsewhere and back.
    #[command(flatten)]
    Backup(BackupVerb),
    /// Make a file of the log and a log of a file.
    #[command(flatten)]
    Transfer(TransferVerb),
    /// Build read models anew beside those in use, switch, pause and resume followers
    #[command(subcommand, visible_alias = "projections")]
    Projection(ProjectionVerb),
    /// Check the books of credits
    #[command(subcommand)]
    Ledger(LedgerVerb),
    /// Close months of the books, and hold their reports against the log
    #[command(subcommand)]
    Period(PeriodVerb),
    /// Hold payments against what providers and banks say
    #[command(subcommand)]
    Reconcile(ReconcileVerb),
    /// Look at the log and hold it against its promises.
    #[command(flatten)]
    Operate(OperateVerb),
    /// Create the demo tenant; does nothing when it exists
    Seed(OutputArgs),
    /// Print the completion script of a shell
    #[command(
        after_help = "Example:\n  kontor completions bash > ~/.local/share/bash-completion/completions/kontor"
    )]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// How to print.
#[derive(Args, Clone, Copy, Debug)]
pub struct OutputArgs {
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
}

/// Options of `up`.
#[derive(Args, Clone, Copy, Debug)]
pub struct UpArgs {
    /// Print the addresses as one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Do not create the demo tenant and its API key
    #[arg(long)]
    pub no_demo: bool,
}

/// Options of `check`.
#[derive(Args, Clone, Copy, Debug)]
pub struct CheckArgs {
    /// Print JSON for programs
    #[arg(long)]
    pub json: bool,
    /// Print only what failed
    #[arg(long, conflicts_with = "json")]
    pub quiet: bool,
    /// Also ask the HTTP server at the configured address whether it is ready
    #[arg(long)]
    pub serving: bool,
}

/// What to do with API keys.
#[derive(Debug, Subcommand)]
pub enum KeyVerb {
    /// Make a key and print it; it is shown only this once
    #[command(
        after_help = "Examples:\n  kontor key create --tenant demo_utility --label billing\n  kontor key create --tenant demo_credits --role accountant --label books\n  kontor key create --role admin --label platform   # may open tenants"
    )]
    Create {
        /// The tenant that the key belongs to; without it the key opens the whole platform
        #[arg(long)]
        tenant: Option<TenantId>,
        /// What the key may do: `reader` reads, `accountant` reads books and ledgers only, `operator` also
        /// gives commands, `admin` opens tenants
        #[arg(long, default_value = "operator")]
        role: Role,
        /// What the key is for, in your words
        #[arg(long)]
        label: String,
        /// How to print
        #[command(flatten)]
        output: OutputArgs,
    },
    /// List the keys, without their secrets
    List {
        /// Only those of this tenant
        #[arg(long)]
        tenant: Option<TenantId>,
        /// How to print
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Revoke a key: from now on it opens nothing
    Revoke {
        /// The key's id, as `kontor key list` shows it
        id: Uuid,
        /// How to print
        #[command(flatten)]
        output: OutputArgs,
    },
}
