//! The command line.

use std::path::PathBuf;

use clap::Parser;

const AFTER_HELP: &str = "\
Examples:
  kontor-chaos --binary target/debug/kontor-faulty
  kontor-chaos --binary … --short             # the rounds of `make test`
  kontor-chaos --binary … --seed 26           # one round again
  kontor-chaos --binary … --rounds 500 --first-seed 7000
  kontor-chaos --list                         # what the seeds do

Exit codes: 0 all rounds passed, 1 one failed or could not run, 2 wrong usage.";

/// Drives the real program through faults and checks that nothing was lost, doubled or forgotten.
#[derive(Clone, Debug, Parser)]
#[command(name = "kontor-chaos", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Options {
    /// The program with fault points, as `make chaos` builds it
    #[arg(long, value_name = "FILE", required_unless_present = "list")]
    pub(crate) binary: Option<PathBuf>,

    /// How many rounds; one for each kind of fault unless given
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) rounds: Option<u64>,

    /// The seed of the first round; each next round has the next one
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) first_seed: u64,

    /// Run the rounds of these seeds only
    #[arg(long = "seed", value_name = "SEED", conflicts_with_all = ["rounds", "first_seed", "short"])]
    pub(crate) seeds: Vec<u64>,

    /// Run the few rounds of `make test`
    #[arg(long, conflicts_with_all = ["rounds", "first_seed"])]
    pub(crate) short: bool,

    /// Print what the seeds do and end
    #[arg(long)]
    pub(crate) list: bool,

    /// Print each round as one line of JSON
    #[arg(long)]
    pub(crate) json: bool,

    /// Where engines and logs have their folders; that of a failed round stays
    #[arg(long, value_name = "FOLDER", default_value = ".kontor/chaos")]
    pub(crate) data_dir: PathBuf,
}
