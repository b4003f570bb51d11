//! The table of requests that were turned away.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::{DatabaseError, error::failed};

/// A request that was turned away. It holds no secret.
#[derive(Clone, Copy, Debug)]
pub struct DeniedAttempt<'a> {
    /// Why, as a code.
    pub reason: &'a str,
    /// The request's method.
    pub method: &'a str,
    /// The route's template.
    pub route: &'a str,
    /// The public part of the key that was used.
    pub key_prefix: Option<&'a str>,
    /// The tenant that was named, when there was one.
    pub tenant: Option<&'a str>,
    /// Leads to the log lines of the request.
    pub request_id: &'a str,
}

/// Writes an attempt down. Whoever calls bounds how often.
///
/// # Errors
/// When the database fails.
pub async fn record(
    pool: &PgPool,
    at: DateTime<Utc>,
    attempt: DeniedAttempt<'_>,
) -> Result<(), DatabaseError> {
    sqlx::query(
        "insert into denied_attempts (at, reason, method, route, key_prefix, tenant, request_id) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(at)
    .bind(attempt.reason)
    .bind(attempt.method)
    .bind(attempt.route)
    .bind(attempt.key_prefix)
    .bind(attempt.tenant)
    .bind(attempt.request_id)
    .execute(pool)
    .await
    .map_err(failed("record a denied attempt"))?;
    Ok(())
}
