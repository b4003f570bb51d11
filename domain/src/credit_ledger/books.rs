//! The laws of the books, checked whenever an event is made and whenever one is read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    BookAccount, CreditLedger, CreditLedgerEvent, Entry, Slice, Unit,
    chart::Sides,
    grant::{GrantState, PassState},
};

/// How the books of a ledger do not hold.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "defect", rename_all = "snake_case")]
pub enum BooksDefect {
    /// An event is missing or stands twice.
    #[error("number {expected} should come next, but {found} does")]
    Number {
        /// The number that should come.
        expected: i64,
        /// The number that came.
        found: i64,
    },
    /// An event is older than the one before it.
    #[error("it was booked before the event in front of it")]
    TimeWentBack,
    /// The entries of an event do not add up to zero.
    #[error("the entries in {unit} do not add up to zero")]
    Unbalanced {
        /// What they count.
        unit: Unit,
    },
    /// An entry is nothing, or counts what its account does not count, or stands on an account that
    /// this event may not touch from this side.
    #[error("an entry does not fit the chart of accounts")]
    OffChart {
        /// The account.
        account: BookAccount,
    },
    /// The entries say something else than the facts.
    #[error("the entries of {grant_id} do not say what the facts say")]
    EntriesDiffer {
        /// The grant or pass.
        grant_id: Uuid,
    },
    /// The entries of the debt say something else than the facts.
    #[error("the entries of the debt do not say what the facts say")]
    DebtDiffers,
    /// A credit is lost or doubled, or money that was paid is.
    #[error("the credits or the money of {grant_id} do not add up to what was issued and paid")]
    LawBroken {
        /// The grant or pass.
        grant_id: Uuid,
    },
    /// An event speaks of a grant, a pass, a hold or a spend that the ledger does not know.
    #[error("it speaks of {id}, which is not there")]
    Unknown {
        /// Its id.
        id: Uuid,
    },
    /// A grant or a pass with this id is there already, or makes no sense.
    #[error("{id} cannot be added")]
    Misplaced {
        /// Its id.
        id: Uuid,
    },
    /// Something is given back of a grant that it was not taken from.
    #[error("it gives back to a grant that it was not taken from")]
    UnknownSlice,
    /// More is given back than was taken.
    #[error("it gives back more than was taken")]
    ReturnedTooMuch,
    /// The ledger is opened twice, or not at all.
    #[error("a ledger begins with its opening, and has one")]
    Opening,
    /// A figure is too large.
    #[error("a figure is too large")]
    Overflow,
}

/// What the entries of a grant or pass must account for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Figures {
    available: i64,
    held: i64,
    deferred_minor: i64,
}

impl From<&GrantState> for Figures {
    fn from(grant: &GrantState) -> Self {
        let GrantState { available, held, deferred_minor, .. } = *grant;
        Self { available, held, deferred_minor }
    }
}

impl From<&PassState> for Figures {
    fn from(pass: &PassState) -> Self {
        Self { available: 0, held: 0, deferred_minor: pass.deferred_minor }
    }
}

/// The figures of a ledger before an event, to hold the event against.
pub(super) struct Before {
    figures: BTreeMap<Uuid, Figures>,
    owed: i64,
}

impl Before {
    /// Notes what an event is going to touch, by its facts or by its entries.
    pub(super) fn of(ledger: &CreditLedger, event: &CreditLedgerEvent) -> Self {
        let entries = event.booking().entries.iter().filter_map(|entry| entry.grant_id);
        let touched: BTreeSet<Uuid> = entries.chain(touched_by(event)).collect();
        let figures = touched.into_iter().map(|id| (id, figures(ledger, id))).collect();
        Self { figures, owed: ledger.owed }
    }

    /// Checks that what changed is what the entries say, and that the laws hold afterwards.
    pub(super) fn check(
        &self,
        ledger: &CreditLedger,
        entries: &[Entry],
    ) -> Result<(), BooksDefect> {
        for (grant_id, before) in &self.figures {
            let after = figures(ledger, *grant_id);
            let moved = moved(entries, *grant_id)?;
            let expected = Figures {
                available: add(before.available, moved.available)?,
                held: add(before.held, moved.held)?,
                deferred_minor: add(before.deferred_minor, moved.deferred_minor)?,
            };
            if after != expected {
                return Err(BooksDefect::EntriesDiffer { grant_id: *grant_id });
            }
            let lawful = ledger.grants.get(grant_id).is_none_or(GrantState::obeys_the_law)
                && ledger.passes.get(grant_id).is_none_or(PassState::obeys_the_law);
            if !lawful {
                return Err(BooksDefect::LawBroken { grant_id: *grant_id });
            }
        }
        let mut owed = self.owed;
        for entry in entries.iter().filter(|entry| entry.account == BookAccount::Receivable) {
            owed = add(owed, entry.amount)?;
        }
        if owed != ledger.owed || owed < 0 {
            return Err(BooksDefect::DebtDiffers);
        }
        Ok(())
    }
}

