//! The record of requests that were turned away.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use kontor_commands::clock;
pub(crate) use kontor_postgres::denied::DeniedAttempt;
use sqlx::PgPool;

use crate::{
    figures,
    limits::{Buckets, Rate},
    problem::chain,
};

/// How many denied attempts are recorded: enough to see an attack, too few to fill a disk with it.
const RECORDED: (u32, u32) = (5, 100);

/// How long the record is kept, in days; the database refuses to forget earlier.
const KEPT_DAYS: i64 = 90;

/// How often old attempts are forgotten, in seconds.
const SWEEP_EVERY_SECONDS: i64 = 3_600;

/// How many are forgotten at once: a sweep never holds up the request behind it.
const SWEEP_MAX: i64 = 10_000;

/// Writes denied attempts to their table, at a bounded rate.
pub(crate) struct DeniedAttempts {
    pool: PgPool,
    rate: Buckets<()>,
    swept_at: AtomicI64,
}

impl DeniedAttempts {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            rate: Buckets::new(Rate::new(RECORDED.0, RECORDED.1)),
            swept_at: AtomicI64::new(0),
        }
    }

    /// Records an attempt. The caller is turned away whether or not this succeeds.
    pub(crate) async fn record(&self, attempt: DeniedAttempt<'_>) {
        figures::denied();
        if self.rate.take(&()).is_err() {
            tracing::warn!(reason = attempt.reason, "denied attempt not recorded: too many");
            return;
        }
        let written = kontor_postgres::denied::record(&self.pool, clock::now(), attempt).await;
        if let Err(err) = written {
            tracing::warn!(error = %chain(&err), "denied attempt not recorded");
        }
        if let Err(err) = self.sweep().await {
            tracing::warn!(error = %chain(&err), "old denied attempts not forgotten");
        }
    }

    /// Forgets attempts that are older than they are kept, from time to time.
    async fn sweep(&self) -> Result<(), sqlx::Error> {
        let now = clock::now();
        let swept_at = self.swept_at.load(Ordering::Relaxed);
        if now.timestamp() - swept_at < SWEEP_EVERY_SECONDS {
            return Ok(());
        }
        self.swept_at.store(now.timestamp(), Ordering::Relaxed);
        sqlx::query(
            "delete from denied_attempts where id in \
             (select id from denied_attempts where at < $1 order by at limit $2)",
        )
        .bind(now - TimeDelta::days(KEPT_DAYS + 1))
        .bind(SWEEP_MAX)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
