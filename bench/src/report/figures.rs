//! The figures to reach, beside what was measured.

use serde::Serialize;

use super::{
    IN_PROCESS, LOG, Latency, PEER, PEER_SPENDS, Report, SPENDS, SQL_CALL_SPENDS, SQL_SPENDS,
    THROUGH_NATS, hundredths, milliseconds,
};
use crate::drive::Run;

/// A figure without a target.
fn told(what: &'static str, measured: String) -> Figure {
    Figure { what, target: String::new(), measured, met: None }
}

/// How many times as many commands a second as the peer, in hundredths.
const RATIO_MIN_HUNDREDTHS: u64 = 1_000;
/// The number of callers that the ratio is taken at.
const RATIO_CALLERS: usize = 64;
/// Durable appends a second, and the number of callers they are taken at.
const APPENDS_MIN: u64 = 30_000;
const APPENDS_CALLERS: usize = 512;
/// Durable appends a second of 32 writers, and the latency of one at 5,000 a second.
const APPENDS_OF_32_MIN: u64 = 20_000;
const PACED_P99_US: u64 = 25_000;
/// Durable spends a second on credit ledgers, and the number of callers they are taken at.
const SPENDS_MIN: u64 = 10_000;
const SPENDS_CALLERS: usize = 512;
/// How many times as many spends a second as double entry in plain SQL, in hundredths.
const SQL_RATIO_MIN_HUNDREDTHS: u64 = 500;
/// Commands a second through NATS with all followers, at whatever number of callers does best.
const THROUGH_NATS_MIN: u64 = 5_000;
/// The median round trip of a command through NATS on an idle system stays below this.
const ROUND_TRIP_P50_US: u64 = 3_000;
/// From append to visible in a read model on an idle system.
const VISIBLE_P50_US: u64 = 10_000;
const VISIBLE_P99_US: u64 = 50_000;
/// Events a second in the rebuild of a projection.
const REBUILD_MIN: u64 = 50_000;
/// Bookings a second that are decided anew, in memory.
const REPLAY_MIN: u64 = 100_000;
/// Bookings a second whose chain is checked, in memory: a million in less than 30 seconds.
const VERIFY_MIN: u64 = 33_334;
/// How long 100,000 lines of a provider may take from the file to the match.
const RECONCILED_MAX_MS: u64 = 10_000;
/// How long a promotion may hold up readers: nobody takes it for an outage.
const PROMOTION_MAX_US: u64 = 100_000;
/// Resident memory of `kontor` with all roles.
const MEMORY_IDLE: u64 = 100 * MEGABYTE;
const MEMORY_LOAD: u64 = 300 * MEGABYTE;
const MEGABYTE: u64 = 1_000_000;

/// One figure to reach.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) what: &'static str,
    pub(crate) target: String,
    pub(crate) measured: String,
    /// Absent when it was not measured, or when nothing is to be reached.
    pub(crate) met: Option<bool>,
}

fn decided_anew(report: &Report) -> Figure {
    at_least(
        "bookings decided anew, in memory, a second",
        (REPLAY_MIN, report.replays.map(|replays| replays.decided_per_second)),
        |n| n.to_string(),
    )
}

fn chains_checked(report: &Report) -> Figure {
    at_least(
        "bookings whose chain is checked, in memory, a second",
        (VERIFY_MIN, report.replays.map(|replays| replays.verified_per_second)),
        |n| n.to_string(),
    )
}

fn reconciled(report: &Report) -> [Figure; 2] {
    let seconds = |ms: u64| format!("{} s", milliseconds(ms));
    let all = report.reconciliation.map(|reconciled| reconciled.all_ms());
    [
        below("reconciliation of 100,000 lines", (RECONCILED_MAX_MS, all), seconds),
        told(
            "of it reading the file, recording and matching its lines",
            report.reconciliation.map_or_else(not_measured, |it| {
                [it.read_ms, it.recorded_ms, it.matched_ms].map(seconds).join(" + ")
            }),
        ),
    ]
}

