//! What a command to a statement leads to.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{
    LINES_AT_ONCE_MAX, LinesRecorded, ProviderStatement, ProviderStatementCommand,
    ProviderStatementEvent, ProviderStatementRefusal as No, Record, RecordedLine, StatementFile,
    StatementLine, StatementSource, month_of, provider_statement_id,
    state::{Rest, key_of},
};
use crate::{Actor, Decider, Issued};

type Decision = Result<Vec<ProviderStatementEvent>, No>;

/// How many lines a month of one source may have. A state holds them all, so that no line counts
/// twice; some 7000 payments a day.
const LINES_MAX: usize = 200_000;
/// How many lines a file may have; see `kontor_statements`.
const FILE_LINES_MAX: i64 = 1_000_000;
/// The largest amount of a line: a billion in most currencies.
const AMOUNT_MINOR_MAX: i64 = 100_000_000_000;
/// The longest id of a source, in bytes.
const REFERENCE_BYTES_MAX: usize = 255;
/// How far a line may be ahead of the clock: clocks differ, and a bank's day may begin elsewhere.
const AHEAD_MAX: TimeDelta = TimeDelta::days(1);
/// How many ids a line may name.
const REFERENCES_MAX: usize = 8;

impl Decider for ProviderStatement {
    type Order = ProviderStatementCommand;
    type Fact = ProviderStatementEvent;
    type Reason = No;

    fn decide(&self, issued: Issued<ProviderStatementCommand>) -> Decision {
        if !issued.tenant.exists {
            return Err(No::TenantUnknown);
        }
        match issued.actor {
            Actor::Customer { .. } => return Err(No::NotAllowed),
            Actor::Operator { .. } | Actor::System { .. } => {}
        }
        let ProviderStatementCommand::Record(record) = issued.command;
        let expected = provider_statement_id(&issued.tenant.id, record.source, record.month);
        if issued.id != expected {
            return Err(No::IdMismatch { expected });
        }
        self.record(record, issued.id, issued.at)
    }

    /// Ids of sources name what moved, not people; the texts of a bank's lines are left out.
    fn personal_fields(_order: &ProviderStatementCommand) -> Option<&'static [&'static str]> {
        Some(&[])
    }
}

impl ProviderStatement {
    fn record(&self, record: Record, id: Uuid, at: DateTime<Utc>) -> Decision {
        check_file(&record.file)?;
        if !(1..=LINES_AT_ONCE_MAX).contains(&record.lines.len()) {
            let expected = format!("1 to {LINES_AT_ONCE_MAX} lines");
            return Err(No::FieldOutOfRange { field: "lines".to_owned(), expected });
        }
        for (number, line) in (1..).zip(&record.lines) {
            check_line(line, &record, at).map_err(|(field, expected)| No::LineInvalid {
                line: number,
                field: field.to_owned(),
                expected: expected.to_owned(),
            })?;
        }
        let lines = self.news(record.lines, (record.source, id))?;
        if lines.is_empty() {
            return Ok(vec![]);
        }
        let Record { source, month, file, .. } = record;
        let recorded = LinesRecorded { source, month, file, lines };
        Ok(vec![ProviderStatementEvent::LinesRecorded(recorded)])
    }

    /// The lines that are not there yet, or say more than is known. A line that a file has twice is
    /// one line.
    fn news(
        &self,
        lines: Vec<StatementLine>,
        (source, id): (StatementSource, Uuid),
    ) -> Result<Vec<RecordedLine>, No> {
        let mut order = Vec::new();
        let mut named: BTreeMap<String, Uuid> = BTreeMap::new();
        let mut merged: BTreeMap<Uuid, StatementLine> = BTreeMap::new();
        for line in lines {
            let line_id = match key_of(source, &line) {
                Some(key) => {
                    let known = self.named.get(&key).copied();
                    known.unwrap_or_else(|| *named.entry(key).or_insert_with(|| line.id(id)))
                }
                None => line.id(id),
            };
            let before = merged.get(&line_id).map(Rest::of);
            let before = before.or_else(|| self.lines.get(&line_id).cloned()).unwrap_or_default();
            let Rest { references, payout_ref } = before.with(&Rest::of(&line));
            // The first eight by their spelling: the same ones in whatever order files come.
            let references = references.into_iter().take(REFERENCES_MAX).collect();
            if merged.insert(line_id, StatementLine { references, payout_ref, ..line }).is_none() {
                order.push(line_id);
            }
        }
        let fresh = order.iter().filter(|line_id| !self.lines.contains_key(line_id)).count();
        if self.lines.len().saturating_add(fresh) > LINES_MAX {
            return Err(No::TooMany { max: i64::try_from(LINES_MAX).unwrap_or(i64::MAX) });
        }
        let news = order.into_iter().filter_map(|line_id| {
            let line = merged.remove(&line_id)?;
            let known = self.lines.get(&line_id);
            if known.is_some_and(|known| *known == Rest::of(&line)) {
                return None;
            }
            Some(RecordedLine { line_id, completed: known.is_some(), line })
        });
        Ok(news.collect())
    }
}

fn check_file(file: &StatementFile) -> Result<(), No> {
    let wrong = |field: &str, expected: &str| No::FieldOutOfRange {
        field: field.to_owned(),
        expected: expected.to_owned(),
    };
    let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if file.sha256.len() != 64 || !file.sha256.bytes().all(is_hex) {
        return Err(wrong("file.sha256", "64 hexadecimal digits in lower case"));
    }
    if !(1..=FILE_LINES_MAX).contains(&file.lines) {
        return Err(wrong("file.lines", "a number from 1 to 1000000"));
    }
    Ok(())
}

/// What is wrong with a line that was sent at an instant: the field, and what would be right.
fn check_line(
    line: &StatementLine,
    record: &Record,
    sent_at: DateTime<Utc>,
) -> Result<(), (&'static str, &'static str)> {
    if month_of(line.at) != record.month {
        return Err(("at", "an instant of the statement's month in UTC"));
    }
    // The newest line says how far a provider's files reach: one of the future would make everything
    // missing that is not in them yet, and nothing recorded is taken back.
    if line.at.signed_duration_since(sent_at) > AHEAD_MAX {
        return Err(("at", "no later than a day after the file is sent"));
    }
    if !is_reference(&line.external_id) {
        return Err(("external_id", REFERENCE_EXPECTED));
    }
    if line.references.len() > REFERENCES_MAX || !line.references.iter().all(|it| is_reference(it))
    {
        return Err(("references", "at most 8 ids of 1 to 255 characters each"));
    }
    if line.payout_ref.as_ref().is_some_and(|it| !is_reference(it)) {
        return Err(("payout_ref", REFERENCE_EXPECTED));
    }
    let figures = [
        ("amount_minor", line.amount_minor),
        ("fee_minor", line.fee_minor),
        ("net_minor", line.net_minor),
    ];
    for (field, figure) in figures {
        if figure.unsigned_abs() > AMOUNT_MINOR_MAX.unsigned_abs() {
            return Err((field, "from -100000000000 to 100000000000"));
        }
    }
    let is_bank = record.source.provider().is_none();
    if is_bank != line.from.is_some() {
        return Err(("from", "given for lines of the bank, and for no others"));
    }
    Ok(())
}

const REFERENCE_EXPECTED: &str =
    "1 to 255 bytes without control characters, as the source wrote it";

/// An id of a source: one line of text, so that it can be compared and shown.
fn is_reference(text: &str) -> bool {
    (1..=REFERENCE_BYTES_MAX).contains(&text.len())
        && text.trim() == text
        && !text.chars().any(char::is_control)
}
