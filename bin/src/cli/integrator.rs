//! `kontor integrator`: what can be typed.

use clap::{ArgGroup, Args, Subcommand};
use kontor_domain::TenantId;
use kontor_postgres::integrators::IntegratorName;

use super::{EventRef, OutputArgs};

/// What to do with integrators.
#[derive(Debug, Subcommand)]
pub enum IntegratorVerb {
    /// Add an integrator and print how it connects; its secret is shown only this once
    #[command(
        after_help = "Examples:\n  kontor integrator add billing --tenant demo_utility --events 'meter.*,account.registered'\n  kontor integrator add warehouse   # every event of every tenant\n  kontor integrator add crm --webhook https://crm.example.org/kontor   # is called for each event\n\nIt gets a user and a durable consumer of its own, and may do nothing else.\ndocs/guides/integrators.md says how to go on."
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
        after_help = "Examples:\n  kontor integrator replay billing --from-position 1200\n  kontor integrator replay billing --cancel\n\nIt receives every event from that position on, perhaps some that stand before it, and some\nthat it has seen. What NATS does not hold any more comes out of the log, in a stream of its own.\nEvents of others are not touched."
    )]
    Replay {
        /// The integrator
        #[command(flatten)]
        one: OneIntegrator,
        /// The position of the first event that it must receive, from 1
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
        from_position: Option<i64>,
        /// End a replay out of the log that is under way
        #[arg(long, required_unless_present = "from_position", conflicts_with = "from_position")]
        cancel: bool,
    },
    /// Stop calling a webhook; nothing is lost, `enable` goes on from there
    #[command(after_help = "Example:\n  kontor integrator disable crm")]
    Disable(OneIntegrator),
    /// Call a webhook again from where it stopped; what waits is tried at once
    #[command(after_help = "Example:\n  kontor integrator enable crm")]
    Enable(OneIntegrator),
    /// Make a new secret for a webhook and print it this once; the old one signs for a day more
    #[command(
        after_help = "Examples:\n  kontor integrator rotate-secret crm\n  kontor integrator rotate-secret crm --at-once   # it leaked"
    )]
    RotateSecret {
        /// The integrator
        #[command(flatten)]
        one: OneIntegrator,
        /// End the old secret now
        #[arg(long)]
        at_once: bool,
    },
    /// Show how a webhook does and what was tried last, the newest first
    #[command(
        after_help = "Examples:\n  kontor integrator deliveries crm\n  kontor integrator deliveries crm --failed --json"
    )]
    Deliveries {
        /// The integrator
        #[command(flatten)]
        one: OneIntegrator,
        /// Only attempts that went wrong
        #[arg(long)]
        failed: bool,
        /// How many attempts
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// Deliver events to a webhook again: one, those that were given up, or all from a position on
    #[command(
        group = ArgGroup::new("which").required(true),
        after_help = "Examples:\n  kontor integrator redeliver crm 01939c5e-7a51-7cc3-8f14-0a2b3c4d5e6f   # or its position\n  kontor integrator redeliver crm --failed\n  kontor integrator redeliver crm --from-position 1200\n\nThe receiver knows an event that it has by its `webhook-id`, which stays the same."
    )]
    Redeliver {
        /// The integrator
        #[command(flatten)]
        one: OneIntegrator,
        /// The event, by its id or its position
        #[arg(group = "which")]
        event: Option<EventRef>,
        /// Up to 1000 events that were given up, the oldest first
        #[arg(long, group = "which")]
        failed: bool,
        /// The position of the first event, from 1
        #[arg(long, value_name = "N", group = "which", value_parser = clap::value_parser!(i64).range(1..))]
        from_position: Option<i64>,
        /// Look for the event's id in the whole log, and not only around the time in it
        #[arg(long, requires = "event")]
        all: bool,
    },
    /// Call a webhook at another address from now on; what waits goes there at once
    #[command(
        after_help = "Example:\n  kontor integrator move crm --webhook https://new.example.org/kontor\n\nIts secret, its events and its place in the log stay. A disabled webhook stays disabled."
    )]
    Move {
        /// The integrator
        #[command(flatten)]
        one: OneIntegrator,
        /// The new https address
        #[arg(long, value_name = "URL")]
        webhook: String,
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
    /// Call this https address for each event, signed, instead of letting it pull from NATS
    #[arg(long, value_name = "URL")]
    pub webhook: Option<String>,
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
