//! The verbs that carry a database elsewhere and back.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::OutputArgs;

/// What to carry where.
#[derive(Debug, Subcommand)]
pub enum BackupVerb {
    /// Write a consistent copy of the database into a folder, beside running processes
    #[command(
        after_help = "Examples:\n  kontor backup /backups/2026-11-28\n  kontor backup /backups/2026-11-28 --keys /vault/2026-11-28\n\nA copy holds everything: the log, receipts, inbox, API keys, dialogues, read models. With --keys\nthe keys of persons go to a folder of their own, to be kept for a shorter time: who has an old\ncopy of them can read the people who were erased since. It needs pg_dump, of the server's major\nversion or newer."
    )]
    Backup(BackupArgs),
    /// Bring a backup into an empty database, compare every table, and verify it
    #[command(
        after_help = "Example:\n  DATABASE_URL=postgres://me@db/restored kontor restore /backups/2026-11-28\n\nStop all processes of the old database first. What was appended after the backup is not there;\nsee docs/guides/operators.md."
    )]
    Restore(RestoreArgs),
}

/// Options of `backup`.
#[derive(Args, Clone, Debug)]
pub struct BackupArgs {
    /// A new or empty folder
    pub folder: PathBuf,
    /// Another new or empty folder, for the keys of persons
    #[arg(long, value_name = "FOLDER")]
    pub keys: Option<PathBuf>,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Options of `restore`.
#[derive(Args, Clone, Debug)]
pub struct RestoreArgs {
    /// The folder of the backup
    pub folder: PathBuf,
    /// The folder with the keys of persons, when they were kept apart
    #[arg(long, value_name = "FOLDER")]
    pub keys: Option<PathBuf>,
    /// Do without keys that were kept apart: what they encrypt cannot be read any more
    #[arg(long, conflicts_with = "keys")]
    pub without_keys: bool,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}
