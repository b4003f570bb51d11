//! Workbooks: the first sheet as rows of texts.

use std::{collections::BTreeMap, io::Cursor};

use calamine::{Data, Reader, Xlsx};

use crate::{
    BYTES_MAX, LINES_MAX, Place, WORKBOOK_BYTES_MAX,
    table::{COLUMNS_MAX, too_many, too_wide},
};

/// How large the parts of a workbook may be when they are unpacked.
const UNPACKED_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// How many cells the rows of a sheet may have together, the empty ones between others included.
const CELLS_MAX: usize = 2_000_000;
/// What begins the entry of a part in the list at the end of a ZIP archive, and where the unpacked
/// size stands in it.
const ENTRY: &[u8] = b"PK\x01\x02";
const SIZE_AT: usize = 24;

/// The rows of the first sheet, numbered from 1.
pub(crate) fn rows(bytes: &[u8]) -> Result<Vec<(u64, Vec<String>)>, Place> {
    if bytes.len() > WORKBOOK_BYTES_MAX {
        let max = WORKBOOK_BYTES_MAX / (1024 * 1024);
        return Err(Place::file(format!("a workbook may have up to {max} MiB; save it as CSV")));
    }
    if unpacked_bytes(bytes) > UNPACKED_BYTES_MAX {
        return Err(Place::file("the workbook is too large when it is unpacked; save it as CSV"));
    }
    let broken = || Place::file("it begins as a workbook and is none; save it as XLSX or CSV");
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| broken())?;
    let first = book.sheet_names().into_iter().next().ok_or_else(broken)?;
    let mut cells = book.worksheet_cells_reader(&first).map_err(|_| broken())?;
    let mut sheet = Sheet::default();
    while let Some(cell) = cells.next_cell().map_err(|_| broken())? {
        let (row, column) = cell.get_position();
        sheet.add(row, column, text(&Data::from(cell.get_value().clone())))?;
    }
    sheet.rows()
}

/// The cells that are filled. What a sheet takes follows from them and not from how far apart they stand:
/// two cells in opposite corners would be seventeen thousand million.
#[derive(Default)]
struct Sheet {
    rows: BTreeMap<u32, BTreeMap<u32, String>>,
    cells: usize,
    bytes: usize,
}

impl Sheet {
    /// Takes a cell, unless it stands where none can be read.
    fn add(&mut self, row: u32, column: u32, text: String) -> Result<(), Place> {
        if text.is_empty() {
            return Ok(());
        }
        let line = u64::from(row) + 1;
        if line > LINES_MAX as u64 + 1 {
            return Err(too_many());
        }
        if u64::from(column) >= COLUMNS_MAX as u64 {
            return Err(too_wide(line));
        }
        // A text that many cells share stands in the file once, and here in each of them.
        self.bytes = self.bytes.saturating_add(text.len());
        self.cells += 1;
        if self.bytes > BYTES_MAX || self.cells > CELLS_MAX {
            return Err(too_large());
        }
        self.rows.entry(row).or_default().insert(column, text);
        Ok(())
    }

    /// The rows from the first column that is used to the last one, all equally long.
    fn rows(self) -> Result<Vec<(u64, Vec<String>)>, Place> {
        let first = self.rows.values().filter_map(|cells| cells.keys().next()).min().copied();
        let last = self.rows.values().filter_map(|cells| cells.keys().next_back()).max().copied();
        let columns = first.unwrap_or(0)..=last.unwrap_or(0);
        if self.rows.len().saturating_mul(columns.clone().count()) > CELLS_MAX {
            return Err(too_large());
        }
        let dense = |mut cells: BTreeMap<u32, String>| {
            columns.clone().map(|column| cells.remove(&column).unwrap_or_default()).collect()
        };
        let rows = self.rows.into_iter();
        Ok(rows.map(|(row, cells)| (u64::from(row) + 1, dense(cells))).collect())
    }
}

fn too_large() -> Place {
    let max = BYTES_MAX / (1024 * 1024);
    let reason = format!(
        "its first sheet has more than {CELLS_MAX} cells or {max} MiB of text; leave out columns \
         or divide it by days"
    );
    Place::file(reason)
}

/// What the parts declare to be when they are unpacked. A list that lies is stopped by the size of the
/// file itself.
fn unpacked_bytes(bytes: &[u8]) -> u64 {
    let entries = bytes.windows(ENTRY.len()).enumerate().filter(|(_, window)| *window == ENTRY);
    let sizes = entries.filter_map(|(at, _)| {
        let size = bytes.get(at + SIZE_AT..at + SIZE_AT + 4)?;
        Some(u64::from(u32::from_le_bytes(size.try_into().ok()?)))
    });
    sizes.fold(0, u64::saturating_add)
}

/// A cell as it would stand in CSV. A number is written with as few digits as tell it apart, so an
/// amount comes out as it was typed.
fn text(cell: &Data) -> String {
    match cell {
        Data::Empty | Data::Error(_) => String::new(),
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => {
            text.trim().to_owned()
        }
        Data::Int(number) => number.to_string(),
        Data::Float(number) => number.to_string(),
        Data::Bool(flag) => flag.to_string(),
        Data::DateTime(at) => {
            let (year, month, day, hour, minute, second, _) = at.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
        }
    }
}
