//! Whether a month may be closed, with these figures.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use super::{
    AccountFigures, AccountingPeriodEvent, AccountingPeriodRefusal as No, AccountingPeriods, Check,
    Close, Closed, Month, PeriodBooks, Sum,
    decide::{Decision, check_reference},
};
use crate::{TenantFacts, credit_ledger::Unit};

/// The most rows that the figures of a month may have: the whole chart in some forty units.
const ROWS_MAX: usize = 1_000;

impl AccountingPeriods {
    pub(super) fn close(
        &self,
        close: Close,
        by: String,
        (at, tenant): (DateTime<Utc>, &TenantFacts),
    ) -> Decision {
        let month = close.month;
        self.check_next(month)?;
        let last_ends_at = self.last().map(|last| last.ends_at);
        let (starts_at, ends_at) = Self::span(last_ends_at, month, tenant.time_zone);
        if at < ends_at {
            return Err(No::MonthNotOver { month, ends_at });
        }
        self.check_is_current(&close, (starts_at, ends_at))?;
        self.check_figures(&close)?;
        check_findings(&close)?;
        let revision = self.revisions.get(&month).copied().unwrap_or(0).saturating_add(1);
        let Close { position, previous_position, ledgers, figures, .. } = close;
        let time_zone = tenant.time_zone.name().to_owned();
        let books = PeriodBooks {
            month,
            revision,
            time_zone,
            starts_at,
            ends_at,
            position,
            previous_position,
            ledgers,
            figures,
        };
        let report_sha256 = books.report_sha256(&tenant.id);
        let Close { seal, findings, acknowledged, .. } = close;
        let closed = Closed { by, books, report_sha256, seal, findings, acknowledged };
        Ok(vec![AccountingPeriodEvent::Closed(Box::new(closed))])
    }

    /// Months are closed in order, and not while it is open whether the last one stays closed. The
    /// first one may be any, and stays the first when it is opened again: a month that was reported
    /// must not become the opening of another one.
    fn check_next(&self, month: Month) -> Result<(), No> {
        let Some(last) = self.last() else {
            return match self.revisions.keys().next() {
                Some(&next) if next != month => Err(No::NotNext { next }),
                Some(_) | None => Ok(()),
            };
        };
        if self.closed.iter().any(|closed| closed.month == month) {
            return Err(No::AlreadyClosed { month });
        }
        let next = last.month.next();
        if month != next {
            return Err(No::NotNext { next });
        }
        match self.reopen_requested_by {
            Some(_) => Err(No::ReopenRequested { month: last.month }),
            None => Ok(()),
        }
    }

    /// The figures were made with what stands here, and lie behind everything that was closed.
    fn check_is_current(
        &self,
        close: &Close,
        (starts_at, ends_at): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<(), No> {
        let outdated = |field: &str| No::Outdated { field: field.to_owned() };
        if close.starts_at != starts_at || close.ends_at != ends_at {
            return Err(outdated("starts_at, ends_at"));
        }
        if close.previous_position != self.last().map(|last| last.position) {
            return Err(outdated("previous_position"));
        }
        if close.position < self.position || close.position < 0 {
            return Err(outdated("position"));
        }
        match close.seal {
            Some(seal) if seal.position > close.position => Err(outdated("seal")),
            Some(_) | None => Ok(()),
        }
    }

    /// The figures go on from the month before, and add up account by account and in each unit.
    fn check_figures(&self, close: &Close) -> Result<(), No> {
        let wrong = |field: &str| Err(No::FiguresWrong { field: field.to_owned() });
        let figures = &close.figures;
        if figures.accounts.len() > ROWS_MAX || figures.payments.len() > ROWS_MAX {
            let expected = format!("up to {ROWS_MAX} rows");
            return Err(No::FieldOutOfRange { field: "figures".to_owned(), expected });
        }
        let opened = figures.accounts.iter().filter(|row| row.opening != Sum(0));
        let opened: Vec<_> = opened.map(|row| (row.account, row.unit, row.opening)).collect();
        if self.last().is_some_and(|last| last.closing != opened) {
            return wrong("opening");
        }
        if !figures.accounts.is_sorted_by(|one, other| place(one) < place(other)) {
            return wrong("accounts");
        }
        if !figures.accounts.iter().all(adds_up) {
            return wrong("closing");
        }
        let mut sums = BTreeMap::<Unit, (i128, i128)>::new();
        for row in &figures.accounts {
            let (opening, moved) = sums.entry(row.unit).or_default();
            *opening = opening.saturating_add(row.opening.0);
            *moved = moved.saturating_add(row.debits.0).saturating_sub(row.credits.0);
        }
        if sums.values().any(|sums| *sums != (0, 0)) {
            return wrong("sums");
        }
        if figures.late_bookings < 0 || figures.late_bookings > figures.bookings {
            return wrong("bookings");
        }
        Ok(())
    }
}

fn place(row: &AccountFigures) -> (crate::credit_ledger::BookAccount, Unit) {
    (row.account, row.unit)
}

fn adds_up(row: &AccountFigures) -> bool {
    let moved =
        row.opening.0.checked_add(row.debits.0).and_then(|it| it.checked_sub(row.credits.0));
    let side = |late: Sum, all: Sum| late.0 >= 0 && late.0 <= all.0;
    moved == Some(row.closing.0)
        && side(row.late_debits, row.debits)
        && side(row.late_credits, row.credits)
}

/// What a check found is known to whoever closes the month, or stands against it.
fn check_findings(close: &Close) -> Result<(), No> {
    for acknowledged in &close.acknowledged {
        check_reference("acknowledged.reference", acknowledged.reference.as_deref())?;
    }
    let found: BTreeSet<Check> =
        close.findings.iter().filter(|it| it.count > 0).map(|it| it.check).collect();
    let blocking: Vec<Check> = found.iter().copied().filter(|it| it.is_blocking()).collect();
    if !blocking.is_empty() {
        return Err(No::Blocked { checks: blocking });
    }
    let known: BTreeSet<Check> = close.acknowledged.iter().map(|it| it.check).collect();
    let checks: Vec<Check> = found.difference(&known).copied().collect();
    if checks.is_empty() { Ok(()) } else { Err(No::NotAcknowledged { checks }) }
}
