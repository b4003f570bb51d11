//! The chart of accounts, and which accounts each event may touch from which side.

mod names;

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::CreditLedgerEvent;
use crate::{Currency, Money, ValueError};

/// What an entry counts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Unit {
    /// Credits, `CR`.
    Credits,
    /// Messages that were sent under a pass, `MSG`.
    Messages,
    /// Minor units of a currency, by its code.
    Money(Currency),
}

impl TryFrom<String> for Unit {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        Ok(match text.as_str() {
            "CR" => Self::Credits,
            "MSG" => Self::Messages,
            currency => Self::Money(currency.parse()?),
        })
    }
}

impl From<Unit> for String {
    fn from(unit: Unit) -> Self {
        unit.to_string()
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credits => "CR",
            Self::Messages => "MSG",
            Self::Money(currency) => currency.code(),
        })
    }
}

/// An account of the books. Those of the customer are divided by grant or pass; all others are one
/// for the whole tenant, and only the entries of many ledgers together give their balance.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum BookAccount {
    /// Bought credits that the customer may spend.
    #[serde(rename = "liabilities:credits:paid")]
    PaidCredits,
    /// Given credits that the customer may spend.
    #[serde(rename = "liabilities:credits:promo")]
    PromoCredits,
    /// Credits that wait for a delivery.
    #[serde(rename = "liabilities:credits:held")]
    HeldCredits,
    /// Credits that the customer owes.
    #[serde(rename = "assets:receivable")]
    Receivable,
    /// Credits that were sold.
    #[serde(rename = "equity:issued:paid")]
    IssuedPaid,
    /// Credits that were given.
    #[serde(rename = "equity:issued:promo")]
    IssuedPromo,
    /// Credits that were spent.
    #[serde(rename = "equity:consumed")]
    Consumed,
    /// Credits that ran out.
    #[serde(rename = "equity:expired")]
    Expired,
    /// Credits that were taken back.
    #[serde(rename = "equity:revoked")]
    Revoked,
    /// Owed credits that nobody will ever pay.
    #[serde(rename = "equity:written_off")]
    WrittenOff,
    /// Money with Stripe.
    #[serde(rename = "assets:clearing:stripe")]
    ClearingStripe,
    /// Money with YooKassa.
    #[serde(rename = "assets:clearing:yookassa")]
    ClearingYookassa,
    /// Stars with Telegram.
    #[serde(rename = "assets:clearing:telegram_stars")]
    ClearingTelegramStars,
    /// Money that the staff took.
    #[serde(rename = "assets:clearing:manual")]
    ClearingManual,
    /// Money that a provider holds back while a payment is disputed.
    #[serde(rename = "assets:dispute_reserve")]
    DisputeReserve,
    /// Paid, but not delivered yet.
    #[serde(rename = "liabilities:deferred_revenue")]
    DeferredRevenue,
    /// Earned with credits that were spent.
    #[serde(rename = "income:messages")]
    IncomeMessages,
    /// Earned with passes.
    #[serde(rename = "income:passes")]
    IncomePasses,
    /// Earned with what was paid and never used.
    #[serde(rename = "income:breakage")]
    IncomeBreakage,
    /// Earned with credits that covered a debt.
    #[serde(rename = "income:recovered")]
    IncomeRecovered,
    /// Delivered, and the payment lost.
    #[serde(rename = "expenses:bad_debt")]
    BadDebt,
    /// Money that a provider has sent and the bank has not got yet.
    #[serde(rename = "assets:in_transit")]
    InTransit,
    /// Money that has arrived at the bank.
    #[serde(rename = "assets:bank")]
    Bank,
    /// What providers keep of payments.
    #[serde(rename = "expenses:provider_fees")]
    ProviderFees,
    /// Differences to what providers say that were given up.
    #[serde(rename = "expenses:differences")]
    Differences,
    /// Messages that were sent under passes.
    #[serde(rename = "usage:messages")]
    UsageMessages,
    /// The pass that they were sent under.
    #[serde(rename = "usage:passes")]
    UsagePasses,
}

/// What an account counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Credits,
    Messages,
    Money,
}

