//! The books of a tenant: what is on each account, at any instant of both axes of time, and the lines
//! behind it.
//!
//! A line has the instant from which it *holds*, and the instant at which the log *recorded* it. What
//! was recorded before an instant is what was known then, and never changes again; what holds before
//! an instant may still grow by what is booked late.

mod apply;
mod balances;
mod statement;

use chrono::{DateTime, Utc};
use kontor_domain::credit_ledger::{BookAccount, Unit};
use sqlx::{FromRow, Row, postgres::PgRow};
use uuid::Uuid;

pub(crate) use self::statement::select_lines;
pub use self::{
    balances::{account_balances, trial_balance},
    statement::{Movement, Period, Statement, Subject, Turnover, booking, statement},
};
use crate::{
    columns::{decode_error, named},
    credits::LINES_MAX,
};

/// The projection behind these tables; its follower is called `books`.
#[derive(Clone, Copy, Debug)]
pub struct Books;

/// Which lines count. Each bound is the first instant that does not count any more.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AsOf {
    /// Lines that hold from before this instant; all when absent.
    pub effective_before: Option<DateTime<Utc>>,
    /// Lines that were recorded before this instant ("as known then"); all when absent ("as known
    /// now").
    pub recorded_before: Option<DateTime<Utc>>,
}

/// What went over one account in one unit, over all customers. Sums are wider than amounts, so that
/// no number of bookings leaves them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AccountBalance {
    /// The account.
    pub account: BookAccount,
    /// What is counted.
    pub unit: Unit,
    /// All debits, from 0 up.
    pub debits: i128,
    /// All credits, from 0 up.
    pub credits: i128,
}

impl AccountBalance {
    /// What is on the account: debits are positive.
    pub fn balance(&self) -> i128 {
        self.debits.saturating_sub(self.credits)
    }
}

/// One line of a booking.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LineRow {
    /// Its place in the log: [`LINES_MAX`] times the position of its booking, and its line from 0.
    pub place: i64,
    /// The ledger.
    pub ledger_id: Uuid,
    /// The version of the booking in its ledger.
    pub version: i64,
    /// The event without its aggregate, such as `spent`.
    pub kind: String,
    /// The account.
    pub account: BookAccount,
    /// What is counted.
    pub unit: Unit,
    /// Debits are positive, in whole credits, messages or minor units.
    pub amount: i64,
    /// The grant or pass, where the account is divided by them.
    pub grant_id: Option<Uuid>,
    /// From when on it holds.
    pub effective_at: DateTime<Utc>,
    /// When the log accepted it.
    pub recorded_at: DateTime<Utc>,
}

impl LineRow {
    /// The position of its booking in the log.
    pub fn position(&self) -> i64 {
        self.place / LINES_MAX
    }

    /// Which line of its booking it is, from 0.
    pub fn line(&self) -> i64 {
        self.place % LINES_MAX
    }
}

/// Reads a sum, which comes as text because it may be wider than any number of the database.
fn wide(row: &PgRow, column: &str) -> Result<i128, sqlx::Error> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|err| decode_error(column, err))
}

impl FromRow<'_, PgRow> for AccountBalance {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            account: named(row, "account")?,
            unit: named(row, "unit")?,
            debits: wide(row, "debits")?,
            credits: wide(row, "credits")?,
        })
    }
}

impl FromRow<'_, PgRow> for LineRow {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            place: row.try_get("place")?,
            ledger_id: row.try_get("ledger_id")?,
            version: row.try_get("version")?,
            kind: row.try_get("kind")?,
            account: named(row, "account")?,
            unit: named(row, "unit")?,
            amount: row.try_get("amount")?,
            grant_id: row.try_get("grant_id")?,
            effective_at: row.try_get("effective_at")?,
            recorded_at: row.try_get("recorded_at")?,
        })
    }
}
