//! The books as a workbook. Rows go to a file while they are written, and a sheet that is full is
//! followed by another, so the length of the log costs no memory and no row is left out.

use std::path::Path;

use rust_xlsxwriter::{Format, FormatAlign, Workbook as Xlsx, Worksheet, XlsxError};

use crate::{
    posted::Dated,
    tables::{BookingRow, EntryRow, TrialRow},
};

/// The file.
pub(crate) const FILE: &str = "books.xlsx";

/// The rows of a sheet with its header; the format allows no more.
const ROWS_MAX: u32 = 1_048_576;
/// How far a number in a cell counts exactly; a larger one is written as text.
const EXACT_MAX: u64 = 1 << 53;
/// The width of columns with ids, and of all others, in characters.
const WIDTHS: (f64, f64) = (38.0, 16.0);

/// A cell.
enum Cell<'a> {
    Text(&'a str),
    /// Whole minor units, positions and counts.
    Whole(i64),
    /// A sum that is read by people, with the decimals that it is written with.
    Decimal(&'a str),
}

/// A workbook on its way.
pub(crate) struct Workbook {
    xlsx: Xlsx,
    bookings: Sheet,
    entries: Sheet,
    sheets: usize,
    header: Format,
    /// By the number of decimals.
    decimals: [Format; 4],
}

/// One sheet, or several after each other.
struct Sheet {
    name: &'static str,
    columns: &'static [&'static str],
    part: u32,
    index: usize,
    row: u32,
}

impl Sheet {
    fn new(name: &'static str, columns: &'static [&'static str]) -> Self {
        Self { name, columns, part: 0, index: 0, row: ROWS_MAX }
    }
}

impl Workbook {
    /// Begins a workbook.
    pub(crate) fn begin() -> Self {
        let number = |format: &str| Format::new().set_num_format(format);
        Self {
            xlsx: Xlsx::new(),
            bookings: Sheet::new("Bookings", &BookingRow::COLUMNS),
            entries: Sheet::new("Entries", &EntryRow::COLUMNS),
            sheets: 0,
            header: Format::new().set_bold().set_align(FormatAlign::Left),
            decimals: [number("#,##0"), number("#,##0.0"), number("#,##0.00"), number("#,##0.000")],
        }
    }

    /// Writes one booking.
    pub(crate) fn take(&mut self, booking: &Dated<'_>) -> Result<(), XlsxError> {
        let row = BookingRow::of(booking);
        let ids = [row.ledger_id, row.event_id, row.command_id].map(|id| id.to_string());
        let lines = i64::try_from(row.lines).unwrap_or(i64::MAX);
        self.row(
            Which::Bookings,
            &[
                Cell::Whole(row.position),
                Cell::Text(&row.day),
                Cell::Text(row.kind),
                Cell::Text(&ids[0]),
                Cell::Whole(row.number),
                Cell::Text(&ids[1]),
                Cell::Text(&ids[2]),
                Cell::Text(&row.recorded_at),
                Cell::Text(&row.booked_at),
                Cell::Whole(lines),
                Cell::Text(&row.head),
                Cell::Text(&row.late_of),
                Cell::Text(&row.counts_in),
            ],
        )?;
        for numbered in (1..).zip(&booking.lines) {
            let row = EntryRow::of(booking, numbered);
            let ledger_id = row.ledger_id.to_string();
            let grant_id = row.grant_id.map(|id| id.to_string()).unwrap_or_default();
            self.row(
                Which::Entries,
                &[
                    Cell::Whole(row.position),
                    Cell::Whole(i64::try_from(row.line).unwrap_or(i64::MAX)),
                    Cell::Text(&row.day),
                    Cell::Text(row.kind),
                    Cell::Text(&ledger_id),
                    Cell::Text(row.account),
                    Cell::Text(&row.unit),
                    Cell::Decimal(&row.amount),
                    Cell::Decimal(&row.balance),
                    Cell::Whole(row.amount_minor),
                    Cell::Whole(row.balance_minor),
                    Cell::Text(&grant_id),
                    Cell::Text(&row.late_of),
                    Cell::Text(&row.counts_in),
                ],
            )?;
        }
        Ok(())
    }

