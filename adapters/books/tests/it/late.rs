//! Late entries in the files: marked, accepted by the strictest checks, and summed by the same tools.

use kontor_books::{Books, write_report};
use kontor_domain::accounting_period::{
    Closed, ClosedBounds, Figures, Ledgers, Month, PeriodBooks, Placement, placement,
};

use crate::{
    lives::{Kept, lives},
    tools::{books, check_all, exported_as, run},
};

/// Two closed months whose closes came at a third and at two thirds of a log. The first of them ends
/// behind all that the first third holds, so that much of the rest is late.
fn closed(log: &[Kept]) -> Vec<ClosedBounds> {
    let zone = books().time_zone;
    let first = Month::at(log[log.len() / 2].event.effective_at(), zone);
    let bounds = |month: Month, position: usize| ClosedBounds {
        month,
        ends_at: month.next().begins(zone),
        position: i64::try_from(position).unwrap(),
    };
    vec![bounds(first, log.len() / 3), bounds(first.next(), log.len() * 2 / 3)]
}

#[test]
fn late_entries_are_marked_and_every_tool_accepts_them() {
    let log = lives(11, 250);
    let closed = closed(&log);
    let late: Vec<(i64, Month, Month)> = (1..)
        .zip(&log)
        .filter_map(|(position, kept)| {
            match placement(&closed, kept.event.effective_at(), position) {
                Placement::Late { of, counts_in } => Some((position, of, counts_in)),
                Placement::Closed(_) | Placement::Open => None,
            }
        })
        .collect();
    assert!(late.len() > 5 && late.len() < log.len(), "{} of {}", late.len(), log.len());
    let exported = exported_as(Books { closed, ..books() }, &log);
    check_all(&exported.folder);
    assert_eq!(exported.summary.late_bookings, late.len() as u64);
    let mut reader = csv::Reader::from_path(exported.folder.join("bookings.csv")).unwrap();
    let marked: Vec<(i64, Month, Month)> = reader
        .records()
        .map(Result::unwrap)
        .filter(|row| !row[11].is_empty())
        .map(|row| (row[0].parse().unwrap(), row[11].parse().unwrap(), row[12].parse().unwrap()))
        .collect();
    assert_eq!(marked, late);
    // hledger finds them by their tag: those that have lines, as many as there are.
    let with_lines = late.iter().filter(|(position, ..)| {
        let place = usize::try_from(*position - 1).unwrap();
        !log[place].event.booking().entries.is_empty()
    });
    let arguments = ["-f", "books.hledger", "print", "-O", "csv", "tag:late_of"];
    let output = run(&exported.folder, "hledger", &arguments);
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    let found: std::collections::BTreeSet<String> =
        reader.records().map(|row| row.unwrap()[0].to_owned()).collect();
    assert_eq!(found.len(), with_lines.count());
}

#[test]
fn a_report_is_a_workbook_that_carries_its_hash() {
    use calamine::{Data, Reader, Xlsx, open_workbook};
    let home = tempfile::tempdir().unwrap();
    let (path, tenant) = (home.path().join("report.xlsx"), "demo".parse().unwrap());
    let month: Month = "2026-11".parse().unwrap();
    let zone = books().time_zone;
    let report = PeriodBooks {
        month,
        revision: 1,
        time_zone: zone.to_string(),
        starts_at: month.begins(zone),
        ends_at: month.next().begins(zone),
        position: 7,
        previous_position: None,
        ledgers: Ledgers::of(&tenant, vec![]),
        figures: serde_json::from_value::<Figures>(serde_json::json!({
            "accounts": [{"account": "income:messages", "unit": "RUB", "opening": "0",
                "debits": "0", "credits": "49950", "late_debits": "0", "late_credits": "50",
                "closing": "-49950"}],
            "payments": [{"account": "assets:clearing:stripe", "unit": "RUB", "kind": "payment",
                "count": 2, "amount": "170141183460469231731687303715884105727"}],
            "bookings": 2, "late_bookings": 1,
        }))
        .unwrap(),
    };
    let report_sha256 = report.report_sha256(&tenant);
    let closed = Closed {
        by: "api_key:kt_1".to_owned(),
        books: report,
        report_sha256,
        seal: None,
        findings: vec![],
        acknowledged: vec![],
    };
    write_report(&tenant, &closed, &path).unwrap();
    assert!(write_report(&tenant, &closed, &path).is_err(), "what exists is left alone");
    let mut workbook: Xlsx<_> = open_workbook(&path).unwrap();
    let facts = workbook.worksheet_range("Report").unwrap();
    let hash = facts.rows().find(|row| row[0] == Data::String("report sha256".to_owned()));
    assert_eq!(hash.unwrap()[1], Data::String(report_sha256.to_string()));
    let accounts = workbook.worksheet_range("Trial balance").unwrap();
    assert_eq!(accounts.get((1, 7)), Some(&Data::Float(-499.5)));
    assert_eq!(accounts.get((1, 6)), Some(&Data::Float(0.5)));
    // What no spreadsheet counts exactly is a text.
    let payments = workbook.worksheet_range("Payments").unwrap();
    let wide = "1701411834604692317316873037158841057.27".to_owned();
    assert_eq!(payments.get((1, 4)), Some(&Data::String(wide)));
}
