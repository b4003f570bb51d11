//! Reads the files of providers and banks: what they say moved.
//!
//! A file is read as a whole or not at all: the first line that cannot be read is named with its
//! column and what is wrong, and nothing of the file is taken. Nothing here knows what Kontor has
//! booked, and nothing is judged.
//!
//! Columns are found by their names, in whatever order they stand; those that nobody asks for are
//! passed by, and so are the texts in which payers are named.

mod bank;
mod cells;
mod error;
mod stars;
mod stripe;
mod table;
mod workbook;
mod yookassa;

use chrono_tz::Tz;
use kontor_domain::{
    TenantId,
    provider_statement::{
        LINES_AT_ONCE_MAX, Record, StatementFile, StatementLine, StatementSource, month_of,
        provider_statement_id,
    },
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

pub use self::{
    error::{ImportError, Place},
    stripe::transaction as stripe_transaction,
};

/// The largest file in bytes: a month of 100000 payments with long descriptions.
pub const BYTES_MAX: usize = 32 * 1024 * 1024;
/// The largest workbook in bytes; it is packed, and grows when it is opened.
pub const WORKBOOK_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How many lines a file may have.
pub const LINES_MAX: usize = 100_000;

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Statement {
    /// Who says it.
    pub source: StatementSource,
    /// The file.
    pub file: StatementFile,
    /// Its lines, in order.
    pub lines: Vec<StatementLine>,
    /// How many lines were passed by because they are not about payments; the bank's alone.
    pub passed_by: usize,
}

/// Reads a file. `name` stands in errors alone; `zone` is the calendar of a bank's days.
///
/// # Errors
/// [`ImportError`], which names the file, and where it can the line, the column and the reason.
pub fn read(
    source: StatementSource,
    name: &str,
    bytes: &[u8],
    zone: Tz,
) -> Result<Statement, ImportError> {
    let of_file = |reason: String| ImportError::of_file(name, reason);
    if bytes.is_empty() {
        return Err(of_file("it is empty; give a file with a line of column names".into()));
    }
    if bytes.len() > BYTES_MAX {
        let max = BYTES_MAX / (1024 * 1024);
        return Err(of_file(format!("it is larger than {max} MiB; divide it by days")));
    }
    let read = match source {
        StatementSource::Stripe => stripe::read(bytes),
        StatementSource::Yookassa => yookassa::read(bytes),
        StatementSource::TelegramStars => stars::read(bytes),
        StatementSource::Bank => bank::read(bytes, zone),
    };
    let (lines, passed_by) = read.map_err(|place| ImportError { file: name.to_owned(), place })?;
    let count = lines.len().saturating_add(passed_by);
    if count == 0 {
        return Err(of_file("it has column names and no lines".into()));
    }
    let file = StatementFile {
        sha256: hex::encode(Sha256::digest(bytes)),
        lines: i64::try_from(count).unwrap_or(i64::MAX),
    };
    Ok(Statement { source, file, lines, passed_by })
}

impl Statement {
    /// The commands that record it: by month, each small enough for the broker. Whoever sends only
    /// some of them sends all of them again; what is there changes nothing.
    pub fn commands(&self, tenant: &TenantId) -> Vec<(Uuid, Record)> {
        let mut months: Vec<(chrono::NaiveDate, Vec<StatementLine>)> = Vec::new();
        for line in &self.lines {
            let month = month_of(line.at);
            match months.iter_mut().find(|(known, _)| *known == month) {
                Some((_, lines)) => lines.push(line.clone()),
                None => months.push((month, vec![line.clone()])),
            }
        }
        let mut commands = Vec::new();
        for (month, lines) in months {
            let id = provider_statement_id(tenant, self.source, month);
            for lines in lines.chunks(LINES_AT_ONCE_MAX) {
                let (file, lines) = (self.file.clone(), lines.to_vec());
                commands.push((id, Record { source: self.source, month, file, lines }));
            }
        }
        commands
    }
}
