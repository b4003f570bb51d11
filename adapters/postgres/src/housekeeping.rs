//! Deleting what has served its time, in portions small enough not to disturb anybody.

use std::time::Duration;

use sqlx::PgPool;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    DatabaseError,
    error::{chain, failed},
    members,
    policies::scheduled,
    schemas, webhooks,
};

/// What is kept, and how fast the rest is deleted.
#[derive(Clone, Debug)]
pub struct HousekeepingSettings {
    /// How long a command id is answered from its receipt. Longer than any sender retries.
    pub receipts_kept: Duration,
    /// How long a finished delivery is recognised as a duplicate.
    pub inbox_kept: Duration,
    /// How long attempts of webhooks are kept, and events that were given up.
    pub webhooks_kept: Duration,
    /// How often to look.
    pub every: Duration,
    /// The most rows deleted in one transaction.
    pub batch: u32,
    /// The most transactions of one table in one look; what is left waits for the next.
    pub batches_max: u32,
    /// The pause between transactions, so that the appender's commits go first.
    pub pause: Duration,
}

impl Default for HousekeepingSettings {
    fn default() -> Self {
        let day = Duration::from_secs(24 * 60 * 60);
        Self {
            receipts_kept: 7 * day,
            inbox_kept: 7 * day,
            webhooks_kept: 30 * day,
            every: Duration::from_secs(600),
            batch: 2_000,
            batches_max: 500,
            pause: Duration::from_millis(50),
        }
    }
}

/// Deletes up to `limit` receipts that are older than `older_than`, in no order: sorting all that are
/// old for each batch would cost more than deleting them. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn purge_receipts(
    pool: &PgPool,
    older_than: Duration,
    limit: u32,
) -> Result<u64, DatabaseError> {
    let purged = sqlx::query(
        "delete from receipts where (command_id, tenant) in (
             select command_id, tenant from receipts
             where recorded_at < clock_timestamp() - $1 * interval '1 millisecond'
             limit $2
         )",
    )
    .bind(milliseconds(older_than))
    .bind(i64::from(limit))
    .execute(pool)
    .await
    .map_err(failed("purge old receipts"))?;
    Ok(purged.rows_affected())
}

/// Deletes up to `limit` deliveries that were done longer than `done_before` ago, the oldest first.
/// Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn purge_inbox(
    pool: &PgPool,
    done_before: Duration,
    limit: u32,
) -> Result<u64, DatabaseError> {
    let purged = sqlx::query(
        "delete from inbox where (source, external_id) in (
             select source, external_id from inbox
             where state = 'done'
                 and done_at < clock_timestamp() - $1 * interval '1 millisecond'
             order by done_at
             limit $2
         )",
    )
    .bind(milliseconds(done_before))
    .bind(i64::from(limit))
    .execute(pool)
    .await
    .map_err(failed("purge old deliveries"))?;
    Ok(purged.rows_affected())
}

/// Deletes what has served its time, again and again, until `stop`. Several processes may do so at
/// once; they only divide the work.
pub async fn run(pool: PgPool, settings: HousekeepingSettings, stop: CancellationToken) {
    let mut ticks = interval(settings.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        // The rest of the log that a start looks through stays short.
        if let Some(Err(error)) = stop.run_until_cancelled(schemas::advance(&pool)).await {
            tracing::warn!(error = chain(&error), "the forms of events were not looked up");
        }
        let swept = stop.run_until_cancelled(sweep(&pool, &settings)).await;
        match swept {
            Some(Ok(0)) | None => {}
            Some(Ok(rows)) => tracing::info!(rows, "old receipts and deliveries were deleted"),
            Some(Err(error)) => {
                tracing::warn!(error = chain(&error), "housekeeping failed, it is tried again");
            }
        }
    }
}

/// Makes the next ranges of a partitioned log ahead of the appends that will need them; does nothing
/// while the log is one table. See `migrations/partitioning`.
///
/// # Errors
/// When the database fails.
pub async fn ensure_partitions(pool: &PgPool) -> Result<(), DatabaseError> {
    // Looked up first: a statement that names a missing function cannot even be prepared.
    let partitioned: bool =
        sqlx::query_scalar("select to_regprocedure('ensure_event_partitions(int)') is not null")
            .fetch_one(pool)
            .await
            .map_err(failed("look for the log's partitions"))?;
    if partitioned {
        sqlx::query("select ensure_event_partitions()")
            .execute(pool)
            .await
            .map_err(failed("make the log's next partitions"))?;
    }
    Ok(())
}

/// One look at the log's partitions and all tables. Returns how many rows went.
///
/// # Errors
/// When the database fails.
pub async fn sweep(pool: &PgPool, settings: &HousekeepingSettings) -> Result<u64, DatabaseError> {
    ensure_partitions(pool).await?;
    let mut rows = members::sweep(pool).await?;
    rows += webhooks::purge_secrets(pool, settings.batch).await?;
    for _ in 0..settings.batches_max {
        let receipts = purge_receipts(pool, settings.receipts_kept, settings.batch).await?;
        let deliveries = purge_inbox(pool, settings.inbox_kept, settings.batch).await?;
        let scheduled = scheduled::purge(pool, settings.receipts_kept, settings.batch).await?;
        let attempts = webhooks::purge(pool, settings.webhooks_kept, settings.batch).await?;
        rows += receipts + deliveries + scheduled + attempts;
        let most = receipts.max(deliveries).max(scheduled).max(attempts);
        if most < u64::from(settings.batch) {
            break;
        }
        sleep(settings.pause).await;
    }
    Ok(rows)
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
