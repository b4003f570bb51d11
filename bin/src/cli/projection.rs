//! `kontor projection`: what can be typed.

use clap::{Args, Subcommand};

use super::OutputArgs;

/// What to do with read models and other followers.
#[derive(Debug, Subcommand)]
pub enum ProjectionVerb {
    /// List the read models with their generations, and all other followers: how far each is
    #[command(
        after_help = "Examples:\n  kontor projection list\n  kontor projection list readings --json"
    )]
    List {
        /// Only this read model or follower
        name: Option<String>,
        /// How to print
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Build a read model anew beside the one in use, and switch when it has caught up
    #[command(
        after_help = "Examples:\n  kontor projection rebuild readings\n  kontor projection rebuild readings --segments 4 --no-promote\n  kontor projection rebuild readings --no-wait --json\n\nThe processes with the role `project` do the work; this command only watches, and may be\ninterrupted and given again. What is read does not change until the switch.\ndocs/guides/rebuild-a-projection.md tells more."
    )]
    Rebuild(RebuildArgs),
    /// Let another generation be read; also the way back. Of a reactor: give another version its place
    #[command(
        after_help = "Examples:\n  kontor projection promote readings 2\n  kontor projection promote readings 1   # back again\n\nThe generation must have caught up. The one before stays on standby until it is retired."
    )]
    Promote {
        /// Which generation
        #[command(flatten)]
        which: GenerationArgs,
        /// Although events of it are parked
        #[arg(long)]
        force: bool,
    },
    /// Drop a generation that is not read, with its tables; of a policy, what a replaced version remembers
    #[command(
        after_help = "Examples:\n  kontor projection retire readings 1\n  kontor projection retire reading_reminders 1   # after version 2 has taken over"
    )]
    Retire(GenerationArgs),
    /// Let a follower stand still, also the relay or a policy, until it is resumed
    #[command(
        after_help = "Examples:\n  kontor projection pause relay\n  kontor projection pause reading_reminders\n  kontor projection pause readings --generation 2\n\nIt stands still within some two seconds, in all processes, also in those that start later."
    )]
    Pause(PauseArgs),
    /// Let a paused follower go on
    #[command(
        after_help = "Examples:\n  kontor projection resume relay\n  kontor projection resume readings --generation 2"
    )]
    Resume(PauseArgs),
}

/// Options of `rebuild`.
#[derive(Args, Clone, Debug)]
pub struct RebuildArgs {
    /// The read model, such as `readings`
    pub name: String,
    /// In how many parts, by stream, it is built side by side: 1, 2, 4 ... 64
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub segments: i32,
    /// Leave the switch to `kontor projection promote`
    #[arg(long)]
    pub no_promote: bool,
    /// Do not watch it
    #[arg(long)]
    pub no_wait: bool,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A generation.
#[derive(Args, Clone, Debug)]
pub struct GenerationArgs {
    /// The read model, such as `readings`
    pub name: String,
    /// The number of the generation, or the version, as `kontor projection list` shows it
    pub generation: i32,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}

/// A follower that is paused or resumed.
#[derive(Args, Clone, Debug)]
pub struct PauseArgs {
    /// The follower, as `kontor projection list` names it: a read model, a policy, `relay` and others
    pub name: String,
    /// Only this generation of a read model
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i32).range(1..))]
    pub generation: Option<i32>,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}
