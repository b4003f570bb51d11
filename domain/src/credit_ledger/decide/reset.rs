//! A customer who begins anew, for tests.

use uuid::Uuid;

use super::{Added, Draft};
use crate::credit_ledger::{
    CorrectionReason, CreditLedgerRefusal as No, GrantRevoked, GrantSource, ReleaseCause,
    ResetBegun, grant::Blocked,
};

impl Draft<'_> {
    /// Takes back what was given and gives the welcome again. What was paid for stays, and so does
    /// every booking of before: a reset is a fact like any other.
    pub(super) fn reset(&mut self) -> Added {
        if !self.rules.test_switch {
            return Err(No::TestSwitchOff);
        }
        let holds: Vec<Uuid> = self.ledger().holds.keys().copied().collect();
        for hold_id in holds {
            self.give_back(hold_id, ReleaseCause::Released)?;
        }
        self.settle()?;
        let given = self.ledger().grants.iter().filter(|(_, grant)| {
            !grant.source.is_paid() && grant.available > 0 && grant.blocked == Blocked::No
        });
        let given: Vec<Uuid> = given.map(|(id, _)| *id).collect();
        for grant_id in given {
            let Some(grant) = self.ledger().grants.get(&grant_id) else { continue };
            let slice = grant.leaving(grant_id, grant.available);
            let slice = slice.map_err(|defect| self.defect(defect))?;
            let reason = CorrectionReason::CustomerAsked;
            self.book(GrantRevoked { slice, reason, booking: self.blank() })?;
        }
        let round = self.ledger().round.saturating_add(1);
        self.book(ResetBegun { round, booking: self.blank() })?;
        // Whoever begins anew has few credits, and is not warned of it.
        self.kept_before = 0;
        self.bonus(GrantSource::Welcome, self.rules.welcome_credits, "welcome")
    }
}
