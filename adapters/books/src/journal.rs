//! One journal for hledger and for Ledger: each has a file of its own with what it wants declared,
//! and both include the same body.
//!
//! Every line asserts the balance of its account behind it, so either tool refuses a body in which a
//! single amount was changed. hledger judges in the order of the days and Ledger in that of the
//! lines; the days of the books never go back, so both orders are one.

use std::io::{self, Write};

use kontor_domain::{Currency, credit_ledger::Unit};

use crate::posted::Dated;

/// The shared body.
pub(crate) const BODY: &str = "body.journal";
/// What `hledger -f` is given.
pub(crate) const HLEDGER: &str = "books.hledger";
/// What `ledger -f` is given.
pub(crate) const LEDGER: &str = "books.ledger";

/// The tags of each booking.
const TAGS: [&str; 6] =
    ["ledger_id", "number", "event_id", "command_id", "recorded_at", "booked_at"];

/// The tags of late entries: the closed month from which on they hold, and where they count.
const LATE_TAGS: [&str; 2] = ["late_of", "counts_in"];

/// The units that the books may count in.
fn units() -> impl Iterator<Item = Unit> {
    let money = Currency::all().map(Unit::Money);
    [Unit::Credits, Unit::Messages].into_iter().chain(money)
}

/// One thousand of a unit, as the tools learn its decimals from.
fn sample(unit: Unit, bare_point: &str) -> String {
    match unit.decimals() as usize {
        0 => format!("1000{bare_point} {unit}"),
        digits => format!("1000.{:0digits$} {unit}", 0),
    }
}

/// Writes the file for hledger.
pub(crate) fn write_hledger(to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "; hledger -f {HLEDGER} check --strict ordereddates")?;
    writeln!(to, "decimal-mark .")?;
    for unit in units() {
        // hledger wants the decimal mark even where nothing follows.
        writeln!(to, "commodity {}", sample(unit, "."))?;
    }
    writeln!(to, "include {BODY}")
}

/// Writes the file for Ledger.
pub(crate) fn write_ledger(to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "; ledger --pedantic -f {LEDGER} balance")?;
    for unit in units() {
        writeln!(to, "commodity {unit}\n    format {}", sample(unit, ""))?;
    }
    for tag in TAGS.iter().chain(&LATE_TAGS) {
        writeln!(to, "tag {tag}")?;
    }
    writeln!(to, "include {BODY}")
}

/// Writes one booking into the body.
pub(crate) fn write_booking(to: &mut impl Write, booking: &Dated<'_>) -> io::Result<()> {
    let Dated { posted, day, lines, .. } = booking;
    let (position, kind) = (posted.position, posted.kind());
    for line in lines.iter().filter(|line| line.is_new) {
        writeln!(to, "account {}", line.account)?;
    }
    if lines.is_empty() {
        // A fact that moves nothing: neither tool has transactions without lines.
        return writeln!(to, "; {day} ({position}) {kind} {}\n", posted.ledger_id);
    }
    match booking.holds_from {
        Some(holds_from) => write!(to, "{day}={holds_from}")?,
        None => write!(to, "{day}")?,
    }
    writeln!(to, " * ({position}) {kind}")?;
    let carried = posted.event.booking();
    for (tag, value) in TAGS.into_iter().zip([
        posted.ledger_id.to_string(),
        carried.number.to_string(),
        posted.event_id.to_string(),
        posted.command_id.to_string(),
        posted.recorded_at.to_rfc3339(),
        carried.at.to_rfc3339(),
    ]) {
        writeln!(to, "    ; {tag}: {value}")?;
    }
    if let Some(late) = booking.late {
        let [of, counts_in] = LATE_TAGS;
        writeln!(to, "    ; {of}: {}\n    ; {counts_in}: {}", late.of, late.counts_in)?;
    }
    for line in lines {
        let (amount, balance) = (line.unit.decimal(line.amount), line.unit.decimal(line.balance));
        writeln!(to, "    {}  {amount} {unit} = {balance} {unit}", line.account, unit = line.unit)?;
    }
    writeln!(to)
}