/// Checks the entries of an event for themselves: the chart, the sides, the sums.
pub(super) fn check_entries(event: &CreditLedgerEvent) -> Result<(), BooksDefect> {
    let sides = Sides::of(event);
    let mut sums: BTreeMap<Unit, i64> = BTreeMap::new();
    for entry in &event.booking().entries {
        let side = if entry.amount > 0 { sides.debits } else { sides.credits };
        if !entry.fits_chart() || !side.contains(&entry.account) {
            return Err(BooksDefect::OffChart { account: entry.account });
        }
        let sum = sums.entry(entry.unit).or_default();
        *sum = add(*sum, entry.amount)?;
    }
    match sums.into_iter().find(|(_, sum)| *sum != 0) {
        Some((unit, _)) => Err(BooksDefect::Unbalanced { unit }),
        None => Ok(()),
    }
}

/// A sum, or the defect that it is too large.
pub(super) fn add(one: i64, other: i64) -> Result<i64, BooksDefect> {
    one.checked_add(other).ok_or(BooksDefect::Overflow)
}

/// What the entries say about a grant or pass: liabilities grow by credits.
fn moved(entries: &[Entry], grant_id: Uuid) -> Result<Figures, BooksDefect> {
    let mut moved = Figures::default();
    for entry in entries.iter().filter(|entry| entry.grant_id == Some(grant_id)) {
        let figure = match entry.account {
            BookAccount::PaidCredits | BookAccount::PromoCredits => &mut moved.available,
            BookAccount::HeldCredits => &mut moved.held,
            BookAccount::DeferredRevenue => &mut moved.deferred_minor,
            BookAccount::UsagePasses
            | BookAccount::Receivable
            | BookAccount::IssuedPaid
            | BookAccount::IssuedPromo
            | BookAccount::Consumed
            | BookAccount::Expired
            | BookAccount::Revoked
            | BookAccount::WrittenOff
            | BookAccount::ClearingStripe
            | BookAccount::ClearingYookassa
            | BookAccount::ClearingTelegramStars
            | BookAccount::ClearingManual
            | BookAccount::DisputeReserve
            | BookAccount::IncomeMessages
            | BookAccount::IncomePasses
            | BookAccount::IncomeBreakage
            | BookAccount::IncomeRecovered
            | BookAccount::BadDebt
            | BookAccount::InTransit
            | BookAccount::Bank
            | BookAccount::ProviderFees
            | BookAccount::Differences
            | BookAccount::UsageMessages => continue,
        };
        *figure = figure.checked_sub(entry.amount).ok_or(BooksDefect::Overflow)?;
    }
    Ok(moved)
}

fn figures(ledger: &CreditLedger, id: Uuid) -> Figures {
    let grant = ledger.grants.get(&id).map(Figures::from);
    grant.or_else(|| ledger.passes.get(&id).map(Figures::from)).unwrap_or_default()
}

/// The grants and passes that an event speaks of, whatever its entries say.
fn touched_by(event: &CreditLedgerEvent) -> Vec<Uuid> {
    use CreditLedgerEvent as E;
    let ids = |slices: &[Slice]| slices.iter().map(|slice| slice.grant_id).collect();
    match event {
        E::Opened(_) | E::DebtWrittenOff(_) | E::Adjusted(_) | E::Low(_) | E::ResetBegun(_) => {
            vec![]
        }
        E::Granted(granted) => vec![granted.grant_id],
        E::PassGranted(granted) => vec![granted.pass_id],
        E::Spent(spent) => ids(&spent.slices),
        E::Held(held) => ids(&held.slices),
        E::HoldCaptured(captured) => ids(&[&*captured.slices, &captured.released].concat()),
        E::HoldReleased(released) => ids(&released.slices),
        E::SpendReversed(reversed) => ids(&reversed.slices),
        E::GrantExpired(expired) => vec![expired.slice.grant_id],
        E::GrantRefunded(refunded) => vec![refunded.slice.grant_id],
        E::PartRefunded(part) => vec![part.slice.grant_id],
        E::RefundReturned(returned) => vec![returned.slice.grant_id],
        E::GrantRevoked(revoked) => vec![revoked.slice.grant_id],
        E::DisputeOpened(opened) => vec![opened.grant_id],
        E::DisputeClosed(closed) => vec![closed.grant_id],
        E::DebtCovered(covered) => vec![covered.slice.grant_id],
        E::PassRecognised(recognised) => vec![recognised.pass_id],
        E::PassRefunded(refunded) => vec![refunded.pass_id],
    }
}
