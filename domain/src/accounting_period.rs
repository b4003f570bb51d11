//! The months of a tenant's books: closed in order, with a report whose hash stands in the log, and
//! opened again only by two people.
//!
//! A close counts what holds before the end of its month and stands in the log up to a position. What
//! is booked later and holds within a closed month is a *late entry*: it keeps its date, and counts in
//! the first month that is still open. So each booking counts in exactly one month, and the reports
//! of all closed months together with what is open are the books.
//!
//! One stream holds all months of a tenant, because whether a month may be closed or opened again
//! depends on its neighbours. The figures come with the command; here is checked that they go on from
//! the month before, that they add up, and that nothing is passed over in silence.

mod close;
mod command;
mod decide;
mod event;
mod figures;
mod month;
mod placement;
mod refusal;
mod report;
mod state;
mod terms;

pub use command::{AccountingPeriodCommand, ApproveReopen, Close, DeclineReopen, RequestReopen};
pub use event::{AccountingPeriodEvent, Closed, ReopenDeclined, ReopenRequested, Reopened};
pub use figures::{AccountFigures, Figures, Line, Part, PaymentFigures, PaymentKind, Tally};
pub use month::Month;
pub use placement::{ClosedBounds, Placement, placement};
pub use refusal::AccountingPeriodRefusal;
pub use report::{Ledgers, PeriodBooks};
pub use state::{AccountingPeriods, Bounds};
pub use terms::{
    Acknowledgement, AcknowledgementReason, Check, Finding, ReopenReason, SealNamed, Sum,
};

use uuid::Uuid;

use crate::TenantId;

/// The stream of a tenant's months.
pub fn accounting_period_id(tenant: &TenantId) -> Uuid {
    Uuid::new_v5(&tenant.stream_id(), b"accounting_periods")
}

#[cfg(test)]
mod tests;
