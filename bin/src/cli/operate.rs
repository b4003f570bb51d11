//! The verbs that look at the log and steer it.

use clap::{Args, Subcommand, ValueEnum};
use kontor_domain::TenantId;
use uuid::Uuid;

use super::OutputArgs;

const LOG_HELP: &str = "\
Examples:
  kontor log tail                                # the last events
  kontor log tail --from 4711 --limit 50         # the next page begins behind the last position
  kontor log tail --type 'meter.*' --tenant demo_utility --follow
  kontor log show 4711
  kontor log show 0190b5a2-6c1e-7d3f-9a51-2f0c9f6f4a10";

const STREAM_HELP: &str = "\
Examples:
  kontor stream show meter 0190b5a2-6c1e-7d3f-9a51-2f0c9f6f4a10
  kontor stream show account 0190b5a2-6c1e-7d3f-9a51-2f0c9f6f4a10 --at 3 --json
  kontor stream diff meter 0190b5a2-6c1e-7d3f-9a51-2f0c9f6f4a10 2 5";

/// What to look at or to steer.
#[derive(Debug, Subcommand)]
pub enum OperateVerb {
    /// Look at the event log
    #[command(subcommand, after_help = LOG_HELP)]
    Log(LogVerb),
    /// Look at one aggregate: every event with its actor, cause and change, and its state
    #[command(subcommand, after_help = STREAM_HELP)]
    Stream(StreamVerb),
    /// Show what led to what: the tree of commands and events around one of them
    #[command(
        after_help = "Examples:\n  kontor causal 0190b5a2-6c1e-7d3f-9a51-2f0c9f6f4a10\n  kontor causal 0190b5a2-6c1e-7d3f-9a51-2f0c9f6f4a10 --all --json\n\nWithout `kontor log index build` the log is searched around the id; --all searches to its end."
    )]
    Causal(CausalArgs),
    /// Hold the database against what the log promises; damage is named and ends with exit code 1
    #[command(
        after_help = "Examples:\n  kontor verify\n  kontor verify --from 1000000       # only what came since\n  kontor verify --sample 100         # fold one of a hundred streams\n  kontor verify --projections        # and every read model against a fresh replay\n  kontor verify --projections readings,meters\n\nIt reads only, in pages, beside running processes; --projections needs room for one more copy\nof the largest read model."
    )]
    Verify(VerifyArgs),
}

/// Options of `verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyArgs {
    /// Begin at this position; streams with later events are folded whole
    #[arg(long, value_name = "POSITION", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    pub from: i64,
    /// Fold one of so many streams
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub sample: u16,
    /// Also compare read models with a fresh replay of the log; all of them unless some are named
    #[arg(long, value_name = "NAME", num_args = 0.., value_delimiter = ',')]
    pub projections: Option<Vec<String>>,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}

/// What to look at in the log.
#[derive(Debug, Subcommand)]
pub enum LogVerb {
    /// Print events in order: the last ones, or from a position on
    #[command(after_help = LOG_HELP)]
    Tail(TailArgs),
    /// Print one event with all that is known of it
    #[command(after_help = LOG_HELP)]
    Show {
        /// A position or an event id
        id: EventRef,
        /// Search the whole log for an event id, not only around the time in it
        #[arg(long)]
        all: bool,
        /// Personal data
        #[command(flatten)]
        personal: PersonalArgs,
        /// How to print
        #[command(flatten)]
        output: OutputArgs,
    },
    /// Build or drop the index that answers `kontor causal` without a search
    #[command(
        after_help = "Examples:\n  kontor log index build\n  kontor log index state\n\nIt is built beside live writers. It costs each event one more index entry, some 60 bytes."
    )]
    Index {
        /// What to do with it
        action: IndexAction,
        /// How to print
        #[command(flatten)]
        output: OutputArgs,
    },
}

/// What to do with the index of correlations.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum IndexAction {
    /// Build it, beside live writers
    Build,
    /// Drop it
    Drop,
    /// Tell whether it is there
    State,
}

/// Options of `log tail`.
#[derive(Args, Clone, Debug)]
pub struct TailArgs {
    /// Begin at this position instead of at the last events
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..))]
    pub from: Option<i64>,
    /// Only events of this type; `meter.*` takes all of an aggregate; may be given several times
    #[arg(long = "type", value_name = "TYPE")]
    pub types: Vec<String>,
    /// Only events of this tenant
    #[arg(long)]
    pub tenant: Option<TenantId>,
    /// How many events; with --follow the number to begin with
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Go on with what is appended, until Ctrl-C
    #[arg(long)]
    pub follow: bool,
    /// Personal data
    #[command(flatten)]
    pub personal: PersonalArgs,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Whether personal data is shown.
#[derive(Args, Clone, Copy, Debug)]
pub struct PersonalArgs {
    /// Show personal data instead of dots; who looked at what is noted in the database
    #[arg(long)]
    pub personal: bool,
}

/// A position or an event id.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EventRef {
    /// A position.
    Position(i64),
    /// An event id.
    Id(Uuid),
}

impl std::str::FromStr for EventRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let position = text.parse().ok().filter(|position: &i64| *position > 0);
        position
            .map(Self::Position)
            .or_else(|| text.parse().ok().map(Self::Id))
            .ok_or_else(|| "neither a position (1 and up) nor an event id".to_owned())
    }
}

/// What to look at in one stream.
#[derive(Debug, Subcommand)]
pub enum StreamVerb {
    /// Every event with its actor, cause and change, and the state after them
    #[command(after_help = STREAM_HELP)]
    Show(StreamArgs),
    /// What changed between two versions
    #[command(after_help = STREAM_HELP)]
    Diff {
        /// The aggregate, such as meter
        aggregate: String,
        /// Its id
        id: Uuid,
        /// The earlier version; 0 is before its first event
        #[arg(value_parser = clap::value_parser!(i64).range(0..))]
        before: i64,
        /// The later version
        #[arg(value_parser = clap::value_parser!(i64).range(0..))]
        after: i64,
        /// Personal data
        #[command(flatten)]
        personal: PersonalArgs,
        /// How to print
        #[command(flatten)]
        output: OutputArgs,
    },
}

/// Options of `stream show`.
#[derive(Args, Clone, Debug)]
pub struct StreamArgs {
    /// The aggregate, such as meter
    pub aggregate: String,
    /// Its id
    pub id: Uuid,
    /// The state at this version, and nothing later
    #[arg(long, value_name = "VERSION", value_parser = clap::value_parser!(i64).range(1..))]
    pub at: Option<i64>,
    /// Print events from this version on
    #[arg(long, value_name = "VERSION", default_value_t = 1, value_parser = clap::value_parser!(i64).range(1..))]
    pub from: i64,
    /// The most events
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Personal data
    #[command(flatten)]
    pub personal: PersonalArgs,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}

/// Options of `causal`.
#[derive(Args, Clone, Copy, Debug)]
pub struct CausalArgs {
    /// A command id or an event id
    pub id: Uuid,
    /// Search this many positions behind the last event that was found
    #[arg(long, value_name = "POSITIONS", default_value_t = 100_000, value_parser = clap::value_parser!(i64).range(1..))]
    pub within: i64,
    /// Search the whole log
    #[arg(long, conflicts_with = "within")]
    pub all: bool,
    /// How to print
    #[command(flatten)]
    pub output: OutputArgs,
}
