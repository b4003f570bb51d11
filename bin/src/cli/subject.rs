//! `kontor subject`: the people whose data is kept.

use clap::{Args, Subcommand};
use kontor_domain::{TenantId, account::ErasureGround};
use uuid::Uuid;

use super::OutputArgs;

/// What to do about the people whose data is kept.
#[derive(Debug, Subcommand)]
pub enum SubjectVerb {
    /// Print everything that is kept about a person, as JSON
    #[command(
        after_help = "Example:\n  kontor subject export demo_utility 5b0f7d3e-4a2c-5e1f-8a77-2f3f3f5d9c11 > anna.json\n\nThe output is personal data: hand it to that person and nobody else."
    )]
    Export(SubjectArgs),
    /// Erase a person for good: from the log, the read models, the conversations and the broker
    #[command(
        after_help = "Examples:\n  kontor subject erase demo_utility 5b0f7d3e-4a2c-5e1f-8a77-2f3f3f5d9c11\n  kontor subject erase demo_utility 5b0f7d3e-4a2c-5e1f-8a77-2f3f3f5d9c11 --yes --by 'A. Petrova'\n\nNothing brings the data back, except a backup of the keys: docs/guides/personal-data.md.\nAn erasure that was interrupted goes on by itself; asking again does no harm."
    )]
    Erase(EraseArgs),
    /// Wrap all people's keys by the current master key; then the old one can go
    #[command(
        after_help = "Example:\n  KONTOR_MASTER_KEY=\"$NEW,$OLD\" kontor subject rotate-master-key\n\nEvents are not touched. What was interrupted goes on where it was when called again."
    )]
    RotateMasterKey(OutputArgs),
}

/// One person.
#[derive(Args, Clone, Debug)]
pub struct SubjectArgs {
    /// The tenant
    pub tenant: TenantId,
    /// The person's account
    pub account: Uuid,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Options of `erase`.
#[derive(Args, Clone, Debug)]
pub struct EraseArgs {
    /// Who
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// Why: `person_asked`, `consent_withdrawn`, `purpose_ended` or `authority_ordered`
    #[arg(long, default_value = "person_asked", value_name = "GROUND")]
    pub because: ErasureGround,
    /// Who does it, for the record; this name stays in the log
    #[arg(long, default_value = "kontor subject erase", value_name = "NAME")]
    pub by: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}
