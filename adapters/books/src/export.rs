//! All files of one export, in a folder that appears when everything is in it.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use kontor_domain::{TenantId, accounting_period::ClosedBounds};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::{
    BooksError, Posted,
    beancount::{self, Beancount},
    journal,
    posted::{Dated, Late},
    running::Running,
    tables::{self, BookingRow, EntryRow, Table, TrialRow},
    workbook::{self, Workbook},
};

/// What an export says of itself.
const MANIFEST: &str = "manifest.json";
/// How to look at it.
const README: &str = "README.txt";

/// Whose books these are.
#[derive(Clone, Debug)]
pub struct Books {
    /// The tenant.
    pub tenant: TenantId,
    /// Where its days begin and end.
    pub time_zone: Tz,
    /// The closed months in their order: what came later than a close is marked.
    pub closed: Vec<ClosedBounds>,
}

/// The sums of one account over all customers, as text with the decimals of the unit.
#[derive(Clone, Debug, Serialize)]
pub struct TrialLine {
    /// The account, such as `Income:Messages`.
    pub account: String,
    /// The unit.
    pub unit: String,
    /// Debits less credits.
    pub balance: String,
}

/// What was exported.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The tenant.
    pub tenant: String,
    /// The time zone of the days.
    pub time_zone: String,
    /// How many bookings.
    pub bookings: u64,
    /// How many lines.
    pub entries: u64,
    /// How many bookings came after the close of their month.
    pub late_bookings: u64,
    /// The position of the last booking; zero when there is none.
    pub last_position: i64,
    /// The balance of each account. In each unit they add up to zero.
    pub trial_balance: Vec<TrialLine>,
}

/// An export on its way. Dropped before its end it leaves nothing behind.
pub struct Export {
    books: Books,
    folder: PathBuf,
    partial: Partial,
    running: Running,
    day: NaiveDate,
    summary: Summary,
    body: BufWriter<File>,
    beancount: Beancount<BufWriter<File>>,
    bookings: Table<BufWriter<File>>,
    entries: Table<BufWriter<File>>,
    workbook: Workbook,
}

/// A folder that goes away unless it was taken over.
struct Partial {
    path: PathBuf,
    is_kept: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.is_kept {
            // Nobody is left who could be told; the name says what the folder is.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

impl Export {
    /// Begins an export into a new folder.
    ///
    /// # Errors
    /// When the folder exists or cannot be written.
    pub fn begin(books: Books, folder: &Path) -> Result<Self, BooksError> {
        if folder.exists() {
            return Err(BooksError::Exists(folder.to_owned()));
        }
        let mut name = folder.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let path = folder.with_file_name(name);
        // What an export that was killed has left.
        drop(fs::remove_dir_all(&path));
        fs::create_dir_all(&path).map_err(BooksError::write(&path))?;
        let partial = Partial { path, is_kept: false };
        let path = &partial.path;
        let mut file = create(path, journal::HLEDGER)?;
        journal::write_hledger(&mut file)
            .and_then(|()| file.flush())
            .map_err(BooksError::write(path.join(journal::HLEDGER)))?;
        let mut file = create(path, journal::LEDGER)?;
        journal::write_ledger(&mut file)
            .and_then(|()| file.flush())
            .map_err(BooksError::write(path.join(journal::LEDGER)))?;
        let title = format!("Kontor: {}", books.tenant);
        let beancount = Beancount::begin(create(path, beancount::FILE)?, &title)
            .map_err(BooksError::write(path.join(beancount::FILE)))?;
        Ok(Self {
            folder: folder.to_owned(),
            running: Running::default(),
            day: NaiveDate::MIN,
            summary: Summary {
                tenant: books.tenant.to_string(),
                time_zone: books.time_zone.to_string(),
                bookings: 0,
                entries: 0,
                late_bookings: 0,
                last_position: 0,
                trial_balance: Vec::new(),
            },
            body: create(path, journal::BODY)?,
            beancount,
            bookings: table(path, tables::BOOKINGS, &BookingRow::COLUMNS)?,
            entries: table(path, tables::ENTRIES, &EntryRow::COLUMNS)?,
            workbook: Workbook::begin(),
            books,
            partial,
        })
    }

    /// Writes the next booking of the log.
    ///
    /// # Errors
    /// When its lines do not add up, or a file cannot be written.
    pub fn take(&mut self, posted: Posted<'_>) -> Result<(), BooksError> {
        let entries = &posted.event.booking().entries;
        let lines = self.running.book((posted.position, posted.ledger_id), entries)?;
        let day = self.local_day(posted.recorded_at).max(self.day);
        self.day = day;
        let holds_from =
            Some(self.local_day(posted.event.effective_at())).filter(|from| *from < day);
        let late = Late::find(&self.books.closed, &posted);
        self.summary.late_bookings += u64::from(late.is_some());
        let booking = Dated { posted, day, holds_from, lines, late };
        let path = |name: &str| self.partial.path.join(name);
        journal::write_booking(&mut self.body, &booking)
            .map_err(BooksError::write(path(journal::BODY)))?;
        self.beancount.take(&booking).map_err(BooksError::write(path(beancount::FILE)))?;
        self.bookings
            .row(&BookingRow::of(&booking))
            .map_err(|error| BooksError::write(path(tables::BOOKINGS))(error.into()))?;
        for numbered in (1..).zip(&booking.lines) {
            self.entries
                .row(&EntryRow::of(&booking, numbered))
                .map_err(|error| BooksError::write(path(tables::ENTRIES))(error.into()))?;
            self.summary.entries += 1;
        }
        self.workbook.take(&booking)?;
        self.summary.bookings += 1;
        self.summary.last_position = booking.posted.position;
        Ok(())
    }

    fn local_day(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.books.time_zone).date_naive()
    }

    /// Ends the export: the folder appears.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn finish(mut self) -> Result<Summary, BooksError> {
        let folder = self.partial.path.clone();
        let path = |name: &str| folder.join(name);
        let trial: Vec<_> = self.running.totals().iter().map(TrialRow::of).collect();
        let mut sums = table(&folder, tables::TRIAL_BALANCE, &TrialRow::COLUMNS)?;
        for row in &trial {
            sums.row(row)
                .map_err(|error| BooksError::write(path(tables::TRIAL_BALANCE))(error.into()))?;
        }
        for (name, ended) in [
            (journal::BODY, Ok(self.body)),
            (beancount::FILE, self.beancount.finish()),
            (tables::BOOKINGS, self.bookings.finish()),
            (tables::ENTRIES, self.entries.finish()),
            (tables::TRIAL_BALANCE, sums.finish()),
        ] {
            ended
                .and_then(|mut file| file.flush().and_then(|()| file.get_ref().sync_all()))
                .map_err(BooksError::write(path(name)))?;
        }
        self.workbook.finish(&trial, &path(workbook::FILE))?;
        self.summary.trial_balance = trial.into_iter().map(TrialRow::into_line).collect();
        let readme = readme(&self.summary);
        fs::write(path(README), readme).map_err(BooksError::write(path(README)))?;
        write_manifest(&folder, &self.summary)?;
        fs::rename(&folder, &self.folder).map_err(BooksError::write(&self.folder))?;
        self.partial.is_kept = true;
        Ok(self.summary)
    }
}