/// All figures of a report.
pub(super) fn all(report: &Report) -> Vec<Figure> {
    let runs = &report.runs;
    let ratio = find(runs, IN_PROCESS, RATIO_CALLERS).and_then(|run| ratio_hundredths(runs, run));
    let appends = find(runs, LOG, APPENDS_CALLERS).map(|run| run.per_second);
    let of_32 = find(runs, LOG, 32).map(|run| run.per_second);
    let nats = runs.iter().filter(|run| run.contender == THROUGH_NATS);
    let nats = nats.map(|run| run.per_second).max();
    let memory = report.memory;
    let mut figures = vec![
        at_least(
            "commands/s in process to the peer, 64 callers",
            (RATIO_MIN_HUNDREDTHS, ratio),
            |ratio| format!("{} x", hundredths(ratio)),
        ),
        at_least("durable appends/s, 512 callers", (APPENDS_MIN, appends), |n| n.to_string()),
        at_least("durable appends/s, 32 callers", (APPENDS_OF_32_MIN, of_32), |n| n.to_string()),
    ];
    figures.extend(spends(runs));
    figures.extend([
        below("durable append at 5,000 a second, p99", (PACED_P99_US, p99(report.paced)), ms),
        at_least("commands/s through NATS with all followers", (THROUGH_NATS_MIN, nats), |n| {
            n.to_string()
        }),
        below(
            "round trip through NATS, idle, p50",
            (ROUND_TRIP_P50_US, p50(report.round_trip)),
            ms,
        ),
        below("append to visible, idle, p50", (VISIBLE_P50_US, p50(report.visible)), ms),
        below("append to visible, idle, p99", (VISIBLE_P99_US, p99(report.visible)), ms),
        at_least(
            "rebuild of a projection, events/s",
            (REBUILD_MIN, report.rebuild.map(|rebuild| rebuild.per_second)),
            |n| n.to_string(),
        ),
        told(
            "the same in 2 parts beside live appends, events/s",
            report.beside.map_or_else(not_measured, |beside| beside.per_second.to_string()),
        ),
        below(
            "switch to the model that was built",
            (PROMOTION_MAX_US, report.beside.map(|beside| beside.promotion_us)),
            ms,
        ),
        decided_anew(report),
        chains_checked(report),
    ]);
    figures.extend(reconciled(report));
    figures.extend([
        below("resident memory with all roles, idle", (MEMORY_IDLE, memory.idle), megabytes),
        below("resident memory with all roles, under load", (MEMORY_LOAD, memory.load), megabytes),
        told(
            "followers behind after the last run, and time to catch up",
            report.catch_up.map_or_else(not_measured, |catch_up| {
                let seconds = milliseconds(catch_up.milliseconds);
                format!("{} events, {seconds} s", catch_up.events_behind)
            }),
        ),
        told(
            "resident memory that Kontor in process adds",
            memory.in_process.map_or_else(not_measured, megabytes),
        ),
    ]);
    figures
}

/// Credits that are spent, beside the peers.
fn spends(runs: &[Run]) -> [Figure; 4] {
    let spends = find(runs, SPENDS, SPENDS_CALLERS).map(|run| run.per_second);
    let of_peer = find(runs, SPENDS, RATIO_CALLERS).and_then(|run| ratio_hundredths(runs, run));
    [
        at_least("spends/s with the chain of hashes, 512 callers", (SPENDS_MIN, spends), |n| {
            n.to_string()
        }),
        told(
            "spends/s to the peer, 64 callers",
            of_peer.map_or_else(not_measured, |ratio| format!("{} x", hundredths(ratio))),
        ),
        at_least(
            "spends/s to double entry in SQL, 64 callers",
            (SQL_RATIO_MIN_HUNDREDTHS, of_spends(runs, SQL_SPENDS)),
            |ratio| format!("{} x", hundredths(ratio)),
        ),
        told(
            "the same to one call of a function in SQL",
            of_spends(runs, SQL_CALL_SPENDS)
                .map_or_else(not_measured, |ratio| format!("{} x", hundredths(ratio))),
        ),
    ]
}

/// How many times as many commands a second as the peer with as many callers, in hundredths. The
/// peer itself and the log alone, which decides nothing, are not compared.
pub(super) fn ratio_hundredths(runs: &[Run], run: &Run) -> Option<u64> {
    let peer = match run.contender {
        PEER | PEER_SPENDS | SQL_SPENDS | SQL_CALL_SPENDS | LOG => return None,
        SPENDS => PEER_SPENDS,
        _ => PEER,
    };
    let peer = find(runs, peer, run.callers)?;
    (run.per_second * 100).checked_div(peer.per_second)
}

/// How many times as many spends a second as a peer with as many callers, in hundredths.
fn of_spends(runs: &[Run], peer: &str) -> Option<u64> {
    let spends = find(runs, SPENDS, RATIO_CALLERS)?;
    (spends.per_second * 100).checked_div(find(runs, peer, RATIO_CALLERS)?.per_second)
}

fn find<'a>(runs: &'a [Run], contender: &str, callers: usize) -> Option<&'a Run> {
    runs.iter().find(|run| run.contender == contender && run.callers == callers)
}

fn at_least(
    what: &'static str,
    (target, measured): (u64, Option<u64>),
    show: impl Fn(u64) -> String,
) -> Figure {
    Figure {
        what,
        target: format!("at least {}", show(target)),
        measured: measured.map_or_else(not_measured, &show),
        met: measured.map(|measured| measured >= target),
    }
}

fn below(
    what: &'static str,
    (target, measured): (u64, Option<u64>),
    show: impl Fn(u64) -> String,
) -> Figure {
    Figure {
        what,
        target: format!("below {}", show(target)),
        measured: measured.map_or_else(not_measured, &show),
        met: measured.map(|measured| measured < target),
    }
}

fn p50(latency: Option<Latency>) -> Option<u64> {
    latency.map(|latency| latency.p50_us)
}

fn p99(latency: Option<Latency>) -> Option<u64> {
    latency.map(|latency| latency.p99_us)
}

fn ms(micros: u64) -> String {
    format!("{} ms", milliseconds(micros))
}

pub(super) fn megabytes(bytes: u64) -> String {
    let tenths = bytes / (MEGABYTE / 10);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

fn not_measured() -> String {
    "not measured".to_owned()
}
