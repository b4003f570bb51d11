//! All results as one table for people and one document for programs.

mod figures;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use serde::Serialize;

pub(crate) use self::figures::Figure;
use crate::{
    beside::Beside, drive::Run, growth::Growth, histogram::Histogram, machine::Machine,
    through_nats::CatchUp,
};

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) seconds_per_run: u64,
    pub(crate) runs: Vec<Run>,
    pub(crate) catch_up: Option<CatchUp>,
    /// Durable appends at a steady rate.
    pub(crate) paced: Option<Latency>,
    pub(crate) round_trip: Option<Latency>,
    pub(crate) visible: Option<Latency>,
    pub(crate) rebuild: Option<Rebuild>,
    /// Bookings decided anew, and their chains.
    pub(crate) replays: Option<Replays>,
    /// Lines of a provider held against payments.
    pub(crate) reconciliation: Option<Reconciled>,
    /// A build beside live appends.
    pub(crate) beside: Option<Beside>,
    pub(crate) memory: Memory,
    /// On logs of growing size.
    pub(crate) growth: Vec<Growth>,
    /// The number of tenants, with the commands in process spread over them.
    pub(crate) tenants: Vec<(usize, Run)>,
    /// All callers on one stream.
    pub(crate) hot_stream: Option<Run>,
}

/// Latencies of single commands on an idle system.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) samples: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

impl Latency {
    /// The usual percentiles of what was recorded.
    pub(crate) fn of(latencies: &Histogram) -> Self {
        Self {
            samples: latencies.count(),
            p50_us: latencies.percentile_us(50),
            p99_us: latencies.percentile_us(99),
        }
    }
}

/// How fast a projection read the log from its beginning.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Rebuild {
    pub(crate) events: u64,
    pub(crate) per_second: u64,
}

/// How fast bookings are decided anew and their chains checked, from stored payloads in memory, on all
/// cores.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Replays {
    pub(crate) bookings: u64,
    pub(crate) decided_per_second: u64,
    pub(crate) verified_per_second: u64,
}

/// How long it took to read a provider's file, to record its lines and to match them with payments.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Reconciled {
    pub(crate) lines: u64,
    pub(crate) read_ms: u64,
    pub(crate) recorded_ms: u64,
    pub(crate) matched_ms: u64,
}

impl Reconciled {
    /// All of it, one after the other.
    pub(crate) fn all_ms(&self) -> u64 {
        self.read_ms.saturating_add(self.recorded_ms).saturating_add(self.matched_ms)
    }
}

/// Resident memory in bytes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Memory {
    /// What the router, its caches and the appender added to this process under load.
    pub(crate) in_process: Option<u64>,
    /// `kontor` with all roles, a few seconds after its start.
    pub(crate) idle: Option<u64>,
    /// `kontor` with all roles, at most while commands come in as fast as it takes them.
    pub(crate) load: Option<u64>,
}

/// The contenders' names, as the table has them.
pub(crate) const PEER: &str = "postgres-es 0.5";
pub(crate) const IN_PROCESS: &str = "Kontor in process";
pub(crate) const LOG: &str = "Kontor's log alone";
pub(crate) const THROUGH_NATS: &str = "Kontor through NATS";
pub(crate) const PEER_SPENDS: &str = "postgres-es, spends";
pub(crate) const SPENDS: &str = "Kontor, spends";
pub(crate) const SQL_SPENDS: &str = "SQL, spends";
pub(crate) const SQL_CALL_SPENDS: &str = "SQL call, spends";

#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a Report,
    figures: Vec<Figure>,
}

impl Report {
    /// The results with the figures to reach, as JSON.
    pub(crate) fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(&Document { report: self, figures: figures::all(self) })
    }

    /// Writes the table.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let Machine {
            cores,
            processor,
            postgres,
            fsync,
            synchronous_commit,
            wal_sync_method,
            optimised,
        } = &self.machine;
        writeln!(out, "{cores} cores, {processor}")?;
        writeln!(
            out,
            "PostgreSQL {postgres}, fsync {fsync} ({wal_sync_method}), synchronous_commit {synchronous_commit}; \
             callers, engines and measurement share the cores"
        )?;
        if !optimised {
            writeln!(out, "THIS IS A DEBUG BUILD: the figures mean nothing")?;
        }
        writeln!(
            out,
            "\n{} seconds a run; every reading and every spend is decided by the same aggregate\n",
            self.seconds_per_run
        )?;
        self.write_runs(out)?;
        self.write_growth(out)?;
        self.write_figures(out)
    }

    fn write_growth(&self, out: &mut impl Write) -> io::Result<()> {
        if !self.growth.is_empty() {
            writeln!(
                out,
                "\n{:<20} {:>11} {:>10} {:>10} {:>12} {:>12} {:>12} {:>9}",
                "events before",
                "commands/s",
                "p50 ms",
                "p99 ms",
                "load p99 ms",
                "page p99 ms",
                "bytes/event",
                "memory"
            )?;
        }
        for growth in &self.growth {
            writeln!(
                out,
                "{:<20} {:>11} {:>10} {:>10} {:>12} {:>12} {:>12} {:>9}",
                growth.events,
                growth.run.per_second,
                milliseconds(growth.run.p50_us),
                milliseconds(growth.run.p99_us),
                milliseconds(growth.load.p99_us),
                milliseconds(growth.page.p99_us),
                growth.bytes_per_event,
                figures::megabytes(growth.resident)
            )?;
        }
        let tenants = self.tenants.iter().map(|(count, run)| (format!("in {count} tenants"), run));
        let hot = self.hot_stream.iter().map(|run| ("on one stream".to_owned(), run));
        for (what, run) in tenants.chain(hot) {
            let (p50, p99) = (milliseconds(run.p50_us), milliseconds(run.p99_us));
            writeln!(out, "{what:<20} {:>11} {p50:>10} {p99:>10}", run.per_second)?;
        }
        Ok(())
    }

    fn write_runs(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "{:<20} {:>7} {:>11} {:>12} {:>10} {:>10} {:>7} {:>8}",
            "", "callers", "commands/s", "to the peer", "p50 ms", "p99 ms", "CPU us", "failed"
        )?;
        for run in &self.runs {
            let ratio = match figures::ratio_hundredths(&self.runs, run) {
                Some(ratio) => format!("{} x", hundredths(ratio)),
                None => String::new(),
            };
            writeln!(
                out,
                "{:<20} {:>7} {:>11} {:>12} {:>10} {:>10} {:>7} {:>8}",
                run.contender,
                run.callers,
                run.per_second,
                ratio,
                milliseconds(run.p50_us),
                milliseconds(run.p99_us),
                run.processor_us,
                run.failed
            )?;
        }
        for run in self.runs.iter().filter(|run| run.failed > 0) {
            let failure = run.first_failure.as_deref().unwrap_or("unknown");
            writeln!(
                out,
                "{} with {} callers failed first with: {failure}",
                run.contender, run.callers
            )?;
        }
        Ok(())
    }

    fn write_figures(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\n{:<58} {:>22} {:>22}", "", "to reach", "measured")?;
        for Figure { what, target, measured, met } in figures::all(self) {
            let verdict = match met {
                Some(true) => "met",
                Some(false) => "MISSED",
                None => "",
            };
            writeln!(out, "{what:<58} {target:>22} {measured:>22}  {verdict}")?;
        }
        Ok(())
    }
}

/// Microseconds as milliseconds with three decimals.
fn milliseconds(micros: u64) -> String {
    format!("{}.{:03}", micros / 1_000, micros % 1_000)
}

/// Hundredths as a number with two decimals.
fn hundredths(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
