//! Workbooks that are small as files and large, or odd, as sheets.

use chrono_tz::UTC;
use kontor_domain::provider_statement::StatementSource as Source;
use kontor_statements::{LINES_MAX, read};
use rust_xlsxwriter::{Format, Workbook, Worksheet};

const NAMES: [&str; 5] = ["payment_id", "amount", "fee", "currency", "created_at"];
const CELLS: [&str; 5] = ["2c5d-1", "1499.10", "52.47", "RUB", "2026-11-20 13:05:00"];

fn book(fill: impl FnOnce(&mut Worksheet)) -> Vec<u8> {
    let mut book = Workbook::new();
    fill(book.add_worksheet());
    book.save_to_buffer().unwrap()
}

fn write(sheet: &mut Worksheet, row: u32, from: u16, cells: [&str; 5]) {
    for (column, cell) in (from..).zip(cells) {
        sheet.write(row, column, cell).unwrap();
    }
}

fn refused(bytes: &[u8]) -> String {
    read(Source::Yookassa, "x.xlsx", bytes, UTC).unwrap_err().to_string()
}

#[test]
fn a_cell_far_out_is_refused_before_anything_is_made_of_the_cells_between() {
    let lines_max = u32::try_from(LINES_MAX).unwrap();
    for (row, column, reason) in [
        (1_048_575, 0, "more than 100000 lines"),
        (1_048_575, 16_383, "more than 100000 lines"),
        (lines_max + 1, 0, "more than 100000 lines"),
        (1, 16_383, "line 2: there are more than 200 columns"),
        (1, 200, "line 2: there are more than 200 columns"),
    ] {
        let bytes = book(|sheet| {
            write(sheet, 0, 0, NAMES);
            sheet.write(row, column, "x").unwrap();
        });
        let said = refused(&bytes);
        assert!(said.contains(reason), "{row} {column}: {said}");
    }
}

#[test]
fn rows_and_texts_that_grow_when_they_are_read_are_refused() {
    let wide = book(|sheet| {
        write(sheet, 0, 0, NAMES);
        for row in 1..=10_001 {
            sheet.write(row, 199, "x").unwrap();
        }
    });
    assert!(refused(&wide).contains("more than 2000000 cells or 32 MiB of text"));
    let long = "я".repeat(16_000);
    let shared = book(|sheet| {
        for row in 0..1_100 {
            sheet.write(row, 0, &long).unwrap();
        }
    });
    assert!(refused(&shared).contains("more than 2000000 cells or 32 MiB of text"));
}

#[test]
fn a_table_may_stand_anywhere_in_its_sheet_and_formats_are_no_cells() {
    let bytes = book(|sheet| {
        write(sheet, 3, 2, NAMES);
        write(sheet, 6, 2, CELLS);
        sheet.write_blank(1_048_575, 16_383, &Format::new().set_bold()).unwrap();
    });
    let statement = read(Source::Yookassa, "x.xlsx", &bytes, UTC).unwrap();
    assert_eq!((statement.lines.len(), statement.lines[0].net_minor), (1, 144_663));
    let wrong = book(|sheet| {
        write(sheet, 3, 2, NAMES);
        write(sheet, 6, 2, ["2c5d-1", "1.499", "52.47", "RUB", "2026-11-20"]);
    });
    assert!(refused(&wrong).contains("line 7, column `amount`"), "{}", refused(&wrong));
    assert!(refused(&book(|_| {})).contains("it has no lines"));
}
