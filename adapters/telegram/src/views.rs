//! Read models, as the followers that write messages look at them.

use std::time::Duration;

use kontor_projections::{ApplyError, QueryError, checkpoints};
use sqlx::PgPool;

/// How long an event waits for the read models that it needs; then the page is tried again.
const WAIT: Duration = Duration::from_secs(10);

/// Waits until the read models hold what led to an event.
pub(crate) async fn reach(pool: &PgPool, views: &[&str], position: i64) -> Result<(), ApplyError> {
    if checkpoints::wait_for(pool, views, position, WAIT).await.map_err(unread)? {
        return Ok(());
    }
    Err(ApplyError::Database(sqlx::Error::PoolTimedOut))
}

/// A read model that could not be read.
pub(crate) fn unread(error: QueryError) -> ApplyError {
    match error {
        QueryError::Database(error) => ApplyError::Database(error),
        QueryError::Cursor(error) => ApplyError::Event(Box::new(error)),
    }
}
