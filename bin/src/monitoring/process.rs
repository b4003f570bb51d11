//! What the operating system knows of this process, under the names that all programs use. Only
//! Linux tells; elsewhere these figures are absent.

use std::{fs, sync::OnceLock};

use metrics::{counter, describe_counter, describe_gauge, gauge};

const MEMORY: &str = "process_resident_memory_bytes";
const CPU: &str = "process_cpu_seconds_total";
const FILES: &str = "process_open_fds";
const STARTED: &str = "process_start_time_seconds";

/// When this process began to count.
static STARTED_AT: OnceLock<i64> = OnceLock::new();

/// Describes the figures and notes the start.
pub(super) fn describe() {
    describe_gauge!(MEMORY, "Memory that this process holds");
    describe_counter!(CPU, "Processor time that this process has used, in whole seconds");
    describe_gauge!(FILES, "Open files and sockets");
    describe_gauge!(STARTED, "When this process started, in seconds of the epoch");
    STARTED_AT.get_or_init(|| kontor_commands::clock::now().timestamp());
}

/// Publishes them.
pub(super) fn publish() {
    if let Some(bytes) = memory_bytes(&read("/proc/self/status")) {
        gauge!(MEMORY).set(bytes as f64);
    }
    let ticks_per_second = rustix::param::clock_ticks_per_second();
    if let Some(ticks) = cpu_ticks(&read("/proc/self/stat")) {
        counter!(CPU).absolute(ticks / ticks_per_second.max(1));
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        gauge!(FILES).set(files.count() as f64);
    }
    if let Some(at) = STARTED_AT.get() {
        gauge!(STARTED).set(*at as f64);
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The line `VmRSS:    1234 kB`.
fn memory_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Fields 14 and 15; the name in brackets may hold spaces, so they are counted from its end.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_kernel_are_read() {
        assert_eq!(memory_bytes("Name:\tk\nVmRSS:\t  2048 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!(memory_bytes(""), None);
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 70 30 0 0";
        assert_eq!(cpu_ticks(stat), Some(100));
        assert_eq!(cpu_ticks("7 (a) S 1"), None);
    }
}