impl BookAccount {
    fn kind(self) -> Kind {
        match self {
            Self::PaidCredits
            | Self::PromoCredits
            | Self::HeldCredits
            | Self::Receivable
            | Self::IssuedPaid
            | Self::IssuedPromo
            | Self::Consumed
            | Self::Expired
            | Self::Revoked
            | Self::WrittenOff => Kind::Credits,
            Self::UsageMessages | Self::UsagePasses => Kind::Messages,
            Self::ClearingStripe
            | Self::ClearingYookassa
            | Self::ClearingTelegramStars
            | Self::ClearingManual
            | Self::DisputeReserve
            | Self::DeferredRevenue
            | Self::IncomeMessages
            | Self::IncomePasses
            | Self::IncomeBreakage
            | Self::IncomeRecovered
            | Self::BadDebt
            | Self::InTransit
            | Self::Bank
            | Self::ProviderFees
            | Self::Differences => Kind::Money,
        }
    }

    /// Whether it is divided by grant or pass.
    pub fn is_divided(self) -> bool {
        match self {
            Self::PaidCredits
            | Self::PromoCredits
            | Self::HeldCredits
            | Self::DeferredRevenue
            | Self::UsagePasses => true,
            Self::Receivable
            | Self::IssuedPaid
            | Self::IssuedPromo
            | Self::Consumed
            | Self::Expired
            | Self::Revoked
            | Self::WrittenOff
            | Self::ClearingStripe
            | Self::ClearingYookassa
            | Self::ClearingTelegramStars
            | Self::ClearingManual
            | Self::DisputeReserve
            | Self::IncomeMessages
            | Self::IncomePasses
            | Self::IncomeBreakage
            | Self::IncomeRecovered
            | Self::BadDebt
            | Self::InTransit
            | Self::Bank
            | Self::ProviderFees
            | Self::Differences
            | Self::UsageMessages => false,
        }
    }
}

impl BookAccount {
    /// Whether money may be moved here without a customer: between providers, bank, fees and
    /// differences.
    pub fn is_adjustable(self) -> bool {
        ADJUSTABLE.contains(&self)
    }

    /// Whether money with a provider stands on it.
    pub fn is_clearing(self) -> bool {
        CLEARING.contains(&self)
    }

    /// The accounts on which corrections are booked, in the order of the chart.
    pub fn adjustable() -> &'static [Self] {
        &ADJUSTABLE
    }
}

/// One line of a booking.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Entry {
    /// The account.
    pub account: BookAccount,
    /// What is counted.
    pub unit: Unit,
    /// How much: debits are positive, credits negative, nothing is zero.
    pub amount: i64,
    /// The grant or pass, where the account is divided by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<Uuid>,
}

impl Entry {
    /// Credits on an undivided account.
    pub(super) fn credits(account: BookAccount, amount: i64) -> Self {
        Self { account, unit: Unit::Credits, amount, grant_id: None }
    }

    /// Money on an undivided account.
    pub(super) fn money(account: BookAccount, money: Money) -> Self {
        let (unit, amount) = (Unit::Money(money.currency), money.amount_minor);
        Self { account, unit, amount, grant_id: None }
    }

    /// The same line under a grant or pass.
    pub(super) fn of(self, grant_id: Uuid) -> Self {
        Self { grant_id: Some(grant_id), ..self }
    }

    /// Whether account, unit, subdivision and sign go together at all.
    pub(super) fn fits_chart(&self) -> bool {
        let kind = match self.unit {
            Unit::Credits => Kind::Credits,
            Unit::Messages => Kind::Messages,
            Unit::Money(_) => Kind::Money,
        };
        let fits = kind == self.account.kind();
        fits && self.amount != 0 && self.grant_id.is_some() == self.account.is_divided()
    }
}

/// The accounts that an event may debit, and those that it may credit.
pub(super) struct Sides {
    pub(super) debits: &'static [BookAccount],
    pub(super) credits: &'static [BookAccount],
}

/// The accounts of money with providers.
const CLEARING: [BookAccount; 4] = [
    BookAccount::ClearingStripe,
    BookAccount::ClearingYookassa,
    BookAccount::ClearingTelegramStars,
    BookAccount::ClearingManual,
];

