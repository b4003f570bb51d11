//! The warning that few credits are left.

use super::{Added, Draft};
use crate::credit_ledger::{
    Low,
    canary::{Canary, is_broken},
};

impl Draft<'_> {
    /// Says once in a spell that few credits are left.
    ///
    /// A spell begins when credits leave and no more than the threshold stay, and ends when there are
    /// more again. What waits for its delivery counts as there, so that a message that fails begins
    /// no spell. Credits that come in warn nobody, and neither does anything while a pass pays for
    /// the messages.
    pub(super) fn warn(&mut self) -> Added {
        let (ledger, threshold) = (self.ledger(), self.rules.low_credits);
        let kept = ledger.kept(self.at);
        let is_told = ledger.low.is_some_and(|told| told <= threshold);
        let is_told = is_told && !is_broken(Canary::WarnAgain);
        let leaves = self.len() > 0 && kept < self.kept_before;
        if threshold <= 0 || !leaves || kept > threshold || is_told {
            return Ok(());
        }
        if ledger.pass_on(self.at).is_some() {
            return Ok(());
        }
        let balance = ledger.balance(self.at);
        self.book(Low { balance, threshold, booking: self.blank() })
    }
}
