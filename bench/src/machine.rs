//! What the figures were taken on.

use std::{fs, num::NonZeroUsize};

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
