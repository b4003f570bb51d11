//! Workbooks: the first sheet as rows of texts.

use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};

use crate::{LINES_MAX, Place, WORKBOOK_BYTES_MAX, table::too_many};

/// How large the parts of a workbook may be when they are unpacked.
const UNPACKED_BYTES_MAX: u64 = 128 * 1024 * 1024;
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
    let range = book.worksheet_range_at(0).ok_or_else(broken)?.map_err(|_| broken())?;
    if range.height() > LINES_MAX + 1 {
        return Err(too_many());
    }
    let first = u64::from(range.start().unwrap_or_default().0) + 1;
    let rows = range.rows().map(|cells| cells.iter().map(text).collect());
    Ok((first..).zip(rows).collect())
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
