//! `kontor process`.

use clap::Subcommand;

use super::OutputArgs;

/// What to do with processes.
#[derive(Debug, Subcommand)]
pub enum ProcessVerb {
    /// List the processes with their roles, and who holds which shard, follower and bot
    #[command(
        after_help = "Examples:\n  kontor process list\n  kontor process list --json\n\nA process that ended without a word is shown as `silent` for an hour. Its shards and followers\ngo to the others after KONTOR_LEASE_TTL_MS. An epoch grows with each holder."
    )]
    List(OutputArgs),
}
