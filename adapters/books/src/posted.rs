//! A booking as it comes from the log, and as the files need it.

use chrono::{DateTime, NaiveDate, Utc};
use kontor_domain::{
    EventBody,
    accounting_period::{ClosedBounds, Month, Placement, placement},
    credit_ledger::{CreditLedgerEvent, Unit},
};
use uuid::Uuid;

/// A booking with its place in the log.
#[derive(Clone, Copy, Debug)]
pub struct Posted<'a> {
    /// The position in the log.
    pub position: i64,
    /// The id of the event.
    pub event_id: Uuid,
    /// The ledger of one customer.
    pub ledger_id: Uuid,
    /// The command that led to it.
    pub command_id: Uuid,
    /// When the log accepted it. The books are dated by this: it never goes back in the log, while a
    /// booking may say that it holds from an earlier time on.
    pub recorded_at: DateTime<Utc>,
    /// What was booked.
    pub event: &'a CreditLedgerEvent,
}

impl Posted<'_> {
    /// The kind of booking: the event's type without its aggregate, such as `spent`.
    pub(crate) fn kind(&self) -> &'static str {
        let name = self.event.wire_type();
        name.split_once('.').map_or(name, |(_, kind)| kind)
    }
}

/// A line of a booking under the account's name in the files.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// The account, segments parted by colons.
    pub(crate) account: String,
    /// Whether no line before this one named the account.
    pub(crate) is_new: bool,
    pub(crate) unit: Unit,
    /// Debits positive, credits negative, in whole minor units.
    pub(crate) amount: i64,
    /// What is on the account after this line.
    pub(crate) balance: i64,
    pub(crate) grant_id: Option<Uuid>,
}

/// A booking ready to be written.
pub(crate) struct Dated<'a> {
    pub(crate) posted: Posted<'a>,
    /// The day of the books, by the calendar of the tenant; never before that of the last booking.
    pub(crate) day: NaiveDate,
    /// The day from which it holds, when that is an earlier one.
    pub(crate) holds_from: Option<NaiveDate>,
    pub(crate) lines: Vec<Line>,
    /// The closed month that it came too late for, and the month in which it counts.
    pub(crate) late: Option<Late>,
}

/// What a late entry says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Late {
    /// The closed month from which on it holds.
    pub(crate) of: Month,
    /// The month in which it counts.
    pub(crate) counts_in: Month,
}

impl Late {
    /// Whether a booking came after the close of its month.
    pub(crate) fn find(closed: &[ClosedBounds], posted: &Posted<'_>) -> Option<Self> {
        match placement(closed, posted.event.effective_at(), posted.position) {
            Placement::Late { of, counts_in } => Some(Self { of, counts_in }),
            Placement::Closed(_) | Placement::Open => None,
        }
    }

    /// Both months as columns; empty for a booking that is not late.
    pub(crate) fn columns(late: Option<Self>) -> (String, String) {
        late.map(|it| (it.of.to_string(), it.counts_in.to_string())).unwrap_or_default()
    }
}
