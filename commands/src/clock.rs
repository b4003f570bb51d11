//! The one place where the wall clock is read.

use chrono::{DateTime, SubsecRound, Utc};

/// The current instant in whole microseconds, the precision of PostgreSQL, so that an instant
/// reads back from the log as it was written.
#[expect(clippy::disallowed_methods, reason = "adapters take the time from here and nowhere else")]
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(6)
}
