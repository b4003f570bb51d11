//! Per statement or difference: what it leads to in the ledger of the house.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use kontor_domain::{
    Currency, EventDecodeError, Money, Recorded,
    credit_ledger::{
        Adjust, AdjustmentCause, BookAccount, CreditLedgerCommand, PaymentProvider, Posting,
        house_ledger_id,
    },
    provider_statement::{LineKind, ProviderStatementEvent, RecordedLine, StatementSource},
    reconciliation::ReconciliationEvent,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::policy::{Audience, Directive, Instance, Order, Policy, PolicyError};

const LINES: &str = "provider_statement.lines_recorded";

/// Books what a provider kept and sent, what arrived at the bank, and what people decided about
/// differences.
///
/// Charges and refunds are booked in the ledgers of the customers, and never from a statement: what
/// fits nothing there is a difference for people to look at. A line is booked when it is new; one that
/// only says more than before is not booked again.
#[derive(Clone, Copy, Debug)]
pub struct SettleBooks;

/// Nothing is remembered: the statements and the ledger know what was there before.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Nothing {}

impl Policy for SettleBooks {
    type State = Nothing;

    fn name(&self) -> &'static str {
        "settle_books"
    }

    fn version(&self) -> i32 {
        1
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[LINES, "reconciliation.adjusted", "reconciliation.written_off"]
    }

    fn audience(&self, event: &Recorded) -> Result<Audience, EventDecodeError> {
        Ok(Audience::One(event.stream_id))
    }

    fn react(
        &self,
        _state: &mut Nothing,
        _instance: Instance<'_>,
        event: &Recorded,
    ) -> Result<Vec<Order>, PolicyError> {
        if event.event_type == LINES {
            let ProviderStatementEvent::LinesRecorded(recorded) = event.body()?;
            return by_days(event, recorded.source, &recorded.lines);
        }
        let (cause, posting) = match event.body::<ReconciliationEvent>()? {
            ReconciliationEvent::Adjusted(adjusted) => {
                (AdjustmentCause::Correction, adjusted.posting)
            }
            ReconciliationEvent::WrittenOff(written) => {
                (AdjustmentCause::WriteOff, written.posting)
            }
            // Not asked for.
            ReconciliationEvent::Assigned(_)
            | ReconciliationEvent::Explained(_)
            | ReconciliationEvent::WriteOffProposed(_)
            | ReconciliationEvent::Reopened(_) => return Ok(vec![]),
        };
        Ok(vec![book(event, "decided", (cause, event.occurred_at), vec![posting])?])
    }
}

/// What is moved from one account to another in one currency.
type Moves = BTreeMap<(BookAccount, BookAccount, Currency), i64>;

/// One booking for each day of a file's part, so that each holds from its own day on.
fn by_days(
    event: &Recorded,
    source: StatementSource,
    lines: &[RecordedLine],
) -> Result<Vec<Order>, PolicyError> {
    let mut days: BTreeMap<NaiveDate, (DateTime<Utc>, Moves)> = BTreeMap::new();
    for RecordedLine { line, .. } in lines.iter().filter(|recorded| !recorded.completed) {
        let (latest, moves) = days.entry(line.at.date_naive()).or_default();
        *latest = line.at.max(*latest);
        let mut note = |debit: BookAccount, credit: BookAccount, amount: i64| {
            let sum = moves.entry((debit, credit, line.currency)).or_default();
            *sum = sum.saturating_add(amount);
        };
        let Some(clearing) = clearing(source.provider().or(line.from)) else { continue };
        note(BookAccount::ProviderFees, clearing, line.fee_minor);
        match line.kind {
            LineKind::Fee => note(BookAccount::ProviderFees, clearing, -line.amount_minor),
            LineKind::Payout => note(BookAccount::InTransit, clearing, -line.amount_minor),
            LineKind::Arrival => {
                note(BookAccount::Bank, sent_from(line.from, clearing), line.amount_minor);
            }
            LineKind::Charge | LineKind::Refund | LineKind::Dispute | LineKind::Other => {}
        }
    }
    let mut orders = Vec::new();
    for (day, (latest, moves)) in days {
        let postings: Vec<Posting> = moves.into_iter().filter_map(posting).collect();
        if !postings.is_empty() {
            let name = format!("day {day}");
            orders.push(book(event, &name, (AdjustmentCause::Statement, latest), postings)?);
        }
    }
    Ok(orders)
}

fn posting(
    ((debit, credit, currency), amount): ((BookAccount, BookAccount, Currency), i64),
) -> Option<Posting> {
    // What a provider gave back moves the other way.
    let (debit, credit) = if amount < 0 { (credit, debit) } else { (debit, credit) };
    let amount = Money::new(amount.saturating_abs(), currency);
    (amount.amount_minor > 0).then_some(Posting { debit, credit, amount })
}

fn clearing(provider: Option<PaymentProvider>) -> Option<BookAccount> {
    Some(match provider? {
        PaymentProvider::Stripe => BookAccount::ClearingStripe,
        PaymentProvider::Yookassa => BookAccount::ClearingYookassa,
        PaymentProvider::TelegramStars => BookAccount::ClearingTelegramStars,
        PaymentProvider::Manual => BookAccount::ClearingManual,
    })
}

/// Where money that arrived came from: those who say what they sent have it booked as under way.
fn sent_from(provider: Option<PaymentProvider>, clearing: BookAccount) -> BookAccount {
    match provider {
        Some(PaymentProvider::Stripe | PaymentProvider::TelegramStars) => BookAccount::InTransit,
        Some(PaymentProvider::Yookassa | PaymentProvider::Manual) | None => clearing,
    }
}

fn book(
    event: &Recorded,
    name: &str,
    (cause, effective_at): (AdjustmentCause, DateTime<Utc>),
    postings: Vec<Posting>,
) -> Result<Order, PolicyError> {
    let command = CreditLedgerCommand::Adjust(Adjust {
        adjustment_id: Uuid::new_v5(&event.event_id, name.as_bytes()),
        cause,
        about: event.stream_id,
        effective_at,
        postings,
    });
    let house = house_ledger_id(&event.tenant);
    Ok(Order::Send(Directive::new("credit_ledger", house, &command)?))
}
