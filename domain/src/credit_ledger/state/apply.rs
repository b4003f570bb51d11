//! What each fact changes. Nothing is judged here; a figure that leaves its range is a defect.

use std::sync::Arc;

use uuid::Uuid;

use crate::credit_ledger::{
    BooksDefect, CreditLedger, CreditLedgerEvent, DisputeClosed, DisputeOpened, DisputeOutcome,
    GrantSource, Granted, Held, HoldCaptured, HoldReleased, PartRefunded, PassGranted,
    RefundReturned, ReleaseCause, Slice, SpendReversed, Spent,
    books::add,
    canary::{Canary, is_broken},
    grant::{Blocked, GrantState, PassState},
    records::{DisputeState, HoldState, RefundState, ReleasedHold, Reversal, SpendState},
    velocity::{DAY_MS, MINUTE_MS},
};

type Done = Result<(), BooksDefect>;

/// Moves credits of a grant from one place to another.
fn shift(from: &mut i64, to: &mut i64, credits: i64) -> Done {
    *from = from.checked_sub(credits).ok_or(BooksDefect::Overflow)?;
    *to = add(*to, credits)?;
    Ok(())
}

impl CreditLedger {
    pub(super) fn record_facts(&mut self, event: &CreditLedgerEvent) -> Done {
        use CreditLedgerEvent as E;
        if self.account_id.is_some() == matches!(event, E::Opened(_)) {
            return Err(BooksDefect::Opening);
        }
        match event {
            E::Opened(opened) => self.account_id = Some(opened.account_id),
            E::Granted(granted) => self.record_grant(granted)?,
            E::PassGranted(granted) => self.record_pass(granted)?,
            E::Spent(spent) => self.record_spend(spent)?,
            E::Held(held) => self.record_hold(held)?,
            E::HoldCaptured(captured) => self.record_capture(captured)?,
            E::HoldReleased(released) => self.record_release(released)?,
            E::SpendReversed(reversed) => self.record_reversal(reversed)?,
            E::GrantExpired(expired) => self.leave(&expired.slice, |grant| &mut grant.expired)?,
            E::GrantRefunded(refunded) => {
                let (refund_id, slice) = (refunded.refund_id, refunded.slice);
                self.leave(&slice, |grant| &mut grant.refunded)?;
                self.refunds.push_back(RefundState::new(refund_id, slice));
            }
            E::PartRefunded(part) => self.record_part(part)?,
            E::RefundReturned(returned) => self.record_return(returned)?,
            E::GrantRevoked(revoked) => self.leave(&revoked.slice, |grant| &mut grant.revoked)?,
            E::DisputeOpened(opened) => self.record_dispute(opened)?,
            E::DisputeClosed(closed) => self.record_dispute_end(closed)?,
            E::DebtCovered(covered) => {
                self.leave(&covered.slice, |grant| &mut grant.consumed)?;
                let credits = covered.slice.credits;
                self.owed = self.owed.checked_sub(credits).ok_or(BooksDefect::Overflow)?;
            }
            E::DebtWrittenOff(written) => {
                self.owed = self.owed.checked_sub(written.credits).ok_or(BooksDefect::Overflow)?;
            }
            E::PassRecognised(recognised) => {
                let pass = self.pass_mut(recognised.pass_id)?;
                pass.days_over = recognised.days;
                let minor = recognised.value.map_or(0, |value| value.amount_minor);
                let left = pass.deferred_minor.checked_sub(minor);
                pass.deferred_minor = left.ok_or(BooksDefect::Overflow)?;
            }
            E::PassRefunded(refunded) => {
                let pass = self.pass_mut(refunded.pass_id)?;
                pass.ended = true;
                let left = pass.deferred_minor.checked_sub(refunded.value.amount_minor);
                pass.deferred_minor = left.ok_or(BooksDefect::Overflow)?;
            }
            E::Adjusted(adjusted) => self.adjustments.push_back(adjusted.adjustment_id),
            E::Low(low) => self.low = Some(low.threshold),
            E::ResetBegun(begun) => {
                self.round = begun.round;
                (self.tutorial_rewarded, self.low) = (false, None);
            }
        }
        // Whoever owes has nothing to spend: what comes in goes to the debt first.
        let at = event.booking().at;
        if self.owed == 0 && self.low.is_some_and(|threshold| self.kept(at) > threshold) {
            self.low = None;
        }
        Ok(())
    }

