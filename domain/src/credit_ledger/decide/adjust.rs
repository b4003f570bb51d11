//! What belongs to no customer, booked in the ledger of the house.

use super::{
    Added, Draft,
    draft::{check_instant, check_range},
};
use crate::credit_ledger::{
    Adjust, Adjusted, CreditLedgerRefusal as No, Open, house_account_id, house_ledger_id,
};

/// How often one adjustment may move money: fees and payouts in all currencies.
const POSTINGS: (i64, i64) = (1, 36);
/// What one posting may move, in minor units: a million payments of the largest price.
const AMOUNT_MINOR: (i64, i64) = (1, 100_000_000_000_000_000);

impl Draft<'_> {
    pub(super) fn adjust(&mut self, adjust: Adjust) -> Added {
        let expected = house_ledger_id(self.tenant);
        if self.id != expected {
            return Err(No::IdMismatch { expected });
        }
        let Adjust { adjustment_id, cause, about, effective_at, postings } = adjust;
        if self.ledger().adjustments.contains(&adjustment_id) {
            return Ok(());
        }
        check_range("postings", i64::try_from(postings.len()).unwrap_or(i64::MAX), POSTINGS)?;
        for posting in &postings {
            check_range("amount_minor", posting.amount.amount_minor, AMOUNT_MINOR)?;
            let apart = posting.debit != posting.credit;
            if !apart || !posting.debit.is_adjustable() || !posting.credit.is_adjustable() {
                return Err(No::AccountsNotAdjustable);
            }
        }
        check_instant("effective_at", effective_at)?;
        // The first booking opens the ledger of the house; nobody else does.
        self.open(&Open { account_id: house_account_id(self.tenant) })?;
        let (effective_at, booking) = (effective_at.min(self.at), self.blank());
        self.book(Adjusted { adjustment_id, cause, about, effective_at, postings, booking })
    }
}