    /// Ends the workbook with its trial balance, which is the sheet that opens.
    pub(crate) fn finish(mut self, trial: &[TrialRow], path: &Path) -> Result<(), XlsxError> {
        // A header stands there even when nothing was booked.
        for which in [Which::Bookings, Which::Entries] {
            if self.sheet(which).part == 0 {
                self.turn(which)?;
            }
        }
        let sheet = self.xlsx.add_worksheet();
        begin_sheet(sheet, ("Trial balance", &TrialRow::COLUMNS), &self.header)?;
        for (row, line) in (1..).zip(trial) {
            sheet.write_string(row, 0, line.account)?;
            sheet.write_string(row, 1, &line.unit)?;
            for (column, sum) in (2..).zip([&line.debits, &line.credits, &line.balance]) {
                write_decimal(sheet, (row, column), sum, &self.decimals)?;
            }
        }
        sheet.set_active(true);
        self.xlsx.save(path)
    }

    fn sheet(&mut self, which: Which) -> &mut Sheet {
        match which {
            Which::Bookings => &mut self.bookings,
            Which::Entries => &mut self.entries,
        }
    }

    /// Begins the next part of a sheet.
    fn turn(&mut self, which: Which) -> Result<(), XlsxError> {
        let index = self.sheets;
        self.sheets += 1;
        let sheet = self.sheet(which);
        (sheet.part, sheet.index, sheet.row) = (sheet.part + 1, index, 1);
        let name = match sheet.part {
            1 => sheet.name.to_owned(),
            part => format!("{} {part}", sheet.name),
        };
        let columns = sheet.columns;
        let worksheet = self.xlsx.add_worksheet_with_constant_memory()?;
        begin_sheet(worksheet, (&name, columns), &self.header)
    }

    fn row(&mut self, which: Which, cells: &[Cell<'_>]) -> Result<(), XlsxError> {
        if self.sheet(which).row >= ROWS_MAX {
            self.turn(which)?;
        }
        let sheet = self.sheet(which);
        let (index, row) = (sheet.index, sheet.row);
        sheet.row += 1;
        let worksheet = self.xlsx.worksheet_from_index(index)?;
        for (column, cell) in (0..).zip(cells) {
            match cell {
                Cell::Text(text) => worksheet.write_string(row, column, *text).map(drop)?,
                Cell::Whole(whole) if whole.unsigned_abs() <= EXACT_MAX => {
                    worksheet.write_number(row, column, *whole as f64).map(drop)?;
                }
                Cell::Whole(whole) => {
                    worksheet.write_string(row, column, whole.to_string()).map(drop)?;
                }
                Cell::Decimal(text) => {
                    write_decimal(worksheet, (row, column), text, &self.decimals)?;
                }
            }
        }
        Ok(())
    }
}

/// The sheets that grow with the log.
#[derive(Clone, Copy)]
enum Which {
    Bookings,
    Entries,
}

fn begin_sheet(
    sheet: &mut Worksheet,
    (name, columns): (&str, &[&str]),
    header: &Format,
) -> Result<(), XlsxError> {
    sheet.set_name(name)?;
    sheet.set_freeze_panes(1, 0)?;
    for (column, title) in (0..).zip(columns) {
        let is_wide = title.ends_with("_id") || *title == "account" || *title == "head";
        sheet.set_column_width(column, if is_wide { WIDTHS.0 } else { WIDTHS.1 })?;
        sheet.write_string_with_format(0, column, *title, header)?;
    }
    Ok(())
}

/// Writes a sum as a number; where a number could not hold its digits, as text.
fn write_decimal(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    text: &str,
    formats: &[Format; 4],
) -> Result<(), XlsxError> {
    let decimals = text.split_once('.').map_or(0, |(_, behind)| behind.len());
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_exact = digits.parse::<u64>().is_ok_and(|digits| digits <= EXACT_MAX);
    match (text.parse::<f64>(), formats.get(decimals)) {
        (Ok(number), Some(format)) if is_exact => {
            sheet.write_number_with_format(row, column, number, format).map(drop)
        }
        (Ok(_) | Err(_), _) => sheet.write_string(row, column, text).map(drop),
    }
}
