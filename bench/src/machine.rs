//! What the figures were taken on.

use std::{collections::HashMap, fs, num::NonZeroUsize, time::Duration};

use anyhow::Context;
use serde::Serialize;
use sqlx::PgPool;

/// The machine and the engine's promises.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) postgres: String,
    pub(crate) fsync: String,
    pub(crate) synchronous_commit: String,
    pub(crate) wal_sync_method: String,
    pub(crate) optimised: bool,
}

impl Machine {
    pub(crate) async fn look(pool: &PgPool) -> anyhow::Result<Self> {
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            processor: processor(),
            postgres: setting(pool, "server_version").await?,
            fsync: setting(pool, "fsync").await?,
            synchronous_commit: setting(pool, "synchronous_commit").await?,
            wal_sync_method: setting(pool, "wal_sync_method").await?,
            optimised: !cfg!(debug_assertions),
        })
    }
}

/// The resident memory of a process in bytes; `self` is this one.
pub(crate) fn resident_bytes(process: &str) -> anyhow::Result<u64> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("{path} cannot be read"))?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<u64>().ok())
        .with_context(|| format!("{path} tells no VmRSS"))?;
    Ok(kilobytes * 1024)
}

/// The processor time that this process and all its descendants have used, the engines among them.
/// Unlike the time that passes, it does not depend on what else the machine has to do.
pub(crate) fn processor_time() -> anyhow::Result<Duration> {
    let mut processes = HashMap::new();
    for entry in fs::read_dir("/proc").context("/proc cannot be read")? {
        let name = entry?.file_name();
        let Some(id) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end between the list and the look.
        let Ok(stat) = fs::read_to_string(format!("/proc/{id}/stat")) else { continue };
        if let Some(process) = Process::parse(&stat) {
            processes.insert(id, process);
        }
    }
    let own = std::process::id();
    let ticks: u64 = processes
        .keys()
        .filter(|id| descends(&processes, **id, own))
        .filter_map(|id| processes.get(id))
        .map(|process| process.ticks)
        .sum();
    let ticks_per_second = rustix::param::clock_ticks_per_second().max(1);
    Ok(Duration::from_millis(ticks * 1_000 / ticks_per_second))
}

/// One line of `/proc/<id>/stat`.
#[derive(Debug, Eq, PartialEq)]
struct Process {
    parent: u32,
    /// Its own time and that of its ended children, in user and kernel mode.
    ticks: u64,
}

impl Process {
    fn parse(stat: &str) -> Option<Self> {
        // The name stands in parentheses and may hold anything, parentheses too.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |field: &&str| field.parse::<u64>().ok();
        let ticks = fields.get(11..15)?.iter().map(number).sum::<Option<u64>>()?;
        Some(Self { parent: fields.get(1)?.parse().ok()?, ticks })
    }
}

/// Whether a process is `ancestor` or below it.
fn descends(processes: &HashMap<u32, Process>, id: u32, ancestor: u32) -> bool {
    let mut current = id;
    // No chain is longer than there are processes, whatever changed while they were read.
    for _ in 0..=processes.len() {
        if current == ancestor {
            return true;
        }
        match processes.get(&current) {
            Some(process) => current = process.parent,
            None => return false,
        }
    }
    false
}

async fn setting(pool: &PgPool, name: &str) -> anyhow::Result<String> {
    sqlx::query_scalar("select current_setting($1)")
        .bind(name)
        .fetch_one(pool)
        .await
        .with_context(|| format!("PostgreSQL does not tell its setting {name}"))
}

fn processor() -> String {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    information
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'))
        .map_or_else(|| "unknown processor".to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_strange_name_is_read() {
        let stat = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 99";
        assert_eq!(Process::parse(stat), Some(Process { parent: 7, ticks: 100 }));
        assert_eq!(Process::parse("42 (short) S 7"), None);
    }

    #[test]
    fn descendants_are_found_through_their_parents() {
        let process = |parent| Process { parent, ticks: 0 };
        let processes = HashMap::from([(2, process(1)), (3, process(2)), (4, process(4))]);
        assert!(descends(&processes, 3, 2) && descends(&processes, 2, 2));
        assert!(!descends(&processes, 2, 3) && !descends(&processes, 4, 2));
    }

    #[test]
    fn this_process_has_memory_and_uses_processor_time() {
        assert!(resident_bytes("self").unwrap() > 0);
        let before = processor_time().unwrap();
        let began = std::time::Instant::now();
        // Ticks are hundredths of a second; a busy process gets one soon.
        while processor_time().unwrap() == before {
            assert!(began.elapsed() < Duration::from_secs(20), "no processor time is counted");
        }
    }
}
