//! The verbs for what could not be carried out.

use clap::{Args, Subcommand, ValueEnum};
use kontor_domain::TenantId;

use super::{OutputArgs, PersonalArgs};

const HELP: &str = "\
Examples:
  kontor dead-letters list --tenant demo_utility
  kontor dead-letters show command:17
  kontor dead-letters retry command:17
  kontor dead-letters retry --all-of 3f2a91bc     # everything that failed in the same way
  kontor dead-letters skip follower:readings:1:0190b5a2-6c1e-7d3f-9a51-2f0c9f6f4a10:4711";

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLetterVerb {
    /// List what followers parked and commands that could not be carried out
    #[command(after_help = HELP)]
    List(ListArgs),
    /// Show one with all that is known of it: event or command, attempts, what waits behind it
    #[command(after_help = HELP)]
    Show {
        /// The id, as `kontor dead-letters list` shows it
        id: String,
        /// Personal data
        #[command(flatten)]
        personal: PersonalArgs,
        /// How to print
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Try one again, or all that failed in the same way
    #[command(after_help = HELP)]
    Retry(RetryArgs),
    /// Leave one out for good; its reason stays on record
    #[command(after_help = HELP)]
    Skip {
        /// The id, as `kontor dead-letters list` shows it
        id: String,
        /// How to print
        #[command(flatten)]
        output: OutputArgs,
    },
}

/// Options of `dead-letters list`.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {
    /// Only what this follower parked
    #[arg(long, value_name = "NAME", conflicts_with = "commands")]
    pub follower: Option<String>,
    /// Only commands
    #[arg(long)]
    pub commands: bool,
    /// Only those of this tenant
    #[arg(long)]
    pub tenant: Option<TenantId>,
    /// Only those that failed in this way
    #[arg(long, value_name = "FINGERPRINT")]
    pub fingerprint: Option<String>,
    /// Those that wait, or those that were decided on
    #[arg(long, value_enum, default_value_t = LetterState::Parked)]
    pub state: LetterState,
    /// The most rows
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Begin behind this id: the last one of the page before
    #[arg(long, value_name = "ID")]
    pub after: Option<String>,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What an operator decided on a dead letter.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LetterState {
    /// Nothing yet
    Parked,
    /// It was given up
    Skipped,
    /// It was sent again; commands only
    Retried,
}

/// Options of `dead-letters retry`.
#[derive(Args, Clone, Debug)]
pub struct RetryArgs {
    /// The id, as `kontor dead-letters list` shows it
    #[arg(required_unless_present = "all_of", conflicts_with = "all_of")]
    pub id: Option<String>,
    /// All that failed in this way, one after the other
    #[arg(long, value_name = "FINGERPRINT")]
    pub all_of: Option<String>,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}
