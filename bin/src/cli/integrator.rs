//! `kontor integrator`: what can be typed.

use clap::{Args, Subcommand};
use kontor_domain::TenantId;
use kontor_postgres::integrators::IntegratorName;

use super::OutputArgs;

/// What to do with integrators.
#[derive(Debug, Subcommand)]
pub enum IntegratorVerb {
    /// Add an integrator and print how it connects; its secret is shown only this once
    #[command(
        after_help = "Examples:\n  kontor integrator add billing --tenant demo_utility --events 'meter.*,account.registered'\n  kontor integrator add warehouse   # every event of every tenant\n\nIt gets a user and a durable consumer of its own, and may do nothing else.\ndocs/guides/integrators.md says how to go on."
    )]
    Add(AddArgs),
    /// List the integrators, without their secrets
    #[command(
        after_help = "Examples:\n  kontor integrator list\n  kontor integrator list --all --json"
    )]
    List {
        /// Also those that were revoked
        #[arg(long)]
        all: bool,
        /// How to print
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Refuse an integrator from now on, take its consumer away and end its connections
    #[command(after_help = "Example:\n  kontor integrator revoke billing")]
    Revoke(OneIntegrator),
    /// Let an integrator receive its events again, from a position of the log on
    #[command(
        after_help = "Example:\n  kontor integrator replay billing --from-position 1200\n\nIt receives every event from that position on, perhaps some that stand before it, and some\nthat it has seen. Events of others are not touched."
    )]
    Replay {
        /// The integrator's name
        name: IntegratorName,
        /// The position of the first event that it must receive, from 1
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
        from_position: i64,
        /// How to print
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Make the key by which a NATS server of your own believes Kontor's answers about integrators
    #[command(
        after_help = "Example:\n  kontor integrator issuer\n\nThe public key goes into the server's `auth_callout`, the seed into KONTOR_NATS_ISSUER_SEED;\nnats/nats-server.conf is an example. `kontor up` does all this for its private server."
    )]
    Issuer(OutputArgs),
}

/// Options of `add`.
#[derive(Args, Debug)]
pub struct AddArgs {
    /// Its name: up to 40 characters of a-z, 0-9 and _
    pub name: IntegratorName,
    /// Only events of this tenant; without it, of all tenants
    #[arg(long)]
    pub tenant: Option<TenantId>,
    /// Only these events, separated by commas: `meter.*`, `account.registered`
    #[arg(long, value_delimiter = ',', default_value = "*")]
    pub events: Vec<String>,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}

/// One integrator.
#[derive(Args, Debug)]
pub struct OneIntegrator {
    /// Its name, as `kontor integrator list` shows it
    pub name: IntegratorName,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}
