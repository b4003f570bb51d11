//! Events in, rows out.

use std::collections::HashMap;

use async_trait::async_trait;
use kontor_domain::{
    Recorded,
    credit_ledger::{BookAccount, CreditLedgerEvent, Entry, Unit},
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{BalanceRow, Credits, EntryRow, HistoryRow, LINES_MAX, select_balances, write};
use crate::{
    ApplyError, Projection,
    columns::{Shape, event_error, name_of},
    streams::{continued, no_row},
};

#[async_trait]
impl Projection for Credits {
    fn name(&self) -> &'static str {
        "credits"
    }

    fn version(&self) -> i32 {
        2
    }

    fn event_types(&self) -> &'static [&'static str] {
        &[
            "credit_ledger.opened",
            "credit_ledger.granted",
            "credit_ledger.pass_granted",
            "credit_ledger.spent",
            "credit_ledger.held",
            "credit_ledger.hold_captured",
            "credit_ledger.hold_released",
            "credit_ledger.spend_reversed",
            "credit_ledger.grant_expired",
            "credit_ledger.grant_refunded",
            "credit_ledger.refund_returned",
            "credit_ledger.grant_revoked",
            "credit_ledger.dispute_opened",
            "credit_ledger.dispute_closed",
            "credit_ledger.debt_covered",
            "credit_ledger.debt_written_off",
            "credit_ledger.adjusted",
            "credit_ledger.pass_recognised",
            "credit_ledger.pass_refunded",
            "credit_ledger.part_refunded",
            "credit_ledger.low",
            "credit_ledger.reset_begun",
        ]
    }

    fn tables(&self) -> &'static [&'static str] {
        &["credit_balances", "credit_history", "ledger_entries"]
    }

    fn tables_sql(&self) -> &'static str {
        include_str!("tables.sql")
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let streams = continued(events);
        let loaded = if streams.is_empty() {
            Vec::new()
        } else {
            let rows = sqlx::query_as(select_balances!("where id = any($1)")).bind(streams);
            rows.fetch_all(&mut *db).await?
        };
        let folded = Folded::of(loaded, events)?;
        write::balances(db, &folded.balances).await?;
        write::history(db, &folded.history).await?;
        write::entries(db, &folded.entries).await
    }
}

/// The rows that a page leads to.
struct Folded {
    balances: Vec<BalanceRow>,
    history: Vec<HistoryRow>,
    entries: Vec<EntryRow>,
}

impl Folded {
    /// Folds a page over the balances that were read for it; events that they hold are passed by.
    fn of(loaded: Vec<BalanceRow>, events: &[Recorded]) -> Result<Self, ApplyError> {
        let mut rows: HashMap<Uuid, BalanceRow> =
            loaded.into_iter().map(|row| (row.id, row)).collect();
        let (mut history, mut entries) = (Vec::new(), Vec::new());
        for event in events {
            let before = rows.remove(&event.stream_id);
            if let Some(row) = &before
                && row.version >= event.version
            {
                rows.extend(before.map(|row| (row.id, row)));
                continue;
            }
            let fact: CreditLedgerEvent = event.body()?;
            let available_before = before.as_ref().map_or(0, |row| row.available);
            let row = after(before, event, &fact)?;
            history.push(told(event, &fact, available_before, &row));
            journal(event, &fact, &mut entries)?;
            rows.insert(row.id, row);
        }
        Ok(Self { balances: rows.into_values().collect(), history, entries })
    }
}

/// The balance after one more fact.
fn after(
    row: Option<BalanceRow>,
    event: &Recorded,
    fact: &CreditLedgerEvent,
) -> Result<BalanceRow, ApplyError> {
    let mut row = match (fact, row) {
        (CreditLedgerEvent::Opened(opened), None) => empty(event, opened.account_id),
        (_, Some(row)) => row,
        (_, None) => return Err(no_row(event)),
    };
    let booking = fact.booking();
    for entry in &booking.entries {
        count(&mut row, entry).ok_or_else(|| overflow(event))?;
    }
    row.messages = row.messages.checked_add(messages(fact)).ok_or_else(|| overflow(event))?;
    if let CreditLedgerEvent::PassGranted(pass) = fact {
        row.pass_ends_at = row.pass_ends_at.max(Some(pass.ends_at));
    }
    row.booked_at = booking.at;
    row.head = booking.head.to_string();
    row.position = event.position;
    row.version = event.version;
    Ok(row)
}

fn empty(event: &Recorded, account_id: Uuid) -> BalanceRow {
    BalanceRow {
        id: event.stream_id,
        tenant: event.tenant.clone(),
        account_id,
        available: 0,
        held: 0,
        owed: 0,
        spent: 0,
        messages: 0,
        pass_ends_at: None,
        booked_at: event.occurred_at,
        head: String::new(),
        created_position: event.position,
        position: event.position,
        version: event.version,
    }
}

/// Counts a line that moves credits; none when the sum leaves the numbers. Debits are positive, so
/// what the customer has, being a liability, grows by credits.
fn count(row: &mut BalanceRow, entry: &Entry) -> Option<()> {
    match entry.unit {
        Unit::Credits => {}
        Unit::Messages | Unit::Money(_) => return Some(()),
    }
    let amount = entry.amount;
    match entry.account {
        BookAccount::PaidCredits | BookAccount::PromoCredits => {
            row.available = row.available.checked_sub(amount)?;
        }
        BookAccount::HeldCredits => row.held = row.held.checked_sub(amount)?,
        BookAccount::Receivable => row.owed = row.owed.checked_add(amount)?,
        BookAccount::Consumed => row.spent = row.spent.checked_sub(amount)?,
        BookAccount::IssuedPaid
        | BookAccount::IssuedPromo
        | BookAccount::Expired
        | BookAccount::Revoked
        | BookAccount::WrittenOff
        | BookAccount::ClearingStripe
        | BookAccount::ClearingYookassa
        | BookAccount::ClearingTelegramStars
        | BookAccount::ClearingManual
        | BookAccount::DisputeReserve
        | BookAccount::DeferredRevenue
        | BookAccount::IncomeMessages
        | BookAccount::IncomePasses
        | BookAccount::IncomeBreakage
        | BookAccount::IncomeRecovered
        | BookAccount::BadDebt
        | BookAccount::InTransit
        | BookAccount::Bank
        | BookAccount::ProviderFees
        | BookAccount::Differences
        | BookAccount::UsageMessages
        | BookAccount::UsagePasses => {}
    }
    Some(())
}

