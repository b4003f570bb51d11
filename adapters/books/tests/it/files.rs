//! The files themselves: complete, all or none, and the same figures in the workbook.

use std::fs;

use calamine::{Data, Reader, Xlsx, open_workbook};
use kontor_books::{BooksError, Export, Posted};
use kontor_domain::credit_ledger::{CreditLedgerEvent, Entry};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    lives::{lives, write},
    tools::{books, exported},
};

#[test]
fn tables_and_workbook_hold_every_line_and_the_manifest_every_hash() {
    let log = lives(3, 200);
    let exported = exported(&log);
    let summary = &exported.summary;
    let entries: usize = log.iter().map(|kept| kept.event.booking().entries.len()).sum();
    assert_eq!(summary.bookings, log.len() as u64);
    assert_eq!(summary.entries, entries as u64);

    let rows = |name: &str| {
        let mut reader = csv::Reader::from_path(exported.folder.join(name)).unwrap();
        reader.records().collect::<Result<Vec<_>, _>>().unwrap()
    };
    assert_eq!(rows("bookings.csv").len(), log.len());
    let lines = rows("entries.csv");
    assert_eq!(lines.len(), entries);
    let sum: i64 = lines.iter().map(|row| row[9].parse::<i64>().unwrap()).sum();
    assert_eq!(sum, 0);

    let mut workbook: Xlsx<_> = open_workbook(exported.folder.join("books.xlsx")).unwrap();
    assert_eq!(workbook.sheet_names(), ["Bookings", "Entries", "Trial balance"]);
    assert_eq!(workbook.worksheet_range("Bookings").unwrap().height(), log.len() + 1);
    let sheet = workbook.worksheet_range("Entries").unwrap();
    assert_eq!(sheet.height(), entries + 1);
    for (row, line) in sheet.rows().skip(1).zip(&lines) {
        assert_eq!(row[5], Data::String(line[5].to_owned()));
        assert_eq!(row[7], Data::Float(line[7].parse().unwrap()));
        assert_eq!(row[9], Data::Float(line[9].parse().unwrap()));
    }
    let trial = workbook.worksheet_range("Trial balance").unwrap();
    assert_eq!(trial.height(), summary.trial_balance.len() + 1);

    let manifest = fs::read(exported.folder.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["books"]["bookings"], log.len());
    let named: Vec<_> = manifest["sha256"].as_object().unwrap().iter().collect();
    for (name, hash) in &named {
        let bytes = fs::read(exported.folder.join(name)).unwrap();
        assert_eq!(hex::encode(Sha256::digest(bytes)), hash.as_str().unwrap(), "{name}");
    }
    let files = fs::read_dir(&exported.folder).unwrap().count();
    assert_eq!(files, named.len() + 1, "every file but the manifest itself is named");
}

#[test]
fn a_folder_that_exists_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("mine"), "kept").unwrap();
    for name in ["", "mine"] {
        let refused = Export::begin(books(), &home.path().join(name)).err().unwrap();
        assert!(matches!(refused, BooksError::Exists(_)), "{refused}");
    }
    assert_eq!(fs::read_to_string(home.path().join("mine")).unwrap(), "kept");
}

#[test]
fn an_export_that_fails_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("books");
    let log = lives(4, 50);
    let mut export = Export::begin(books(), &folder).unwrap();
    write(&mut export, &log);
    let mut granted = log
        .iter()
        .find_map(|kept| {
            let CreditLedgerEvent::Granted(granted) = &kept.event else { return None };
            Some(granted.clone())
        })
        .unwrap();
    let Entry { amount, .. } = &mut granted.booking.entries[0];
    *amount += 1;
    let event = CreditLedgerEvent::Granted(granted);
    let posted = Posted {
        position: 9_000,
        event_id: Uuid::nil(),
        ledger_id: log[0].ledger_id,
        command_id: Uuid::nil(),
        recorded_at: log[0].recorded_at,
        event: &event,
    };
    let refused = export.take(posted).unwrap_err();
    assert_eq!(refused.to_string(), "the booking at position 9000 does not add up to zero");
    drop(export);
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}