    fn grant_mut(&mut self, id: Uuid) -> Result<&mut GrantState, BooksDefect> {
        self.grants.get_mut(&id).ok_or(BooksDefect::Unknown { id })
    }

    fn pass_mut(&mut self, id: Uuid) -> Result<&mut PassState, BooksDefect> {
        self.passes.get_mut(&id).ok_or(BooksDefect::Unknown { id })
    }

    /// Credits leave a grant for good, and take their money along.
    fn leave(&mut self, slice: &Slice, to: fn(&mut GrantState) -> &mut i64) -> Done {
        let grant = self.grant_mut(slice.grant_id)?;
        grant.available =
            grant.available.checked_sub(slice.credits).ok_or(BooksDefect::Overflow)?;
        let place = to(grant);
        *place = add(*place, slice.credits)?;
        grant.earn(slice.value)
    }

    /// A part of the price went back; a pass ends with the last of it.
    fn record_part(&mut self, part: &PartRefunded) -> Done {
        let (id, slice) = (part.slice.grant_id, part.slice);
        let mut refund = RefundState::new(part.refund_id, slice);
        refund.paid_back = Some(part.amount);
        if self.grants.contains_key(&id) {
            self.leave(&slice, |grant| &mut grant.refunded)?;
        } else {
            let pass = self.pass_mut(id)?;
            refund.ended_pass = part.is_last && !pass.ended;
            pass.ended |= part.is_last;
            let minor = slice.value.map_or(0, |value| value.amount_minor);
            let left = pass.deferred_minor.checked_sub(minor);
            pass.deferred_minor = left.ok_or(BooksDefect::Overflow)?;
        }
        self.refunds.push_back(refund);
        Ok(())
    }

    fn record_return(&mut self, returned: &RefundReturned) -> Done {
        let refund_id = returned.refund_id;
        let known = self.refunds.iter_mut().find(|one| one.refund_id == refund_id);
        let refund = known.ok_or(BooksDefect::Unknown { id: refund_id })?;
        refund.returned = true;
        let ended_pass = refund.ended_pass;
        let Slice { grant_id, credits, value } = returned.slice;
        if let Some(pass) = self.passes.get_mut(&grant_id) {
            pass.ended &= !ended_pass;
            let minor = value.map_or(0, |value| value.amount_minor);
            pass.deferred_minor = add(pass.deferred_minor, minor)?;
            return Ok(());
        }
        let grant = self.grant_mut(grant_id)?;
        shift(&mut grant.refunded, &mut grant.available, credits)?;
        grant.unearn(value)
    }

    fn record_grant(&mut self, granted: &Granted) -> Done {
        let id = granted.grant_id;
        let price = granted.payment.map_or(0, |payment| payment.price.amount_minor);
        let taken = self.grants.contains_key(&id) || self.passes.contains_key(&id);
        if taken || granted.credits <= 0 || price < 0 {
            return Err(BooksDefect::Misplaced { id });
        }
        match granted.source {
            GrantSource::Gift => self.gifts.count(granted.credits, granted.booking.at, DAY_MS),
            GrantSource::Tutorial => self.tutorial_rewarded = true,
            GrantSource::Purchase | GrantSource::Welcome | GrantSource::Promo => {}
        }
        self.grants.insert(id, granted.into());
        Ok(())
    }

    fn record_pass(&mut self, granted: &PassGranted) -> Done {
        let id = granted.pass_id;
        let price = granted.payment.map_or(0, |payment| payment.price.amount_minor);
        if self.grants.contains_key(&id) || self.passes.contains_key(&id) || price < 0 {
            return Err(BooksDefect::Misplaced { id });
        }
        self.passes.insert(id, granted.into());
        Ok(())
    }

    fn record_spend(&mut self, spent: &Spent) -> Done {
        for slice in &spent.slices {
            self.leave(slice, |grant| &mut grant.consumed)?;
        }
        let at = spent.booking.at;
        self.messages.count(spent.messages, at, MINUTE_MS);
        self.spent.count(spent.credits, at, DAY_MS);
        if !is_broken(Canary::ForgetSpends) {
            let spend = SpendState::new(spent.spend_id, spent.messages, &spent.slices);
            self.spends.push_back(Arc::new(spend));
        }
        Ok(())
    }

