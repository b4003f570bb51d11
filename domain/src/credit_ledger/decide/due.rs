//! What is due at an instant: holds out of time, grants that ran out, days of passes that are over.

use super::{Added, Draft};
use crate::Money;
use crate::credit_ledger::{
    GrantExpired, HoldReleased, PassRecognised, ReleaseCause, Slice,
    canary::{Canary, is_broken},
    grant::Blocked,
};

impl Draft<'_> {
    /// Books everything that is due, in order of time. Holds first: what they give back may have
    /// run out meanwhile.
    pub(super) fn settle(&mut self) -> Added {
        self.settle_holds()?;
        self.settle_grants()?;
        self.settle_passes()
    }

    fn settle_holds(&mut self) -> Added {
        if is_broken(Canary::CaptureLate) {
            return Ok(());
        }
        let at = self.at;
        let holds = self.ledger().holds.iter().filter(|(_, hold)| hold.expires_at <= at);
        let mut due: Vec<_> = holds.map(|(id, hold)| (hold.expires_at, *id)).collect();
        due.sort_unstable();
        for (_, hold_id) in due {
            self.give_back(hold_id, ReleaseCause::TimedOut)?;
        }
        Ok(())
    }

    /// Gives the credits of an open hold back.
    pub(super) fn give_back(&mut self, hold_id: uuid::Uuid, cause: ReleaseCause) -> Added {
        let Some(hold) = self.ledger().holds.get(&hold_id) else { return Ok(()) };
        let slices = hold.slices.clone();
        self.book(HoldReleased { hold_id, cause, slices, booking: self.blank() })
    }

    fn settle_grants(&mut self) -> Added {
        let at = self.at;
        let grants = self.ledger().grants.iter().filter(|(_, grant)| {
            grant.is_over(at) && grant.available > 0 && grant.blocked == Blocked::No
        });
        let mut due: Vec<_> =
            grants.filter_map(|(id, grant)| Some((grant.expires_at?, *id))).collect();
        due.sort_unstable();
        for (effective_at, grant_id) in due {
            let Some(grant) = self.ledger().grants.get(&grant_id) else { continue };
            let slice = grant.leaving(grant_id, grant.available);
            let mut slice = slice.map_err(|defect| self.defect(defect))?;
            if is_broken(Canary::ForgetBreakage) {
                let value = slice.value.map(|value| Money { amount_minor: 0, ..value });
                slice = Slice { value, ..slice };
            }
            self.book(GrantExpired { slice, effective_at, booking: self.blank() })?;
        }
        Ok(())
    }

    fn settle_passes(&mut self) -> Added {
        let at = self.at;
        let passes = self.ledger().passes.iter().filter(|(_, pass)| {
            !pass.ended && pass.blocked == Blocked::No && pass.days_over_at(at) > pass.days_over
        });
        let mut due: Vec<_> = passes.map(|(id, pass)| (pass.starts_at, *id)).collect();
        due.sort_unstable();
        for (_, pass_id) in due {
            let Some(pass) = self.ledger().passes.get(&pass_id) else { continue };
            let days = pass.days_over_at(at);
            let value = pass.earned_by(days).map_err(|defect| self.defect(defect))?;
            self.book(PassRecognised { pass_id, days, value, booking: self.blank() })?;
        }
        Ok(())
    }
}
