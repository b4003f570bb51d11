//! `kontor scheduled`: what can be typed.

use clap::{Args, Subcommand};
use kontor_domain::TenantId;

use super::OutputArgs;

/// What to do with scheduled commands.
#[derive(Debug, Subcommand)]
pub enum ScheduledVerb {
    /// List the commands that policies have ordered, the next first
    #[command(
        after_help = "Examples:\n  kontor scheduled list\n  kontor scheduled list --tenant demo_utility --all --json"
    )]
    List {
        /// Only those of this tenant
        #[arg(long)]
        tenant: Option<TenantId>,
        /// Also those that were sent, failed or cancelled
        #[arg(long)]
        all: bool,
        /// How to print
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Cancel a command that was not sent yet
    #[command(after_help = "Example:\n  kontor scheduled cancel 17")]
    Cancel(ScheduledArgs),
}

/// One scheduled command.
#[derive(Args, Clone, Copy, Debug)]
pub struct ScheduledArgs {
    /// The number, as `kontor scheduled list` shows it
    pub id: i64,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}
