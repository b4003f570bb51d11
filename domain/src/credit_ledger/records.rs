//! What a ledger remembers of spends, holds, refunds and disputes, so that they can be undone once.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    BooksDefect, DisputeOutcome, Slice,
    canary::{Canary, is_broken},
    grant::share,
};
use crate::Money;

/// A spend, and what was given back of it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct SpendState {
    pub(super) spend_id: Uuid,
    pub(super) messages: i64,
    pub(super) slices: Vec<SpentSlice>,
    pub(super) reversals: Vec<Reversal>,
    /// It became of a hold.
    pub(super) from_hold: bool,
}

/// What was taken from one grant.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct SpentSlice {
    pub(super) taken: Slice,
    pub(super) returned: i64,
    pub(super) returned_minor: i64,
}

/// A reversal that was made.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Reversal {
    pub(super) reversal_id: Uuid,
    pub(super) credits: i64,
}

impl SpendState {
    /// A spend of which nothing was given back.
    pub(super) fn new(spend_id: Uuid, messages: i64, slices: &[Slice]) -> Self {
        let slices = slices
            .iter()
            .map(|taken| SpentSlice { taken: *taken, returned: 0, returned_minor: 0 })
            .collect();
        Self { spend_id, messages, slices, reversals: vec![], from_hold: false }
    }

    /// What can still be given back, grant by grant.
    pub(super) fn rest(&self) -> Vec<Slice> {
        let rest = |slice: &SpentSlice| Slice {
            credits: slice.taken.credits.saturating_sub(slice.returned),
            ..slice.taken
        };
        self.slices.iter().map(rest).collect()
    }

    /// The money that goes back with so many credits of a grant, in proportion to what was earned
    /// with them and rounded on the running sum: the whole slice gives back what it took.
    pub(super) fn returning(&self, part: &Slice) -> Result<Slice, BooksDefect> {
        let slice = self.slice(part.grant_id).ok_or(BooksDefect::UnknownSlice)?;
        let Some(earned) = slice.taken.value else { return Ok(Slice { value: None, ..*part }) };
        let returned = slice.returned.checked_add(part.credits).ok_or(BooksDefect::Overflow)?;
        let all = share(earned.amount_minor, returned, slice.taken.credits);
        let minor = all.and_then(|all| all.checked_sub(slice.returned_minor));
        let minor = minor.ok_or(BooksDefect::Overflow)?;
        Ok(Slice { value: Some(Money::new(minor, earned.currency)), ..*part })
    }

    /// Notes what was given back.
    pub(super) fn give_back(&mut self, part: &Slice) -> Result<(), BooksDefect> {
        if is_broken(Canary::ReverseAgain) {
            return Ok(());
        }
        let slice = self
            .slices
            .iter_mut()
            .find(|slice| slice.taken.grant_id == part.grant_id)
            .ok_or(BooksDefect::UnknownSlice)?;
        let minor = part.value.map_or(0, |value| value.amount_minor);
        let returned = slice.returned.checked_add(part.credits);
        let returned_minor = slice.returned_minor.checked_add(minor);
        slice.returned = returned.ok_or(BooksDefect::Overflow)?;
        slice.returned_minor = returned_minor.ok_or(BooksDefect::Overflow)?;
        if slice.returned > slice.taken.credits {
            return Err(BooksDefect::ReturnedTooMuch);
        }
        Ok(())
    }

    fn slice(&self, grant_id: Uuid) -> Option<&SpentSlice> {
        self.slices.iter().find(|slice| slice.taken.grant_id == grant_id)
    }
}

/// Credits that wait for a delivery.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct HoldState {
    pub(super) messages: i64,
    pub(super) credits: i64,
    pub(super) slices: Vec<Slice>,
    pub(super) pass_id: Option<Uuid>,
    pub(super) expires_at: DateTime<Utc>,
}

/// A hold that gave its credits back.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct ReleasedHold {
    pub(super) hold_id: Uuid,
    /// Its credits were given back because nobody captured it in time.
    pub(super) timed_out: bool,
}

/// A refund.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct RefundState {
    pub(super) refund_id: Uuid,
    pub(super) slice: Slice,
    /// Its money came back.
    pub(super) returned: bool,
    /// What was paid back, where that is not what the credits were worth.
    #[serde(default)]
    pub(super) paid_back: Option<Money>,
    /// It ended a pass.
    #[serde(default)]
    pub(super) ended_pass: bool,
}

impl RefundState {
    /// A refund that is booked.
    pub(super) fn new(refund_id: Uuid, slice: Slice) -> Self {
        Self { refund_id, slice, returned: false, paid_back: None, ended_pass: false }
    }
}

/// A dispute.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct DisputeState {
    pub(super) grant_id: Uuid,
    pub(super) amount: Money,
    pub(super) opened_at: DateTime<Utc>,
    /// How it ended, once it did.
    pub(super) outcome: Option<DisputeOutcome>,
}