fn overflow(event: &Recorded) -> ApplyError {
    event_error(Shape(format!(
        "`{}` at position {} takes the sums of ledger {} out of the numbers",
        event.event_type, event.position, event.stream_id
    )))
}

/// The line of the history.
fn told(
    event: &Recorded,
    fact: &CreditLedgerEvent,
    available_before: i64,
    row: &BalanceRow,
) -> HistoryRow {
    let kind = event.event_type.split_once('.').map_or(&*event.event_type, |(_, kind)| kind);
    HistoryRow {
        ledger_id: event.stream_id,
        version: event.version,
        tenant: event.tenant.clone(),
        position: event.position,
        kind: kind.to_owned(),
        subject_id: subject(fact),
        credits: row.available.saturating_sub(available_before),
        available: row.available,
        messages: messages(fact),
        booked_at: fact.booking().at,
    }
}

/// The messages that were sent.
fn messages(fact: &CreditLedgerEvent) -> i64 {
    match fact {
        CreditLedgerEvent::Spent(spent) => spent.messages,
        CreditLedgerEvent::HoldCaptured(captured) => captured.messages,
        CreditLedgerEvent::Opened(_)
        | CreditLedgerEvent::Granted(_)
        | CreditLedgerEvent::PassGranted(_)
        | CreditLedgerEvent::Held(_)
        | CreditLedgerEvent::HoldReleased(_)
        | CreditLedgerEvent::SpendReversed(_)
        | CreditLedgerEvent::GrantExpired(_)
        | CreditLedgerEvent::GrantRefunded(_)
        | CreditLedgerEvent::PartRefunded(_)
        | CreditLedgerEvent::RefundReturned(_)
        | CreditLedgerEvent::GrantRevoked(_)
        | CreditLedgerEvent::DisputeOpened(_)
        | CreditLedgerEvent::DisputeClosed(_)
        | CreditLedgerEvent::DebtCovered(_)
        | CreditLedgerEvent::DebtWrittenOff(_)
        | CreditLedgerEvent::Adjusted(_)
        | CreditLedgerEvent::PassRecognised(_)
        | CreditLedgerEvent::PassRefunded(_)
        | CreditLedgerEvent::Low(_)
        | CreditLedgerEvent::ResetBegun(_) => 0,
    }
}

/// What the fact is about.
fn subject(fact: &CreditLedgerEvent) -> Option<Uuid> {
    match fact {
        CreditLedgerEvent::Opened(_)
        | CreditLedgerEvent::DebtWrittenOff(_)
        | CreditLedgerEvent::Adjusted(_)
        | CreditLedgerEvent::Low(_)
        | CreditLedgerEvent::ResetBegun(_) => None,
        CreditLedgerEvent::Granted(it) => Some(it.grant_id),
        CreditLedgerEvent::PassGranted(it) => Some(it.pass_id),
        CreditLedgerEvent::Spent(it) => Some(it.spend_id),
        CreditLedgerEvent::Held(it) => Some(it.hold_id),
        CreditLedgerEvent::HoldCaptured(it) => Some(it.hold_id),
        CreditLedgerEvent::HoldReleased(it) => Some(it.hold_id),
        CreditLedgerEvent::SpendReversed(it) => Some(it.reversal_id),
        CreditLedgerEvent::GrantExpired(it) => Some(it.slice.grant_id),
        CreditLedgerEvent::GrantRefunded(it) => Some(it.refund_id),
        CreditLedgerEvent::PartRefunded(it) => Some(it.refund_id),
        CreditLedgerEvent::RefundReturned(it) => Some(it.refund_id),
        CreditLedgerEvent::GrantRevoked(it) => Some(it.slice.grant_id),
        CreditLedgerEvent::DisputeOpened(it) => Some(it.dispute_id),
        CreditLedgerEvent::DisputeClosed(it) => Some(it.dispute_id),
        CreditLedgerEvent::DebtCovered(it) => Some(it.slice.grant_id),
        CreditLedgerEvent::PassRecognised(it) => Some(it.pass_id),
        CreditLedgerEvent::PassRefunded(it) => Some(it.pass_id),
    }
}

/// Adds the lines of a booking to the journal.
fn journal(
    event: &Recorded,
    fact: &CreditLedgerEvent,
    entries: &mut Vec<EntryRow>,
) -> Result<(), ApplyError> {
    let booking = fact.booking();
    for (line, entry) in (0..).zip(&booking.entries) {
        let place = event.version.checked_mul(LINES_MAX).filter(|_| line < LINES_MAX);
        entries.push(EntryRow {
            ledger_id: event.stream_id,
            entry: place
                .and_then(|place| place.checked_add(line))
                .ok_or_else(|| overflow(event))?,
            tenant: event.tenant.clone(),
            position: event.position,
            version: event.version,
            account: name_of(&entry.account)?,
            unit: entry.unit.to_string(),
            amount: entry.amount,
            grant_id: entry.grant_id,
            booked_at: booking.at,
        });
    }
    Ok(())
}