fn create(folder: &Path, name: &str) -> Result<BufWriter<File>, BooksError> {
    let path = folder.join(name);
    File::create_new(&path).map(BufWriter::new).map_err(BooksError::write(path))
}

fn table(
    folder: &Path,
    name: &str,
    columns: &[&str],
) -> Result<Table<BufWriter<File>>, BooksError> {
    Table::begin(create(folder, name)?, columns)
        .map_err(|error| BooksError::write(folder.join(name))(error.into()))
}

/// The manifest names the hash of every other file, so a copy can be compared with its original.
fn write_manifest(folder: &Path, summary: &Summary) -> Result<(), BooksError> {
    let mut files = serde_json::Map::new();
    for name in [
        journal::BODY,
        journal::HLEDGER,
        journal::LEDGER,
        beancount::FILE,
        tables::BOOKINGS,
        tables::ENTRIES,
        tables::TRIAL_BALANCE,
        workbook::FILE,
        README,
    ] {
        let path = folder.join(name);
        let mut file = File::open(&path).map_err(BooksError::write(&path))?;
        let mut hash = Sha256::new();
        std::io::copy(&mut file, &mut HashInto(&mut hash)).map_err(BooksError::write(&path))?;
        files.insert(name.to_owned(), hex::encode(hash.finalize()).into());
    }
    let manifest = serde_json::json!({ "books": summary, "sha256": files });
    let path = folder.join(MANIFEST);
    fs::write(&path, format!("{manifest:#}\n")).map_err(BooksError::write(path))
}

/// A hash that is written into.
struct HashInto<'a>(&'a mut Sha256);

impl Write for HashInto<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn readme(summary: &Summary) -> String {
    let Summary { tenant, time_zone, bookings, entries, last_position, .. } = summary;
    format!(
        "The books of {tenant}: {bookings} bookings with {entries} lines, up to position {last_position} of the log.\n\
         Days begin and end in {time_zone}. A booking that holds from an earlier day on says so\n\
         (hledger: --date2, Ledger: --effective). What came after the close of its month names that\n\
         month (late_of) and the one in which it counts (counts_in).\n\
         \n\
         Check them with a tool of others; each says nothing or names the line that is wrong:\n\
         \n\
         hledger -f {hledger} check --strict ordereddates\n\
         ledger --pedantic -f {ledger} balance > /dev/null\n\
         bean-check {beancount}\n\
         \n\
         {workbook} has the same in sheets; {csv_bookings}, {csv_entries} and {csv_trial} for\n\
         anything else. Credits are CR, messages under a pass MSG, Telegram Stars XTR. Debits are\n\
         positive. manifest.json has the hash of each file.\n",
        hledger = journal::HLEDGER,
        ledger = journal::LEDGER,
        beancount = beancount::FILE,
        workbook = workbook::FILE,
        csv_bookings = tables::BOOKINGS,
        csv_entries = tables::ENTRIES,
        csv_trial = tables::TRIAL_BALANCE,
    )
}
