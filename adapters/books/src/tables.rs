//! Tables with a header, in CSV by RFC 4180. Ids and instants are plain ASCII and amounts are
//! numbers, so no cell can be taken for a formula.

use std::io::Write;

use kontor_domain::credit_ledger::{BookAccount, Unit};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    TrialLine, accounts,
    posted::{Dated, Late, Line},
    running::Turnover,
};

/// One row for each booking.
pub(crate) const BOOKINGS: &str = "bookings.csv";
/// One row for each line of each booking.
pub(crate) const ENTRIES: &str = "entries.csv";
/// One row for each account and unit.
pub(crate) const TRIAL_BALANCE: &str = "trial-balance.csv";

/// A row of [`BOOKINGS`].
#[derive(Serialize)]
pub(crate) struct BookingRow {
    pub(crate) position: i64,
    pub(crate) day: String,
    pub(crate) kind: &'static str,
    pub(crate) ledger_id: Uuid,
    pub(crate) number: i64,
    pub(crate) event_id: Uuid,
    pub(crate) command_id: Uuid,
    pub(crate) recorded_at: String,
    pub(crate) booked_at: String,
    pub(crate) lines: usize,
    /// The hash that the booking carries: see `kontor ledger verify`.
    pub(crate) head: String,
    /// The closed month that it came too late for; empty when it did not.
    pub(crate) late_of: String,
    /// The month in which a late entry counts.
    pub(crate) counts_in: String,
}

impl BookingRow {
    /// The columns.
    pub(crate) const COLUMNS: [&'static str; 13] = [
        "position",
        "day",
        "kind",
        "ledger_id",
        "number",
        "event_id",
        "command_id",
        "recorded_at",
        "booked_at",
        "lines",
        "head",
        "late_of",
        "counts_in",
    ];

    pub(crate) fn of(booking: &Dated<'_>) -> Self {
        let (posted, carried) = (&booking.posted, booking.posted.event.booking());
        let (late_of, counts_in) = Late::columns(booking.late);
        Self {
            position: posted.position,
            day: booking.day.to_string(),
            kind: posted.kind(),
            ledger_id: posted.ledger_id,
            number: carried.number,
            event_id: posted.event_id,
            command_id: posted.command_id,
            recorded_at: posted.recorded_at.to_rfc3339(),
            booked_at: carried.at.to_rfc3339(),
            lines: booking.lines.len(),
            head: carried.head.to_string(),
            late_of,
            counts_in,
        }
    }
}

/// A row of [`ENTRIES`].
#[derive(Serialize)]
pub(crate) struct EntryRow<'a> {
    pub(crate) position: i64,
    pub(crate) line: usize,
    pub(crate) day: String,
    pub(crate) kind: &'static str,
    pub(crate) ledger_id: Uuid,
    pub(crate) account: &'a str,
    pub(crate) unit: String,
    pub(crate) amount: String,
    /// What is on the account after this line.
    pub(crate) balance: String,
    pub(crate) amount_minor: i64,
    pub(crate) balance_minor: i64,
    pub(crate) grant_id: Option<Uuid>,
    pub(crate) late_of: String,
    pub(crate) counts_in: String,
}

impl<'a> EntryRow<'a> {
    /// The columns.
    pub(crate) const COLUMNS: [&'static str; 14] = [
        "position",
        "line",
        "day",
        "kind",
        "ledger_id",
        "account",
        "unit",
        "amount",
        "balance",
        "amount_minor",
        "balance_minor",
        "grant_id",
        "late_of",
        "counts_in",
    ];

    pub(crate) fn of(booking: &Dated<'_>, (number, line): (usize, &'a Line)) -> Self {
        let (late_of, counts_in) = Late::columns(booking.late);
        Self {
            position: booking.posted.position,
            line: number,
            day: booking.day.to_string(),
            kind: booking.posted.kind(),
            ledger_id: booking.posted.ledger_id,
            account: &line.account,
            unit: line.unit.to_string(),
            amount: line.unit.decimal(line.amount),
            balance: line.unit.decimal(line.balance),
            amount_minor: line.amount,
            balance_minor: line.balance,
            grant_id: line.grant_id,
            late_of,
            counts_in,
        }
    }
}

/// A row of [`TRIAL_BALANCE`].
#[derive(Serialize)]
pub(crate) struct TrialRow {
    pub(crate) account: &'static str,
    pub(crate) unit: String,
    pub(crate) debits: String,
    pub(crate) credits: String,
    pub(crate) balance: String,
}

impl TrialRow {
    /// The columns.
    pub(crate) const COLUMNS: [&'static str; 5] =
        ["account", "unit", "debits", "credits", "balance"];

    pub(crate) fn of(((account, unit), turnover): (&(BookAccount, Unit), &Turnover)) -> Self {
        let (debits, credits) = (turnover.debits, turnover.credits);
        Self {
            account: accounts::root(*account),
            unit: unit.to_string(),
            debits: unit.decimal(debits),
            credits: unit.decimal(credits),
            balance: unit.decimal(debits - credits),
        }
    }

    pub(crate) fn into_line(self) -> TrialLine {
        let Self { account, unit, balance, .. } = self;
        TrialLine { account: account.to_owned(), unit, balance }
    }
}

/// A table on its way.
pub(crate) struct Table<W: Write>(csv::Writer<W>);

impl<W: Write> Table<W> {
    /// Begins a table with its header, which stands there even when no row follows.
    pub(crate) fn begin(to: W, columns: &[&str]) -> csv::Result<Self> {
        let mut table = csv::WriterBuilder::new().has_headers(false).from_writer(to);
        table.write_record(columns)?;
        Ok(Self(table))
    }

    /// Writes a row.
    pub(crate) fn row(&mut self, row: &impl Serialize) -> csv::Result<()> {
        self.0.serialize(row)
    }

    /// Ends the table.
    pub(crate) fn finish(self) -> std::io::Result<W> {
        self.0.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}
