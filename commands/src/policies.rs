//! The policies of this build.

mod auto_recharge;
mod credit_dues;
mod fulfil_payments;
mod reading_reminders;
mod reading_rounds;
mod recharge_outcomes;
mod settle_books;
mod welcome_credits;

use std::sync::Arc;

use crate::policy::AnyPolicy;
pub use auto_recharge::AutoRecharge;
pub use credit_dues::CreditDues;
pub use fulfil_payments::FulfilPayments;
pub use reading_reminders::ReadingReminders;
pub use reading_rounds::ReadingRounds;
pub use recharge_outcomes::RechargeOutcomes;
pub use settle_books::SettleBooks;
pub use welcome_credits::WelcomeCredits;

/// All policies; the composition root runs one follower for each.
pub fn all() -> Vec<Arc<dyn AnyPolicy>> {
    vec![
        Arc::new(ReadingRounds),
        Arc::new(ReadingReminders),
        Arc::new(WelcomeCredits),
        Arc::new(CreditDues),
        Arc::new(FulfilPayments),
        Arc::new(AutoRecharge),
        Arc::new(RechargeOutcomes),
        Arc::new(SettleBooks),
    ]
}

#[cfg(test)]
mod credits_tests;
#[cfg(test)]
mod payments_tests;
#[cfg(test)]
mod recharge_tests;
#[cfg(test)]
mod settle_tests;
#[cfg(test)]
mod tests;
