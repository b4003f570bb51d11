//! The record of requests that were turned away.

use kontor_commands::clock;
use sqlx::PgPool;

use crate::{
    limits::{Buckets, Rate},
    problem::chain,
};

/// How many denied attempts are recorded: enough to see an attack, too few to fill a disk with it.
const RECORDED: (u32, u32) = (5, 100);

/// A request that was turned away. It holds no secret.
pub(crate) struct DeniedAttempt<'a> {
    pub(crate) reason: &'a str,
    pub(crate) method: &'a str,
    /// The route's template.
    pub(crate) route: &'a str,
    pub(crate) key_prefix: Option<&'a str>,
    pub(crate) tenant: Option<&'a str>,
    pub(crate) request_id: &'a str,
}

/// Writes denied attempts to their table, at a bounded rate.
pub(crate) struct DeniedAttempts {
    pool: PgPool,
    rate: Buckets<()>,
}

impl DeniedAttempts {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, rate: Buckets::new(Rate::new(RECORDED.0, RECORDED.1)) }
    }

    /// Records an attempt. The caller is turned away whether or not this succeeds.
    pub(crate) async fn record(&self, attempt: DeniedAttempt<'_>) {
        if self.rate.take(&()).is_err() {
            tracing::warn!(reason = attempt.reason, "denied attempt not recorded: too many");
            return;
        }
        let written = sqlx::query(
            "insert into denied_attempts (at, reason, method, route, key_prefix, tenant, \
             request_id) values ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(clock::now())
        .bind(attempt.reason)
        .bind(attempt.method)
        .bind(attempt.route)
        .bind(attempt.key_prefix)
        .bind(attempt.tenant)
        .bind(attempt.request_id)
        .execute(&self.pool)
        .await;
        if let Err(err) = written {
            tracing::warn!(error = %chain(&err), "denied attempt not recorded");
        }
    }
}
