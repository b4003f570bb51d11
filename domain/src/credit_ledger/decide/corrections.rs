//! What is undone: spends, purchases, gifts. Always a fact of its own, never an edit.

use super::{Added, Draft, draft::check_range};
use crate::Money;
use crate::credit_ledger::{
    CreditLedgerRefusal as No, GrantRefunded, GrantRevoked, PassRefunded, RefundGrant, RefundPass,
    RefundReturned, ReturnRefund, ReverseSpend, RevokeGrant, Slice, SpendReversed, burn,
    canary::{Canary, is_broken},
    grant::{Blocked, PassState},
};

/// How often a part of one spend may be given back.
const REVERSALS_MAX: usize = 16;

impl Draft<'_> {
    pub(super) fn reverse(&mut self, reverse: &ReverseSpend) -> Added {
        let ReverseSpend { reversal_id, spend_id, credits, reason } = *reverse;
        let Some(spend) = self.ledger().spend(spend_id) else {
            return Err(No::SpendUnknown { id: spend_id });
        };
        if let Some(known) = spend.reversals.iter().find(|one| one.reversal_id == reversal_id) {
            let same = credits.is_none_or(|credits| credits == known.credits);
            return if same { Ok(()) } else { Err(No::IdReused { id: reversal_id }) };
        }
        let rest = spend.rest();
        let left = rest.iter().map(|slice| slice.credits).fold(0, i64::saturating_add);
        if left == 0 || spend.reversals.len() >= REVERSALS_MAX {
            return Err(No::NothingLeft { id: spend_id, held: 0 });
        }
        let credits = credits.unwrap_or(left);
        check_range("credits", credits, (1, left))?;
        let mut slices = Vec::new();
        for part in burn::from_the_end(&rest, credits) {
            match self.ledger().grants.get(&part.grant_id).map(|grant| grant.blocked) {
                Some(Blocked::No | Blocked::Disputed) => {}
                Some(Blocked::Lost) => return Err(No::Disputed { id: part.grant_id }),
                None => return Err(No::GrantUnknown { id: part.grant_id }),
            }
            slices.push(spend.returning(&part).map_err(|defect| self.defect(defect))?);
        }
        let booking = self.blank();
        self.book(SpendReversed { reversal_id, spend_id, credits, slices, reason, booking })
    }

    pub(super) fn refund(&mut self, refund: &RefundGrant) -> Added {
        let RefundGrant { refund_id, grant_id, credits, reason } = *refund;
        if let Some(known) = self.ledger().refunds.iter().find(|one| one.refund_id == refund_id) {
            let same = known.slice.grant_id == grant_id
                && credits.is_none_or(|credits| credits == known.slice.credits);
            return if same { Ok(()) } else { Err(No::IdReused { id: refund_id }) };
        }
        let id = grant_id;
        let Some(grant) = self.ledger().grants.get(&id) else {
            return Err(No::GrantUnknown { id });
        };
        let Some(payment) = grant.payment else { return Err(No::NotPaid { id }) };
        if grant.blocked != Blocked::No {
            return Err(No::Disputed { id });
        }
        if grant.available == 0 {
            return Err(No::NothingLeft { id, held: grant.held });
        }
        let credits = credits.unwrap_or(grant.available);
        check_range("credits", credits, (1, grant.available))?;
        let slice = grant.leaving(id, credits).map_err(|defect| self.defect(defect))?;
        let slice = if is_broken(Canary::RefundPrice) {
            Slice { value: Some(payment.price), ..slice }
        } else {
            slice
        };
        let (payment_id, booking) = (payment.payment_id, self.blank());
        self.book(GrantRefunded { refund_id, slice, payment_id, reason, booking })
    }

    pub(super) fn refund_pass(&mut self, refund: &RefundPass) -> Added {
        let RefundPass { pass_id: id, reason, value: paid_back } = *refund;
        let Some(pass) = self.ledger().passes.get(&id) else {
            return Err(No::GrantUnknown { id });
        };
        let Some(payment) = pass.payment else { return Err(No::NotPaid { id }) };
        if pass.blocked != Blocked::No {
            return Err(No::Disputed { id });
        }
        if pass.ended {
            return Ok(());
        }
        if pass.is_used_up() {
            return Err(No::NothingLeft { id, held: 0 });
        }
        let value = Money::new(pass.deferred_minor, payment.price.currency);
        if let Some(paid_back) = paid_back.filter(|paid_back| *paid_back != value) {
            let (field, expected) = ("value".to_owned(), value.currency);
            if paid_back.currency != expected {
                return Err(No::CurrencyMismatch { field, expected });
            }
            return Err(No::OutOfRange { field, min: value.amount_minor, max: value.amount_minor });
        }
        let (payment_id, booking) = (payment.payment_id, self.blank());
        self.book(PassRefunded { pass_id: id, value, payment_id, reason, booking })
    }

    pub(super) fn return_refund(&mut self, returned: &ReturnRefund) -> Added {
        let refund_id = returned.refund_id;
        let known = self.ledger().refunds.iter().find(|one| one.refund_id == refund_id);
        let Some(refund) = known else { return Err(No::RefundUnknown { id: refund_id }) };
        if refund.returned {
            return Ok(());
        }
        let (slice, id) = (refund.slice, refund.slice.grant_id);
        match self.blocked(id) {
            Some(Blocked::No | Blocked::Disputed) => {}
            Some(Blocked::Lost) => return Err(No::Disputed { id }),
            None => return Err(No::GrantUnknown { id }),
        }
        let goes_on = refund.ended_pass;
        let is_over = |pass: &PassState| pass.is_run_out() || (pass.ended && !goes_on);
        let value = if self.ledger().passes.get(&id).is_some_and(is_over) {
            // Nothing is deferred for a pass that is over: all of it makes good what was lost.
            slice.value.map(|value| Money { amount_minor: 0, ..value })
        } else {
            slice.value
        };
        let slice = Slice { value, ..slice };
        self.book(RefundReturned { refund_id, slice, booking: self.blank() })
    }

    pub(super) fn revoke(&mut self, revoke: &RevokeGrant) -> Added {
        let RevokeGrant { grant_id: id, reason } = *revoke;
        let Some(grant) = self.ledger().grants.get(&id) else {
            return Err(No::GrantUnknown { id });
        };
        if grant.payment.is_some() {
            return Err(No::Paid { id });
        }
        if grant.available == 0 {
            return Ok(());
        }
        let slice = grant.leaving(id, grant.available).map_err(|defect| self.defect(defect))?;
        self.book(GrantRevoked { slice, reason, booking: self.blank() })
    }
}
