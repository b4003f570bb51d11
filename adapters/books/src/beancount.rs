//! The journal for Beancount. It asserts balances at the beginning of a day only, so the accounts
//! that a day touched are asserted on the next.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use chrono::{Days, NaiveDate};
use kontor_domain::credit_ledger::Unit;

use crate::posted::Dated;

/// What `bean-check` is given.
pub(crate) const FILE: &str = "books.beancount";

/// A journal on its way.
pub(crate) struct Beancount<W> {
    to: W,
    day: Option<NaiveDate>,
    /// What is on the accounts that the day touched.
    touched: BTreeMap<(String, Unit), i64>,
}

impl<W: Write> Beancount<W> {
    /// Begins a journal.
    pub(crate) fn begin(mut to: W, title: &str) -> io::Result<Self> {
        writeln!(to, "; bean-check {FILE}")?;
        writeln!(to, "option \"title\" \"{title}\"\n")?;
        Ok(Self { to, day: None, touched: BTreeMap::new() })
    }

    /// Writes one booking.
    pub(crate) fn take(&mut self, booking: &Dated<'_>) -> io::Result<()> {
        let Dated { posted, day, lines, .. } = booking;
        if self.day.is_some_and(|before| before < *day) {
            self.assert_balances()?;
        }
        self.day = Some(*day);
        let to = &mut self.to;
        for line in lines.iter().filter(|line| line.is_new) {
            writeln!(to, "{day} open {}", line.account)?;
        }
        let carried = posted.event.booking();
        writeln!(to, "{day} * \"{}\"", posted.kind())?;
        writeln!(to, "  position: {}", posted.position)?;
        writeln!(to, "  ledger: \"{}\"", posted.ledger_id)?;
        writeln!(to, "  number: {}", carried.number)?;
        writeln!(to, "  event: \"{}\"", posted.event_id)?;
        writeln!(to, "  command: \"{}\"", posted.command_id)?;
        writeln!(to, "  recorded: \"{}\"", posted.recorded_at.to_rfc3339())?;
        writeln!(to, "  booked: \"{}\"", carried.at.to_rfc3339())?;
        if let Some(late) = booking.late {
            writeln!(to, "  late_of: \"{}\"\n  counts_in: \"{}\"", late.of, late.counts_in)?;
        }
        for line in lines {
            let amount = line.unit.decimal(line.amount);
            writeln!(to, "  {}  {amount} {}", line.account, line.unit)?;
            self.touched.insert((line.account.clone(), line.unit), line.balance);
        }
        writeln!(self.to)
    }

    /// Ends the journal with the assertions of its last day.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.assert_balances()?;
        Ok(self.to)
    }

    /// A tolerance of zero is said aloud: the tool's own would let a cent pass.
    fn assert_balances(&mut self) -> io::Result<()> {
        let Some(next) = self.day.and_then(|day| day.checked_add_days(Days::new(1))) else {
            return Ok(());
        };
        for ((account, unit), balance) in std::mem::take(&mut self.touched) {
            writeln!(self.to, "{next} balance {account}  {} ~ 0 {unit}", unit.decimal(balance))?;
        }
        writeln!(self.to)
    }
}
