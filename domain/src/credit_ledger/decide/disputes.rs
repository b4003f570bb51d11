//! Payments that are disputed, and what is owed when one is lost.

use uuid::Uuid;

use super::{Added, Draft, draft::check_range};
use crate::credit_ledger::{
    CloseDispute, CreditLedgerRefusal as No, DebtPolicy, DebtWrittenOff, DisputeClosed,
    DisputeOpened, DisputeOutcome, OpenDispute, ReleaseCause, WriteOffDebt,
    canary::{Canary, is_broken},
    grant::Blocked,
};

impl Draft<'_> {
    pub(super) fn open_dispute(&mut self, open: &OpenDispute) -> Added {
        let OpenDispute { dispute_id, grant_id, amount } = *open;
        if let Some(known) = self.ledger().disputes.get(&dispute_id) {
            let same = known.grant_id == grant_id && known.amount == amount;
            return if same { Ok(()) } else { Err(No::IdReused { id: dispute_id }) };
        }
        let Some(blocked) = self.blocked(grant_id) else {
            return Err(No::GrantUnknown { id: grant_id });
        };
        let Some(payment) = self.ledger().payment_of(grant_id) else {
            return Err(No::NotPaid { id: grant_id });
        };
        if blocked != Blocked::No {
            return Err(No::Disputed { id: grant_id });
        }
        // What went back as a whole cannot be taken back once more.
        if self.is_refunded(grant_id) {
            return Err(No::NothingLeft { id: grant_id, held: 0 });
        }
        let expected = payment.price.currency;
        if amount.currency != expected {
            return Err(No::CurrencyMismatch { field: "amount".to_owned(), expected });
        }
        check_range("amount", amount.amount_minor, (1, payment.price.amount_minor))?;
        let booking = self.blank();
        self.book(DisputeOpened { dispute_id, grant_id, amount, booking })
    }

    fn is_refunded(&self, id: Uuid) -> bool {
        let grant = self.ledger().grants.get(&id);
        let pass = self.ledger().passes.get(&id);
        grant.is_some_and(|grant| grant.refunded == grant.issued)
            || pass.is_some_and(|pass| pass.ended)
    }

    pub(super) fn blocked(&self, id: Uuid) -> Option<Blocked> {
        let grant = self.ledger().grants.get(&id).map(|grant| grant.blocked);
        grant.or_else(|| self.ledger().passes.get(&id).map(|pass| pass.blocked))
    }

    pub(super) fn close_dispute(&mut self, close: &CloseDispute) -> Added {
        let CloseDispute { dispute_id, outcome } = *close;
        let Some(dispute) = self.ledger().disputes.get(&dispute_id).copied() else {
            return Err(No::DisputeUnknown { id: dispute_id });
        };
        match dispute.outcome {
            Some(known) if known == outcome => return Ok(()),
            Some(_) => return Err(No::DisputeOver { id: dispute_id }),
            None => {}
        }
        let grant_id = dispute.grant_id;
        let (revoked, owed, unearned_minor) = match outcome {
            DisputeOutcome::Won => (0, 0, 0),
            DisputeOutcome::Lost => {
                self.release_holds_of(grant_id)?;
                self.losses(grant_id)
            }
        };
        let (amount, booking) = (dispute.amount, self.blank());
        self.book(DisputeClosed {
            dispute_id,
            grant_id,
            outcome,
            amount,
            revoked,
            owed,
            unearned_minor,
            booking,
        })
    }

    /// Credits that are under way are not taken from a payment that was lost.
    fn release_holds_of(&mut self, grant_id: Uuid) -> Added {
        let holds = self
            .ledger()
            .holds
            .iter()
            .filter(|(_, hold)| hold.slices.iter().any(|slice| slice.grant_id == grant_id));
        let holds: Vec<Uuid> = holds.map(|(id, _)| *id).collect();
        for hold_id in holds {
            self.give_back(hold_id, ReleaseCause::DisputeLost)?;
        }
        Ok(())
    }

    /// What is taken back, what is owed, and what was not earned yet when a payment is lost. The
    /// grant is closed as a whole, also when only a part of the price was disputed.
    fn losses(&self, grant_id: Uuid) -> (i64, i64, i64) {
        if let Some(grant) = self.ledger().grants.get(&grant_id) {
            let owed = match self.rules.debt {
                DebtPolicy::Block | DebtPolicy::Owe => grant.consumed,
                DebtPolicy::Forgive => 0,
            };
            let owed = if is_broken(Canary::ForgetDebt) { 0 } else { owed };
            return (grant.available, owed, grant.deferred_minor);
        }
        let pass = self.ledger().passes.get(&grant_id);
        (0, 0, pass.map_or(0, |pass| pass.deferred_minor))
    }

    pub(super) fn write_off(&mut self, write_off: &WriteOffDebt) -> Added {
        let credits = self.ledger().owed;
        if credits == 0 {
            return Ok(());
        }
        let reason = write_off.reason;
        self.book(DebtWrittenOff { credits, reason, booking: self.blank() })
    }
}
