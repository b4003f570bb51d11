//! What a provider or a bank says moved within one month: the lines of its files, as facts.
//!
//! A stream holds one source's month. A line has an id that follows from what it says, so the same
//! line is known again in whatever file it comes: a file that comes twice, or overlaps another one,
//! records nothing that is there. What may be filled in later, such as the payout that a line went
//! into, is kept from all files together; the order in which they come makes no difference.
//!
//! Nothing here is judged. Whether a line fits what Kontor knows is for the reconciliation.

mod command;
mod decide;
mod event;
mod refusal;
mod state;
mod terms;

pub use command::{ProviderStatementCommand, Record};
pub use event::{LinesRecorded, ProviderStatementEvent};
pub use refusal::ProviderStatementRefusal;
pub use state::ProviderStatement;
pub use terms::{
    LINES_AT_ONCE_MAX, LineKind, RecordedLine, StatementFile, StatementLine, StatementSource,
};

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use uuid::Uuid;

use crate::TenantId;

/// The month that an instant belongs to, as its first day: by UTC, so that a changed time zone moves
/// no line.
pub fn month_of(at: DateTime<Utc>) -> NaiveDate {
    let day = at.date_naive();
    day.with_day(1).unwrap_or(day)
}

/// The stream of one source's month.
pub fn provider_statement_id(tenant: &TenantId, source: StatementSource, month: NaiveDate) -> Uuid {
    let name = format!("statement:{}:{}", source.name(), month.format("%Y-%m"));
    Uuid::new_v5(&tenant.stream_id(), name.as_bytes())
}

#[cfg(test)]
mod tests;
