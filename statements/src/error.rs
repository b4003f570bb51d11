//! What is wrong with a file, and where.

use std::fmt;

/// Why a file was not taken. Nothing of it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImportError {
    /// The file, as whoever gave it called it.
    pub file: String,
    /// Where, and what.
    pub place: Place,
}

/// Where in a file something is wrong, and what would be right.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// The line, from 1 with the column names; none when the whole file is meant.
    pub line: Option<u64>,
    /// The column by its name.
    pub column: Option<String>,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl Place {
    /// The whole file.
    pub(crate) fn file(reason: impl Into<String>) -> Self {
        Self { line: None, column: None, reason: reason.into() }
    }

    /// A line.
    pub(crate) fn line(line: u64, reason: impl Into<String>) -> Self {
        Self { line: Some(line), column: None, reason: reason.into() }
    }

    /// A cell.
    pub(crate) fn cell(line: u64, column: &str, reason: impl Into<String>) -> Self {
        Self { line: Some(line), column: Some(column.to_owned()), reason: reason.into() }
    }
}

impl ImportError {
    pub(crate) fn of_file(file: &str, reason: String) -> Self {
        Self { file: file.to_owned(), place: Place::file(reason) }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.place.line {
            write!(f, ", line {line}")?;
        }
        if let Some(column) = &self.place.column {
            write!(f, ", column `{column}`")?;
        }
        write!(f, ": {}; nothing of this file was taken", self.place.reason)
    }
}

impl std::error::Error for ImportError {}
