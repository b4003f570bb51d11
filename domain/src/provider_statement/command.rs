//! What can be asked of a statement.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{StatementFile, StatementLine, StatementSource};

/// A command to a statement.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ProviderStatementCommand {
    /// Records lines of a file.
    Record(Record),
}

/// Records lines of a file that belong to one month. Lines that are there already change nothing.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Who says it.
    pub source: StatementSource,
    /// The first day of the month.
    pub month: NaiveDate,
    /// The file.
    pub file: StatementFile,
    /// The lines, 1 to 250.
    pub lines: Vec<StatementLine>,
}
