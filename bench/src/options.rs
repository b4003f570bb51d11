//! The command line.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::Parser;

/// Measures Kontor against its peers on one private PostgreSQL with fsync on, and prints one table.
///
/// Ratios count, absolute figures depend on the machine. Build with `--release`.
#[derive(Clone, Debug, Parser)]
#[command(name = "kontor-bench", version, max_term_width = 100)]
pub(crate) struct Options {
    /// How long each run is measured, after a warm-up of one second
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds_per_run: u64,

    /// How many callers wait for an answer at the same time, one run for each number
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "1,8,64,512")]
    pub(crate) callers: Vec<NonZeroUsize>,

    /// How many connections the peer may use; its own default pool has 10
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) peer_connections: u32,

    /// Also write the results as JSON to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Measure the resident memory of this `kontor` with all roles
    #[arg(long, value_name = "FILE")]
    pub(crate) kontor_binary: Option<PathBuf>,

    /// How many events the rebuild of a projection reads
    #[arg(long, value_name = "NUMBER", default_value_t = 500_000, value_parser = clap::value_parser!(u64).range(1_000..=50_000_000))]
    pub(crate) rebuild_events: u64,

    /// On logs of which sizes the growth of the cost is measured, in events; 10000000 takes minutes
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "10000,1000000")]
    pub(crate) growth_events: Vec<u64>,

    /// How many single commands the idle latencies are taken from
    #[arg(long, value_name = "NUMBER", default_value_t = 200, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub(crate) samples: u32,

    /// Where the engines keep their data while the measurement runs; a folder on the disk to measure
    #[arg(long, value_name = "FOLDER", default_value = ".kontor")]
    pub(crate) data_dir: PathBuf,
}