    fn record_hold(&mut self, held: &Held) -> Done {
        for slice in &held.slices {
            let grant = self.grant_mut(slice.grant_id)?;
            shift(&mut grant.available, &mut grant.held, slice.credits)?;
        }
        let at = held.booking.at;
        self.messages.count(held.messages, at, MINUTE_MS);
        self.spent.count(held.credits, at, DAY_MS);
        let hold = HoldState {
            messages: held.messages,
            credits: held.credits,
            slices: held.slices.clone(),
            pass_id: held.pass_id,
            expires_at: held.expires_at,
        };
        if self.holds.insert(held.hold_id, hold).is_some() {
            return Err(BooksDefect::Misplaced { id: held.hold_id });
        }
        Ok(())
    }

    fn record_capture(&mut self, captured: &HoldCaptured) -> Done {
        let id = captured.hold_id;
        self.holds.remove(&id).ok_or(BooksDefect::Unknown { id })?;
        for slice in &captured.slices {
            let grant = self.grant_mut(slice.grant_id)?;
            shift(&mut grant.held, &mut grant.consumed, slice.credits)?;
            grant.earn(slice.value)?;
        }
        self.put_back(&captured.released)?;
        let mut spend = SpendState::new(id, captured.messages, &captured.slices);
        spend.from_hold = true;
        self.spends.push_back(Arc::new(spend));
        Ok(())
    }

    fn record_release(&mut self, released: &HoldReleased) -> Done {
        let id = released.hold_id;
        self.holds.remove(&id).ok_or(BooksDefect::Unknown { id })?;
        self.put_back(&released.slices)?;
        let timed_out = released.cause == ReleaseCause::TimedOut;
        self.released.push_back(ReleasedHold { hold_id: id, timed_out });
        Ok(())
    }

    /// Held credits may be spent again.
    fn put_back(&mut self, slices: &[Slice]) -> Done {
        for slice in slices {
            let grant = self.grant_mut(slice.grant_id)?;
            shift(&mut grant.held, &mut grant.available, slice.credits)?;
        }
        Ok(())
    }

    fn record_reversal(&mut self, reversed: &SpendReversed) -> Done {
        let id = reversed.spend_id;
        for slice in &reversed.slices {
            let grant = self.grant_mut(slice.grant_id)?;
            shift(&mut grant.consumed, &mut grant.available, slice.credits)?;
            grant.unearn(slice.value)?;
        }
        let spend = self.spends.iter_mut().find(|spend| spend.spend_id == id);
        let spend = Arc::make_mut(spend.ok_or(BooksDefect::Unknown { id })?);
        for slice in &reversed.slices {
            spend.give_back(slice)?;
        }
        let (reversal_id, credits) = (reversed.reversal_id, reversed.credits);
        spend.reversals.push(Reversal { reversal_id, credits });
        Ok(())
    }

    fn record_dispute(&mut self, opened: &DisputeOpened) -> Done {
        self.block(opened.grant_id, Blocked::Disputed)?;
        let dispute = DisputeState {
            grant_id: opened.grant_id,
            amount: opened.amount,
            opened_at: opened.booking.at,
            outcome: None,
        };
        self.disputes.insert(opened.dispute_id, dispute);
        Ok(())
    }

    fn block(&mut self, id: Uuid, blocked: Blocked) -> Done {
        if let Some(grant) = self.grants.get_mut(&id) {
            grant.blocked = blocked;
        } else {
            self.pass_mut(id)?.blocked = blocked;
        }
        Ok(())
    }

    fn record_dispute_end(&mut self, closed: &DisputeClosed) -> Done {
        let id = closed.dispute_id;
        let known = self.disputes.get_mut(&id).ok_or(BooksDefect::Unknown { id })?;
        known.outcome = Some(closed.outcome);
        match closed.outcome {
            DisputeOutcome::Won => self.block(closed.grant_id, Blocked::No),
            DisputeOutcome::Lost => {
                self.block(closed.grant_id, Blocked::Lost)?;
                self.owed = add(self.owed, closed.owed)?;
                if let Some(grant) = self.grants.get_mut(&closed.grant_id) {
                    shift(&mut grant.available, &mut grant.revoked, closed.revoked)?;
                    grant.earn(grant.worth(closed.unearned_minor))
                } else {
                    let pass = self.pass_mut(closed.grant_id)?;
                    pass.ended = true;
                    let left = pass.deferred_minor.checked_sub(closed.unearned_minor);
                    pass.deferred_minor = left.ok_or(BooksDefect::Overflow)?;
                    Ok(())
                }
            }
        }
    }
}
