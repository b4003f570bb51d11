//! A file as rows under named columns, whatever it was written as.

use std::io::Read;

use crate::{LINES_MAX, Place, workbook};

/// The first bytes of a workbook, which is a ZIP archive.
const ZIP: &[u8] = b"PK\x03\x04";
/// How many columns a file may have.
pub(crate) const COLUMNS_MAX: usize = 200;

/// A line break behind the end of the text: a cell whose quotation mark is never closed has it, too.
const LAST_BREAK: &[u8] = b"\n";
/// What is wrong with a cell that goes on in the next line. Whether it was meant to, or a quotation mark
/// was forgotten and other rows are within it, cannot be told.
const BREAK_IN_CELL: &str = "a cell that begins here goes on in the next line; close its quotation \
                             mark, and write each row in one line";

/// Rows under named columns.
pub(crate) struct Table {
    columns: Vec<String>,
    rows: Vec<(u64, Vec<String>)>,
}

/// A column that may be called in several ways; where it stands, and how it is called in this file.
pub(crate) struct Column {
    at: usize,
    name: String,
}

/// A row with its number in the file.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) line: u64,
    cells: &'a [String],
}

/// Names are compared without upper case and without what stands around and between words.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The line in which a row begins; the empty ones above it are counted as its own by the reader.
fn begin(text: &str, at: &csv::Position) -> u64 {
    let start = usize::try_from(at.byte()).unwrap_or(usize::MAX);
    let rest = text.as_bytes().get(start..).unwrap_or_default();
    let empty = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
    at.line().saturating_add(empty.filter(|byte| **byte == b'\n').count() as u64)
}

impl Table {
    /// Reads a table: a workbook when it begins as one, and text with commas, semicolons or tabs
    /// otherwise.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Place> {
        if bytes.starts_with(ZIP) {
            return Self::of(workbook::rows(bytes)?);
        }
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|err| {
            let before = &bytes[..err.valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            Place::line(line as u64, "this is no UTF-8; save the file as CSV in UTF-8")
        })?;
        let first = text.lines().next().unwrap_or_default();
        let count = |delimiter: char| first.matches(delimiter).count();
        let delimiter = if count(';') > count(',') { b';' } else { b',' };
        let delimiter = if count('\t') > count(char::from(delimiter)) { b'\t' } else { delimiter };
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(text.as_bytes().chain(LAST_BREAK));
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|err| {
                let line = err.position().map_or(1, csv::Position::line);
                Place::line(line, "the quotation marks do not match")
            })?;
            let line = record.position().map_or(0, |at| begin(text, at));
            if record.iter().any(|cell| cell.contains(['\n', '\r'])) {
                return Err(Place::line(line, BREAK_IN_CELL));
            }
            rows.push((line, record.iter().map(|cell| cell.trim().to_owned()).collect()));
            if rows.len() > LINES_MAX + 1 {
                return Err(too_many());
            }
        }
        Self::of(rows)
    }

    fn of(rows: Vec<(u64, Vec<String>)>) -> Result<Self, Place> {
        let mut rows = rows.into_iter().filter(|(_, cells)| cells.iter().any(|it| !it.is_empty()));
        let Some((line, columns)) = rows.next() else {
            return Err(Place::file("it has no lines; the first line names the columns"));
        };
        if columns.len() > COLUMNS_MAX {
            return Err(too_wide(line));
        }
        let rows: Vec<_> = rows.collect();
        if rows.len() > LINES_MAX {
            return Err(too_many());
        }
        for (line, cells) in &rows {
            if cells.len() != columns.len() {
                let (has, expected) = (cells.len(), columns.len());
                let reason = format!("it has {has} cells, and the first line names {expected}");
                return Err(Place::line(*line, reason));
            }
        }
        Ok(Self { columns, rows })
    }

    /// The column that is called by one of these names.
    pub(crate) fn find(&self, names: &[&str]) -> Option<Column> {
        names.iter().find_map(|name| {
            let name = plain(name);
            let at = self.columns.iter().position(|column| plain(column) == name)?;
            Some(Column { at, name: self.columns[at].clone() })
        })
    }

    /// The same for a column that must be there.
    pub(crate) fn need(&self, names: &[&str]) -> Result<Column, Place> {
        self.find(names).ok_or_else(|| Place {
            line: Some(1),
            column: names.first().map(|name| (*name).to_owned()),
            reason: format!("there is no such column; it may be called {}", names.join(", ")),
        })
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, cells)| Row { line: *line, cells })
    }
}

pub(crate) fn too_many() -> Place {
    Place::file(format!("it has more than {LINES_MAX} lines; divide it by days"))
}

pub(crate) fn too_wide(line: u64) -> Place {
    Place::line(line, format!("there are more than {COLUMNS_MAX} columns; leave out some"))
}

impl Row<'_> {
    /// What stands in a column; nothing for one that the file does not have.
    pub(crate) fn get(&self, column: Option<&Column>) -> &str {
        column.and_then(|column| self.cells.get(column.at)).map_or("", String::as_str)
    }

    /// What stands in a column that must be filled.
    pub(crate) fn text(&self, column: &Column) -> Result<&str, Place> {
        match self.get(Some(column)) {
            "" => Err(self.wrong(column, "it is empty")),
            text => Ok(text),
        }
    }

    /// That a cell is wrong.
    pub(crate) fn wrong(&self, column: &Column, reason: impl Into<String>) -> Place {
        Place::cell(self.line, &column.name, reason)
    }
}
