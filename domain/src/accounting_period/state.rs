//! What a tenant's months must know to decide.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use cqrs_es::{Aggregate, event_sink::EventSink};
use serde::{Deserialize, Serialize};

use super::{
    AccountingPeriodCommand, AccountingPeriodEvent, AccountingPeriodRefusal, ClosedBounds, Month,
    Part, Sum,
};
use crate::{
    Issued,
    credit_ledger::{BookAccount, Unit},
    decider::decide_into,
};

/// What a month counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// Its first instant.
    pub starts_at: DateTime<Utc>,
    /// The first instant behind it.
    pub ends_at: DateTime<Utc>,
    /// The position of the log up to which it counts.
    pub position: i64,
    /// That of the month before; none for the first one that is closed, where all that holds from
    /// before is its opening.
    pub previous_position: Option<i64>,
}

impl Bounds {
    /// Where a line counts; none when in a later month.
    pub fn part_of(&self, effective_at: DateTime<Utc>, position: i64) -> Option<Part> {
        if effective_at >= self.ends_at || position > self.position {
            return None;
        }
        if effective_at >= self.starts_at {
            return Some(Part::Month);
        }
        let is_late = self.previous_position.is_some_and(|previous| position > previous);
        Some(if is_late { Part::Late } else { Part::Opening })
    }
}

/// A closed month.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct ClosedMonth {
    pub(super) month: Month,
    pub(super) ends_at: DateTime<Utc>,
    pub(super) position: i64,
    /// What was on the accounts; those with nothing on them are left out.
    pub(super) closing: Vec<(BookAccount, Unit, Sum)>,
}

/// The aggregate of a tenant's months.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct AccountingPeriods {
    /// The closed months without a gap, the last one at the end.
    pub(super) closed: Vec<ClosedMonth>,
    /// How often each month was closed.
    pub(super) revisions: BTreeMap<Month, i64>,
    /// The furthest position that any close counted to, also of one that was opened again.
    pub(super) position: i64,
    /// Who asked to open the last closed month again.
    pub(super) reopen_requested_by: Option<String>,
}

impl AccountingPeriods {
    /// The first and the last instant of a month that comes after the closed ones. It begins where the
    /// last closed one ended, whatever has become of the tenant's time zone since.
    pub fn span(
        last_ends_at: Option<DateTime<Utc>>,
        month: Month,
        zone: Tz,
    ) -> (DateTime<Utc>, DateTime<Utc>) {
        (last_ends_at.unwrap_or_else(|| month.begins(zone)), month.next().begins(zone))
    }

    /// The closed months in their order, as far as placing bookings is concerned.
    pub fn closed_bounds(&self) -> Vec<ClosedBounds> {
        let bounds = self.closed.iter().map(|closed| ClosedBounds {
            month: closed.month,
            ends_at: closed.ends_at,
            position: closed.position,
        });
        bounds.collect()
    }

    /// The last closed month.
    pub(super) fn last(&self) -> Option<&ClosedMonth> {
        self.closed.last()
    }
}

impl Aggregate for AccountingPeriods {
    const TYPE: &'static str = "accounting_period";

    type Command = Issued<AccountingPeriodCommand>;
    type Event = AccountingPeriodEvent;
    type Error = AccountingPeriodRefusal;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &Self::Services,
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        decide_into(self, command, sink).await
    }

    fn apply(&mut self, event: AccountingPeriodEvent) {
        use AccountingPeriodEvent as E;
        match event {
            E::Closed(closed) => {
                let books = closed.books;
                let rows = books.figures.accounts.iter();
                let closing = rows
                    .filter(|row| row.closing != Sum(0))
                    .map(|row| (row.account, row.unit, row.closing));
                self.closed.push(ClosedMonth {
                    month: books.month,
                    ends_at: books.ends_at,
                    position: books.position,
                    closing: closing.collect(),
                });
                self.revisions.insert(books.month, books.revision);
                self.position = self.position.max(books.position);
            }
            E::ReopenRequested(requested) => self.reopen_requested_by = Some(requested.by),
            E::ReopenDeclined(_) => self.reopen_requested_by = None,
            E::Reopened(reopened) => {
                self.reopen_requested_by = None;
                self.closed.retain(|closed| closed.month < reopened.month);
            }
        }
    }
}
