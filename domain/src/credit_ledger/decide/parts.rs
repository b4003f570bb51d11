//! Parts of a price that went back. The provider has paid them already, so hardly anything is refused.

use super::{Added, Draft, draft::check_range};
use crate::Money;
use crate::credit_ledger::{
    CreditLedgerRefusal as No, PartRefunded, RefundPart, Slice,
    grant::{Blocked, GrantState, PassState},
};

impl Draft<'_> {
    /// Unused credits go first, as many as the amount pays for, rounded down. What was used is paid for
    /// by the house: nobody owes anything as long as a part of the price has stayed.
    pub(super) fn refund_part(&mut self, part: &RefundPart) -> Added {
        let RefundPart { refund_id, grant_id: id, amount, is_last, reason, .. } = *part;
        if let Some(known) = self.ledger().refunds.iter().find(|one| one.refund_id == refund_id) {
            let same = known.slice.grant_id == id && known.paid_back == Some(amount);
            return if same { Ok(()) } else { Err(No::IdReused { id: refund_id }) };
        }
        if self.blocked(id).is_none() {
            return Err(No::GrantUnknown { id });
        }
        let Some(payment) = self.ledger().payment_of(id) else { return Err(No::NotPaid { id }) };
        let (payment_id, price) = (payment.payment_id, payment.price);
        if amount.currency != price.currency {
            let (field, expected) = ("amount".to_owned(), price.currency);
            return Err(No::CurrencyMismatch { field, expected });
        }
        check_range("amount", amount.amount_minor, (1, price.amount_minor))?;
        let slice = if let Some(grant) = self.ledger().grants.get(&id) {
            self.slice_of_grant(grant, part, price)?
        } else if let Some(pass) = self.ledger().passes.get(&id) {
            slice_of_pass(pass, part)?
        } else {
            return Err(No::GrantUnknown { id });
        };
        let booking = self.blank();
        self.book(PartRefunded { refund_id, slice, amount, is_last, payment_id, reason, booking })
    }

    fn slice_of_grant(
        &self,
        grant: &GrantState,
        part: &RefundPart,
        price: Money,
    ) -> Result<Slice, No> {
        if let Some(credits) = part.credits {
            check_range("credits", credits, (0, grant.issued))?;
        }
        if part.is_last && grant.blocked == Blocked::No {
            let kept = grant.issued.saturating_sub(grant.refunded);
            check_range("credits", kept, (0, grant.available))?;
        }
        let paid_for = paid_for(grant.issued, part.amount, price);
        let wanted = if part.is_last { grant.available } else { part.credits.unwrap_or(paid_for) };
        let credits = wanted.min(grant.available);
        grant.leaving(part.grant_id, credits).map_err(|defect| self.defect(defect))
    }
}

/// How many credits an amount pays for, rounded down.
fn paid_for(issued: i64, amount: Money, price: Money) -> i64 {
    let (issued, amount) = (i128::from(issued), i128::from(amount.amount_minor));
    let credits = issued.saturating_mul(amount) / i128::from(price.amount_minor.max(1));
    i64::try_from(credits).unwrap_or(i64::MAX)
}

/// A pass goes on with what is left of its price, and ends with the last of it.
fn slice_of_pass(pass: &PassState, part: &RefundPart) -> Result<Slice, No> {
    let (minor, deferred) = (part.amount.amount_minor, pass.deferred_minor);
    if part.is_last && pass.blocked == Blocked::No && !pass.ended {
        check_range("amount", minor, (deferred, deferred))?;
    }
    let value = Some(Money::new(minor.min(deferred), part.amount.currency));
    Ok(Slice { grant_id: part.grant_id, credits: 0, value })
}