/// What an adjustment may touch, from both sides.
const ADJUSTABLE: [BookAccount; 9] = [
    BookAccount::ClearingStripe,
    BookAccount::ClearingYookassa,
    BookAccount::ClearingTelegramStars,
    BookAccount::ClearingManual,
    BookAccount::DisputeReserve,
    BookAccount::InTransit,
    BookAccount::Bank,
    BookAccount::ProviderFees,
    BookAccount::Differences,
];

impl Sides {
    /// What an event may touch. A posting outside of its line is a defect, whatever its sum.
    pub(super) fn of(event: &CreditLedgerEvent) -> Self {
        use BookAccount as A;
        use CreditLedgerEvent as E;
        let sides = |debits, credits| Self { debits, credits };
        match event {
            E::Opened(_) | E::Low(_) | E::ResetBegun(_) => sides(&[], &[]),
            E::Granted(_) => sides(
                const { &with_clearing([A::IssuedPaid, A::IssuedPromo]) },
                &[A::PaidCredits, A::PromoCredits, A::DeferredRevenue],
            ),
            E::PassGranted(_) => sides(&CLEARING, &[A::DeferredRevenue]),
            E::Spent(_) => sides(
                &[A::PaidCredits, A::PromoCredits, A::DeferredRevenue, A::UsageMessages],
                &[A::Consumed, A::IncomeMessages, A::UsagePasses],
            ),
            E::Held(_) => sides(&[A::PaidCredits, A::PromoCredits], &[A::HeldCredits]),
            E::HoldCaptured(_) => sides(
                &[A::HeldCredits, A::DeferredRevenue],
                &[A::Consumed, A::IncomeMessages, A::PaidCredits, A::PromoCredits],
            ),
            E::HoldReleased(_) => sides(&[A::HeldCredits], &[A::PaidCredits, A::PromoCredits]),
            E::SpendReversed(_) => sides(
                &[A::Consumed, A::IncomeMessages],
                &[A::PaidCredits, A::PromoCredits, A::DeferredRevenue],
            ),
            E::GrantExpired(_) => sides(
                &[A::PaidCredits, A::PromoCredits, A::DeferredRevenue],
                &[A::Expired, A::IncomeBreakage],
            ),
            E::GrantRefunded(_) => sides(
                &[A::PaidCredits, A::DeferredRevenue],
                const { &with_clearing([A::IssuedPaid, A::IssuedPaid]) },
            ),
            E::PartRefunded(_) => sides(
                &[A::PaidCredits, A::DeferredRevenue, A::BadDebt],
                const { &with_clearing([A::IssuedPaid, A::IncomeBreakage]) },
            ),
            E::RefundReturned(_) => sides(
                const { &with_clearing([A::IssuedPaid, A::IncomeBreakage]) },
                &[A::PaidCredits, A::DeferredRevenue, A::BadDebt],
            ),
            E::GrantRevoked(_) => sides(&[A::PromoCredits], &[A::Revoked]),
            E::DisputeOpened(_) => sides(&[A::DisputeReserve], &CLEARING),
            E::DisputeClosed(_) => sides(
                const {
                    &[
                        A::ClearingStripe,
                        A::ClearingYookassa,
                        A::ClearingTelegramStars,
                        A::ClearingManual,
                        A::PaidCredits,
                        A::Receivable,
                        A::DeferredRevenue,
                        A::BadDebt,
                    ]
                },
                &[A::DisputeReserve, A::Revoked, A::IncomeBreakage],
            ),
            E::DebtCovered(_) => {
                sides(&[A::PaidCredits, A::DeferredRevenue], &[A::Receivable, A::IncomeRecovered])
            }
            E::DebtWrittenOff(_) => sides(&[A::WrittenOff], &[A::Receivable]),
            E::PassRecognised(_) => sides(&[A::DeferredRevenue], &[A::IncomePasses]),
            E::PassRefunded(_) => sides(&[A::DeferredRevenue], &CLEARING),
            E::Adjusted(_) => sides(&ADJUSTABLE, &ADJUSTABLE),
        }
    }
}

const fn with_clearing(others: [BookAccount; 2]) -> [BookAccount; 6] {
    [CLEARING[0], CLEARING[1], CLEARING[2], CLEARING[3], others[0], others[1]]
}
