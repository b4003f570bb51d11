//! The report of a closed month as a workbook.

use std::path::Path;

use kontor_domain::{
    TenantId,
    accounting_period::{AccountFigures, Closed, PaymentFigures, Sum},
    credit_ledger::Unit,
};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use crate::BooksError;

/// The widths of the column with names and of all others, in characters.
const WIDTHS: (f64, f64) = (38.0, 18.0);
/// The width of a column that holds hashes.
const HASH_WIDTH: f64 = 72.0;
/// How many digits a number in a cell counts exactly; what is longer is written as text.
const EXACT_DIGITS: usize = 15;

const ACCOUNTS: [&str; 8] =
    ["account", "unit", "opening", "debits", "credits", "late debits", "late credits", "closing"];
const PAYMENTS: [&str; 5] = ["account", "unit", "kind", "count", "amount"];

/// Writes the report of a closed month into a new file, with its hash on the first sheet.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn write_report(tenant: &TenantId, closed: &Closed, path: &Path) -> Result<(), BooksError> {
    if path.exists() {
        return Err(BooksError::Exists(path.to_owned()));
    }
    std::fs::write(path, report_workbook(tenant, closed)?).map_err(BooksError::write(path))
}

/// The bytes of that workbook.
///
/// # Errors
/// When it cannot be made.
pub fn report_workbook(tenant: &TenantId, closed: &Closed) -> Result<Vec<u8>, BooksError> {
    let mut workbook = Workbook::new();
    fill(&mut workbook, tenant, closed)?;
    Ok(workbook.save_to_buffer()?)
}

fn fill(workbook: &mut Workbook, tenant: &TenantId, closed: &Closed) -> Result<(), XlsxError> {
    let (bold, books) = (Format::new().set_bold(), &closed.books);
    // By the clock, two copies of one report would differ.
    let made = ExcelDateTime::from_timestamp(books.ends_at.timestamp())?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&made));
    let report = workbook.add_worksheet().set_name("Report")?;
    report.set_column_width(0, WIDTHS.1)?.set_column_width(1, HASH_WIDTH)?;
    let facts = [
        ("tenant", tenant.to_string()),
        ("month", books.month.to_string()),
        ("close", books.revision.to_string()),
        ("closed by", closed.by.clone()),
        ("time zone", books.time_zone.clone()),
        ("begins", books.starts_at.to_rfc3339()),
        ("ends before", books.ends_at.to_rfc3339()),
        ("position", books.position.to_string()),
        ("bookings", books.figures.bookings.to_string()),
        ("late entries", books.figures.late_bookings.to_string()),
        ("ledgers root", books.ledgers.root.to_string()),
        ("report sha256", closed.report_sha256.to_string()),
    ];
    for (row, (name, value)) in (0..).zip(&facts) {
        report.write_with_format(row, 0, *name, &bold)?.write(row, 1, value)?;
    }
    let accounts = sheet(workbook, "Trial balance", &ACCOUNTS, &bold)?;
    for (row, figures) in (1..).zip(&books.figures.accounts) {
        write_account(accounts, row, figures)?;
    }
    let payments = sheet(workbook, "Payments", &PAYMENTS, &bold)?;
    for (row, figures) in (1..).zip(&books.figures.payments) {
        write_payment(payments, row, figures)?;
    }
    Ok(())
}

fn sheet<'a>(
    workbook: &'a mut Workbook,
    name: &str,
    columns: &[&str],
    bold: &Format,
) -> Result<&'a mut Worksheet, XlsxError> {
    let sheet = workbook.add_worksheet().set_name(name)?;
    for (column, title) in (0..).zip(columns) {
        sheet.write_with_format(0, column, *title, bold)?;
        sheet.set_column_width(column, if column == 0 { WIDTHS.0 } else { WIDTHS.1 })?;
    }
    sheet.set_freeze_panes(1, 0)?;
    Ok(sheet)
}

fn write_account(sheet: &mut Worksheet, row: u32, it: &AccountFigures) -> Result<(), XlsxError> {
    sheet.write(row, 0, it.account.name())?.write(row, 1, it.unit.to_string())?;
    let sums = [it.opening, it.debits, it.credits, it.late_debits, it.late_credits, it.closing];
    for (column, sum) in (2..).zip(sums) {
        write_sum(sheet, (row, column), (it.unit, sum))?;
    }
    Ok(())
}

fn write_payment(sheet: &mut Worksheet, row: u32, it: &PaymentFigures) -> Result<(), XlsxError> {
    sheet.write(row, 0, it.account.name())?.write(row, 1, it.unit.to_string())?;
    sheet.write(row, 2, it.kind.name())?.write(row, 3, it.count)?;
    write_sum(sheet, (row, 4), (it.unit, it.amount))
}

/// A sum as a number where a spreadsheet counts it exactly, otherwise as text.
fn write_sum(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    (unit, sum): (Unit, Sum),
) -> Result<(), XlsxError> {
    let text = unit.decimal(sum.0);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    match text.parse::<f64>() {
        Ok(number) if digits <= EXACT_DIGITS => {
            let pattern = match unit.decimals() as usize {
                0 => "#,##0".to_owned(),
                digits => format!("#,##0.{:0digits$}", 0),
            };
            let format = Format::new().set_num_format(pattern);
            sheet.write_with_format(row, column, number, &format)?;
        }
        Ok(_) | Err(_) => {
            sheet.write(row, column, text)?;
        }
    }
    Ok(())
}
