//! The balance of every account behind every line.

use std::collections::{BTreeMap, HashMap};

use kontor_domain::credit_ledger::{BookAccount, Entry, Unit};
use uuid::Uuid;

use crate::{BooksError, accounts, posted::Line};

/// The most accounts of one export: each takes some 200 bytes.
const ACCOUNTS_MAX: usize = 5_000_000;

/// What went over an account that is the same for all customers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Turnover {
    pub(crate) debits: i128,
    pub(crate) credits: i128,
}

/// All balances on the way through the log.
#[derive(Debug, Default)]
pub(crate) struct Running {
    /// By account; most have one unit, income has each currency that was taken.
    balances: HashMap<String, Vec<(Unit, i64)>>,
    /// By account without customers and grants, and unit.
    totals: BTreeMap<(BookAccount, Unit), Turnover>,
}

impl Running {
    /// Books the entries of one booking.
    pub(crate) fn book(
        &mut self,
        (position, ledger_id): (i64, Uuid),
        entries: &[Entry],
    ) -> Result<Vec<Line>, BooksError> {
        let unbalanced = |defect| BooksError::Unbalanced { position, defect };
        let mut sums = BTreeMap::<Unit, i128>::new();
        for entry in entries {
            *sums.entry(entry.unit).or_default() += i128::from(entry.amount);
        }
        if sums.values().any(|sum| *sum != 0) {
            return Err(unbalanced("does not add up to zero"));
        }
        let mut lines = Vec::with_capacity(entries.len());
        for entry in entries {
            lines.push(self.line(entry, ledger_id, unbalanced)?);
        }
        Ok(lines)
    }

    fn line(
        &mut self,
        entry: &Entry,
        ledger_id: Uuid,
        unbalanced: impl Fn(&'static str) -> BooksError,
    ) -> Result<Line, BooksError> {
        let Entry { account: book, unit, amount, grant_id } = *entry;
        let account = accounts::name(entry, ledger_id);
        let units = self.balances.entry(account.clone()).or_default();
        let is_new = units.is_empty();
        let place = units.iter().position(|(known, _)| *known == unit).unwrap_or_else(|| {
            units.push((unit, 0));
            units.len() - 1
        });
        let balance = &mut units[place].1;
        *balance = balance.checked_add(amount).ok_or_else(|| unbalanced("leaves 64 bits"))?;
        let balance = *balance;
        if self.balances.len() > ACCOUNTS_MAX {
            return Err(BooksError::TooManyAccounts(ACCOUNTS_MAX));
        }
        let total = self.totals.entry((book, unit)).or_default();
        if amount > 0 {
            total.debits += i128::from(amount);
        } else {
            total.credits -= i128::from(amount);
        }
        Ok(Line { account, is_new, unit, amount, balance, grant_id })
    }

    /// What went over each account, by account and unit.
    pub(crate) fn totals(&self) -> &BTreeMap<(BookAccount, Unit), Turnover> {
        &self.totals
    }
}
