//! The record of notifications that were turned away, at a bounded rate.

use std::{
    sync::{Mutex, PoisonError},
    time::Instant,
};

use kontor_commands::clock;
use kontor_domain::TenantId;
use kontor_postgres::denied::{self, DeniedAttempt};
use sqlx::PgPool;
use uuid::Uuid;

/// The route of notifications, without names.
pub(crate) const ROUTE: &str = "/webhooks/{provider}/{account}";

/// How many are recorded at once: enough to see an attack, too few to fill a disk with it.
const BURST: u32 = 100;
/// How many more each second.
const PER_SECOND: u64 = 5;

/// Writes denied attempts to their table.
pub(crate) struct DeniedNotices {
    pool: PgPool,
    left: Mutex<(u32, Instant)>,
}

impl DeniedNotices {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, left: Mutex::new((BURST, Instant::now())) }
    }

    /// Records why a notification had no effect. It has none, whether or not this succeeds.
    pub(crate) async fn record(&self, tenant: Option<&TenantId>, reason: &str) {
        let request_id = Uuid::now_v7().to_string();
        tracing::warn!(reason, request_id, "A payment provider's notification was turned away");
        if !self.take() {
            return;
        }
        let attempt = DeniedAttempt {
            reason,
            method: "POST",
            route: ROUTE,
            key_prefix: None,
            tenant: tenant.map(TenantId::as_str),
            request_id: &request_id,
        };
        if let Err(err) = denied::record(&self.pool, clock::now(), attempt).await {
            tracing::warn!("A denied notification was not recorded: {err}");
        }
    }

    fn take(&self) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, since) = *left;
        let earned = since.elapsed().as_secs().saturating_mul(PER_SECOND);
        let tokens = tokens.saturating_add(u32::try_from(earned).unwrap_or(u32::MAX)).min(BURST);
        let since = if earned > 0 { Instant::now() } else { since };
        *left = (tokens.saturating_sub(1), since);
        drop(left);
        tokens > 0
    }
}
