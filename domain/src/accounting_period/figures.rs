//! The figures of a month, folded from the lines of the books.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Bounds, Sum};
use crate::credit_ledger::{BookAccount, Unit};

/// Where a line counts when a month is closed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Before the month.
    Opening,
    /// In the month, and it holds from within.
    Month,
    /// In the month, although it holds from before: what was closed then is not changed any more.
    Late,
}

/// What happened on an account in one unit within a month. Opening, and debits less credits, make the
/// closing; late entries are among the debits and credits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AccountFigures {
    /// The account.
    pub account: BookAccount,
    /// What is counted.
    pub unit: Unit,
    /// What was on it; debits are positive.
    pub opening: Sum,
    /// What came by debits.
    pub debits: Sum,
    /// What went by credits.
    pub credits: Sum,
    /// Which of the debits are late entries.
    pub late_debits: Sum,
    /// Which of the credits are late entries.
    pub late_credits: Sum,
    /// What is on it at the end.
    pub closing: Sum,
}

/// What a payment with a provider is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentKind {
    /// A customer paid.
    Payment,
    /// A customer got money back.
    Refund,
    /// A refund failed, and the money is back.
    RefundReturned,
    /// A dispute took or gave back money.
    Dispute,
    /// A payout, a fee or a correction.
    Settlement,
}

impl PaymentKind {
    /// Its name in events and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::RefundReturned => "refund_returned",
            Self::Dispute => "dispute",
            Self::Settlement => "settlement",
        }
    }

    /// That of a booking, by its kind: the event's type without its aggregate.
    pub(super) fn of_booking(kind: &str) -> Self {
        match kind {
            "granted" | "pass_granted" => Self::Payment,
            "grant_refunded" | "pass_refunded" | "part_refunded" => Self::Refund,
            "refund_returned" => Self::RefundReturned,
            "dispute_opened" | "dispute_closed" => Self::Dispute,
            _ => Self::Settlement,
        }
    }
}

/// What went over an account of a provider within a month.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentFigures {
    /// The account of the provider.
    pub account: BookAccount,
    /// The currency.
    pub unit: Unit,
    /// What it was.
    pub kind: PaymentKind,
    /// How many lines.
    pub count: i64,
    /// Their sum; debits are positive.
    pub amount: Sum,
}

/// All figures of a month.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// By account and unit, in the order of the chart; those that nothing ever went over are left out.
    pub accounts: Vec<AccountFigures>,
    /// By account of a provider, unit and kind.
    pub payments: Vec<PaymentFigures>,
    /// How many bookings with lines count in the month.
    pub bookings: i64,
    /// Which of them are late entries.
    pub late_bookings: i64,
}

/// One line, as far as a month is concerned.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The position of its booking.
    pub position: i64,
    /// From when on it holds.
    pub effective_at: DateTime<Utc>,
    /// The kind of its booking.
    pub kind: &'a str,
    /// The account.
    pub account: BookAccount,
    /// What is counted.
    pub unit: Unit,
    /// Debits are positive.
    pub amount: i64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    opening: i128,
    debits: i128,
    credits: i128,
    late_debits: i128,
    late_credits: i128,
}

/// The figures of a month on their way.
#[derive(Debug, Default)]
pub struct Tally {
    accounts: BTreeMap<(BookAccount, Unit), Moved>,
    payments: BTreeMap<(BookAccount, Unit, PaymentKind), (i64, i128)>,
    bookings: i64,
    late_bookings: i64,
    last_position: i64,
}

impl Tally {
    /// Begins with what was on the accounts when the month before was closed.
    pub fn after(closing: impl IntoIterator<Item = (BookAccount, Unit, Sum)>) -> Self {
        let opened = closing.into_iter().map(|(account, unit, Sum(opening))| {
            ((account, unit), Moved { opening, ..Moved::default() })
        });
        Self { accounts: opened.collect(), ..Self::default() }
    }

    /// Takes one line, in the order of the log; none that counts in a later month.
    pub fn take(&mut self, bounds: &Bounds, line: &Line<'_>) {
        let Some(part) = bounds.part_of(line.effective_at, line.position) else { return };
        let amount = i128::from(line.amount);
        let (debits, credits) = (amount.max(0), amount.min(0).saturating_neg());
        self.add((line.account, line.unit, line.kind), part, (debits, credits, 1));
        if line.position != self.last_position {
            self.last_position = line.position;
            self.count(part, 1);
        }
    }

    /// Adds lines of one account, unit, kind and part: their debits, their credits, and how many.
    pub fn add(
        &mut self,
        (account, unit, kind): (BookAccount, Unit, &str),
        part: Part,
        (debits, credits, count): (i128, i128, i64),
    ) {
        let moved = self.accounts.entry((account, unit)).or_default();
        let amount = debits.saturating_sub(credits);
        match part {
            Part::Opening => {
                moved.opening = moved.opening.saturating_add(amount);
                return;
            }
            Part::Late => {
                moved.late_debits = moved.late_debits.saturating_add(debits);
                moved.late_credits = moved.late_credits.saturating_add(credits);
            }
            Part::Month => {}
        }
        moved.debits = moved.debits.saturating_add(debits);
        moved.credits = moved.credits.saturating_add(credits);
        if account.is_clearing() {
            let key = (account, unit, PaymentKind::of_booking(kind));
            let (known, sum) = self.payments.entry(key).or_default();
            *known = known.saturating_add(count);
            *sum = sum.saturating_add(amount);
        }
    }

    /// Counts bookings of a part.
    pub fn count(&mut self, part: Part, bookings: i64) {
        match part {
            Part::Opening => return,
            Part::Late => self.late_bookings = self.late_bookings.saturating_add(bookings),
            Part::Month => {}
        }
        self.bookings = self.bookings.saturating_add(bookings);
    }

    /// What came out.
    pub fn figures(self) -> Figures {
        let accounts = self.accounts.into_iter().map(|((account, unit), moved)| {
            let Moved { opening, debits, credits, late_debits, late_credits } = moved;
            AccountFigures {
                account,
                unit,
                opening: Sum(opening),
                debits: Sum(debits),
                credits: Sum(credits),
                late_debits: Sum(late_debits),
                late_credits: Sum(late_credits),
                closing: Sum(opening.saturating_add(debits).saturating_sub(credits)),
            }
        });
        let payments = self.payments.into_iter().map(|((account, unit, kind), (count, amount))| {
            PaymentFigures { account, unit, kind, count, amount: Sum(amount) }
        });
        Figures {
            accounts: accounts.collect(),
            payments: payments.collect(),
            bookings: self.bookings,
            late_bookings: self.late_bookings,
        }
    }
}
