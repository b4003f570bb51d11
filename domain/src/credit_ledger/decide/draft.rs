//! A decision in the making: the ledger as it will be, and the events that lead there.

use chrono::{DateTime, SubsecRound, TimeZone, Utc};
use cqrs_es::Aggregate;
use uuid::Uuid;

use crate::{
    Actor, Issued, TenantId,
    credit_ledger::{
        Booking, BooksDefect, CreditLedger, CreditLedgerCommand, CreditLedgerEvent,
        CreditLedgerRefusal, CreditRules,
        chain::{Head, head_after},
        postings,
    },
};

/// The first year of the books and the first after them: instants that every tool can read.
const YEARS: (i32, i32) = (2000, 3000);

/// The decimals of a second that the log keeps.
const SECOND_DECIMALS: u16 = 6;

pub(super) struct Draft<'a> {
    ledger: CreditLedger,
    events: Vec<CreditLedgerEvent>,
    actor: &'a Actor,
    /// When it is booked.
    pub(super) at: DateTime<Utc>,
    /// How many credits there were after the last booking.
    pub(super) kept_before: i64,
    /// The ledger's own id.
    pub(super) id: Uuid,
    pub(super) rules: &'a CreditRules,
    pub(super) tenant: &'a TenantId,
}

impl<'a> Draft<'a> {
    pub(super) fn new(
        ledger: CreditLedger,
        issued: &'a Issued<CreditLedgerCommand>,
    ) -> Result<Self, CreditLedgerRefusal> {
        check_instant("issued_at", issued.at)?;
        let at = issued.at.trunc_subsecs(SECOND_DECIMALS);
        Ok(Self {
            // The books never go back in time.
            at: ledger.last_at.map_or(at, |last_at| at.max(last_at)),
            kept_before: ledger.last_at.map_or(0, |last_at| ledger.kept(last_at)),
            ledger,
            events: vec![],
            actor: &issued.actor,
            id: issued.id,
            rules: &issued.tenant.credit_rules,
            tenant: &issued.tenant.id,
        })
    }

    /// The ledger after what was booked so far.
    pub(super) fn ledger(&self) -> &CreditLedger {
        &self.ledger
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// What was booked, and the ledger with it.
    pub(super) fn into_parts(self) -> (Vec<CreditLedgerEvent>, CreditLedger) {
        (self.events, self.ledger)
    }

    /// A booking to be filled in.
    pub(super) fn blank(&self) -> Booking {
        let number = self.ledger.end.length.saturating_add(1);
        Booking { number, at: self.at, entries: vec![], head: Head::GENESIS }
    }

    /// Books a fact: its entries, its head, and the check of the books with it.
    pub(super) fn book(
        &mut self,
        event: impl Into<CreditLedgerEvent>,
    ) -> Result<(), CreditLedgerRefusal> {
        let mut event = event.into();
        let number = event.booking().number;
        let broken = |reason| CreditLedgerRefusal::BooksBroken { number, reason };
        let entries = postings::of(&event, &self.ledger).map_err(broken)?;
        event.booking_mut().entries = entries;
        let head = head_after(self.ledger.end.head, self.actor, &event);
        event.booking_mut().head = head.ok_or(broken(BooksDefect::Overflow))?;
        self.ledger.apply(event.clone());
        if let Some(found) = &self.ledger.broken {
            return Err(broken(found.defect.clone()));
        }
        self.events.push(event);
        Ok(())
    }

    /// The refusal of a defect that was found before a fact was booked.
    pub(super) fn defect(&self, reason: BooksDefect) -> CreditLedgerRefusal {
        CreditLedgerRefusal::BooksBroken { number: self.blank().number, reason }
    }
}

/// Checks that a figure lies in a range.
pub(super) fn check_range(
    field: &str,
    figure: i64,
    (min, max): (i64, i64),
) -> Result<(), CreditLedgerRefusal> {
    if (min..=max).contains(&figure) {
        return Ok(());
    }
    Err(CreditLedgerRefusal::OutOfRange { field: field.to_owned(), min, max })
}

/// Checks that an instant lies in the years of the books.
pub(super) fn check_instant(field: &str, at: DateTime<Utc>) -> Result<(), CreditLedgerRefusal> {
    let new_year = |year| Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).single().unwrap_or_default();
    let (after, before) = (new_year(YEARS.0), new_year(YEARS.1));
    if after < at && at < before {
        return Ok(());
    }
    Err(CreditLedgerRefusal::InstantOutOfRange { field: field.to_owned(), after, before })
}

/// Checks that an instant lies in the years of the books, and behind another one.
pub(super) fn check_later(
    field: &str,
    at: DateTime<Utc>,
    after: DateTime<Utc>,
) -> Result<(), CreditLedgerRefusal> {
    match check_instant(field, at) {
        Ok(()) if at > after => Ok(()),
        Ok(()) => {
            let before = Utc.with_ymd_and_hms(YEARS.1, 1, 1, 0, 0, 0).single().unwrap_or_default();
            let field = field.to_owned();
            Err(CreditLedgerRefusal::InstantOutOfRange { field, after, before })
        }
        Err(refusal) => Err(refusal),
    }
}
