//! What hledger, Ledger and Beancount say to the files, also after somebody changed them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use chrono::{DateTime, Utc};
use kontor_books::{Books, Export, Summary};
use kontor_domain::{
    EventBody,
    credit_ledger::{CreditLedgerEvent, Unit},
};
use tempfile::TempDir;

use crate::lives::{Kept, lives, totals, write};

/// How many random towns are judged.
const SEEDS: u8 = 5;
/// How much is tried in each; some of it is refused.
const ATTEMPTS: usize = 400;

/// The strictest check of each tool: the program, its arguments, and the file that holds the lines.
const CHECKS: [(&str, &[&str], &str); 3] = [
    ("hledger", &["-f", "books.hledger", "check", "--strict", "ordereddates"], "body.journal"),
    ("ledger", &["--pedantic", "--args-only", "-f", "books.ledger", "balance"], "body.journal"),
    ("bean-check", &["books.beancount"], "books.beancount"),
];

pub(crate) struct Exported {
    pub(crate) summary: Summary,
    pub(crate) folder: PathBuf,
    /// Lives as long as the files are needed.
    _home: TempDir,
}

pub(crate) fn exported(log: &[Kept]) -> Exported {
    exported_as(books(), log)
}

pub(crate) fn exported_as(books: Books, log: &[Kept]) -> Exported {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("books");
    let mut export = Export::begin(books, &folder).unwrap();
    write(&mut export, log);
    let summary = export.finish().unwrap();
    Exported { summary, folder, _home: home }
}

pub(crate) fn books() -> Books {
    let time_zone = "Europe/Moscow".parse().unwrap();
    Books { tenant: "demo".parse().unwrap(), time_zone, closed: vec![] }
}

pub(crate) fn run(folder: &Path, program: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("LC_ALL", "C.UTF-8");
    command.output().unwrap_or_else(|error| {
        panic!("{program}: {error}; `make test` installs it, and so does scripts/setup.sh --test")
    })
}

fn said(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

pub(crate) fn check_all(folder: &Path) {
    for (program, arguments, _) in CHECKS {
        let output = run(folder, program, arguments);
        assert!(output.status.success(), "{program}: {}", said(&output));
    }
}

/// Minor units of a decimal; a tool may leave out zeros at the end.
fn minor(decimal: &str, unit: Unit) -> i128 {
    let digits = unit.decimals() as usize;
    let (whole, behind) = decimal.split_once('.').unwrap_or((decimal, ""));
    format!("{whole}{behind:0<digits$}").parse().unwrap()
}

/// Sums of lines by account without customers, from what a tool read.
fn sums<'a>(
    lines: impl Iterator<Item = (&'a str, &'a str, &'a str)>,
) -> BTreeMap<(String, Unit), i128> {
    let mut sums = BTreeMap::new();
    for (account, amount, unit) in lines {
        let unit = Unit::try_from(unit.to_owned()).unwrap();
        let account = account.split(":L-").next().unwrap_or(account).to_owned();
        *sums.entry((account, unit)).or_default() += minor(amount, unit);
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

#[test]
fn every_tool_accepts_random_histories_and_counts_the_same() {
    let mut kinds = BTreeSet::new();
    for seed in 0..SEEDS {
        let log = lives(seed, ATTEMPTS);
        kinds.extend(log.iter().map(|kept| kept.event.wire_type()));
        let exported = exported(&log);
        check_all(&exported.folder);

        let balances = exported.summary.trial_balance.iter().map(|line| {
            let unit = Unit::try_from(line.unit.clone()).unwrap();
            ((line.account.clone(), unit), minor(&line.balance, unit))
        });
        let expected: BTreeMap<_, _> = balances.filter(|(_, balance)| *balance != 0).collect();
        // The names are the exporter's; the figures were counted here.
        let mut figures: Vec<_> =
            expected.iter().map(|((_, unit), balance)| (*unit, *balance)).collect();
        let mut counted: Vec<_> =
            totals(&log).into_iter().map(|((_, unit), total)| (unit, total)).collect();
        figures.sort_unstable();
        counted.sort_unstable();
        assert_eq!(figures, counted, "seed {seed}");
        assert_eq!(by_hledger(&exported.folder, &[]), expected, "seed {seed}");
        assert_eq!(by_ledger(&exported.folder), expected, "seed {seed}");
    }
    let all: BTreeSet<_> = CreditLedgerEvent::SCHEMAS.iter().map(|it| it.event_type).collect();
    assert_eq!(kinds, all, "every kind of booking came about");
}

#[test]
fn hledger_agrees_on_what_holds_and_what_was_recorded_before_a_day() {
    let log = lives(79, ATTEMPTS);
    let exported = exported(&log);
    let local_day = |at: DateTime<Utc>| at.with_timezone(&books().time_zone).date_naive();
    let late = log
        .iter()
        .filter(|kept| local_day(kept.event.effective_at()) < local_day(kept.event.booking().at));
    assert!(late.count() > 3, "some credits expired on a day before they were booked");
    for kept in log.iter().step_by(log.len() / 12) {
        let day = local_day(kept.recorded_at);
        let counted = |instant: fn(&Kept) -> DateTime<Utc>| {
            let mut figures = BTreeMap::<_, i128>::new();
            for kept in log.iter().filter(|kept| local_day(instant(kept)) < day) {
                for entry in &kept.event.booking().entries {
                    *figures.entry((entry.account, entry.unit)).or_default() +=
                        i128::from(entry.amount);
                }
            }
            figures_of(figures.into_iter().map(|((_, unit), sum)| (unit, sum)))
        };
        let end = day.to_string();
        let arguments = ["--end", &end, "--date2"];
        for (arguments, expected) in [
            (&arguments[..2], counted(|kept| kept.recorded_at)),
            (&arguments[..], counted(|kept| kept.event.effective_at())),
        ] {
            let found = by_hledger(&exported.folder, arguments);
            let found = figures_of(found.into_iter().map(|((_, unit), sum)| (unit, sum)));
            assert_eq!(found, expected, "{arguments:?}");
        }
    }
}

/// Balances in an order that does not depend on how accounts are called.
fn figures_of(balances: impl Iterator<Item = (Unit, i128)>) -> Vec<(Unit, i128)> {
    let mut figures: Vec<_> = balances.filter(|(_, sum)| *sum != 0).collect();
    figures.sort_unstable();
    figures
}

/// What hledger counts, from its register of single lines.
fn by_hledger(folder: &Path, more: &[&str]) -> BTreeMap<(String, Unit), i128> {
    let arguments = [&["-f", "books.hledger", "register", "-O", "csv"], more].concat();
    let output = run(folder, "hledger", &arguments);
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
    sums(rows.iter().map(|row| {
        let (amount, unit) = row[5].split_once(' ').unwrap();
        (&row[4], amount, unit)
    }))
}

/// What Ledger counts, from its register of single lines.
fn by_ledger(folder: &Path) -> BTreeMap<(String, Unit), i128> {
    let format = "%(account)\t%(quantity(scrub(amount)))\t%(commodity(scrub(amount)))\n";
    let arguments = ["--args-only", "-f", "books.ledger", "register", "--format", format];
    let output = run(folder, "ledger", &arguments);
    let text = String::from_utf8(output.stdout).unwrap();
    sums(text.lines().map(|line| {
        let mut cells = line.split('\t');
        let mut next = || cells.next().unwrap();
        (next(), next(), next())
    }))
}

/// Changes the amount of one line by one minor unit, the line at `place` of all that have one.
fn change_amount(text: &str, place: usize, by: i128) -> String {
    let mut seen = 0;
    let lines = text.lines().map(|line| {
        let Some((account, rest)) = line.trim_start().split_once("  ") else {
            return line.to_owned();
        };
        let is_line = line.starts_with(' ') && account.contains(':') && !account.starts_with(';');
        seen += usize::from(is_line);
        if !is_line || seen != place + 1 {
            return line.to_owned();
        }
        let (amount, behind) = rest.split_once(' ').unwrap();
        let unit = Unit::try_from(behind.split(' ').next().unwrap().to_owned()).unwrap();
        let digits = amount.split_once('.').map_or(0, |(_, behind)| behind.len());
        let changed = minor(amount, unit) + by;
        let text = format!("{:0>width$}", changed.unsigned_abs(), width = digits + 1);
        let (whole, fraction) = text.split_at(text.len() - digits);
        let point = if digits == 0 { "" } else { "." };
        let sign = if changed < 0 { "-" } else { "" };
        format!("    {account}  {sign}{whole}{point}{fraction} {behind}")
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

/// The places of two lines of one booking that count the same unit and differ in their accounts.
fn pair_of_one_booking(log: &[Kept]) -> (usize, usize) {
    let mut first = 0;
    for kept in log {
        let entries = &kept.event.booking().entries;
        if entries.len() >= 4 {
            let of_first = |entry: &&(usize, _)| entry.0 > 0;
            let entries: Vec<_> = entries.iter().enumerate().collect();
            let second = entries.iter().filter(of_first).find(|(_, entry)| {
                entry.unit == entries[0].1.unit && entry.account != entries[0].1.account
            });
            return (first, first + second.unwrap().0);
        }
        first += entries.len();
    }
    panic!("no booking has four lines")
}

#[test]
fn every_tool_refuses_a_copy_in_which_one_amount_was_changed() {
    let log = lives(77, ATTEMPTS);
    let exported = exported(&log);
    let lines: usize = log.iter().map(|kept| kept.event.booking().entries.len()).sum();
    let (one, other) = pair_of_one_booking(&log);
    for (program, arguments, file) in CHECKS {
        let path = exported.folder.join(file);
        let original = fs::read_to_string(&path).unwrap();
        let mut copies: Vec<String> = [0, lines / 3, lines / 2, lines - 1]
            .into_iter()
            .map(|place| change_amount(&original, place, 1))
            .collect();
        // The booking still adds up to zero; the balances behind it do not fit.
        copies.push(change_amount(&change_amount(&original, one, 1), other, -1));
        for (number, copy) in copies.into_iter().enumerate() {
            assert_ne!(copy, original, "copy {number} for {program} was changed");
            fs::write(&path, copy).unwrap();
            let output = run(&exported.folder, program, arguments);
            assert!(!output.status.success(), "{program} accepts copy {number}");
        }
        fs::write(&path, original).unwrap();
    }
    check_all(&exported.folder);
}

#[test]
fn every_tool_refuses_a_copy_from_which_a_booking_was_removed() {
    let log = lives(78, ATTEMPTS);
    let exported = exported(&log);
    for (program, arguments, file) in CHECKS {
        let path = exported.folder.join(file);
        let original = fs::read_to_string(&path).unwrap();
        // Bookings are parted by empty lines; the second spend is taken out.
        let is_spend = |block: &&str| block.contains("spent");
        let victim = original.split("\n\n").filter(is_spend).nth(1).unwrap();
        // Accounts stay declared: it is the balance that must give it away.
        let kept: Vec<&str> = victim
            .lines()
            .filter(|line| line.starts_with("account ") || line.contains(" open "))
            .collect();
        fs::write(&path, original.replace(victim, &kept.join("\n"))).unwrap();
        let output = run(&exported.folder, program, arguments);
        assert!(!output.status.success(), "{program} accepts books without a booking");
        fs::write(&path, original).unwrap();
    }
}

#[test]
fn books_without_bookings_are_accepted_too() {
    let exported = exported(&[]);
    check_all(&exported.folder);
    assert_eq!((exported.summary.bookings, exported.summary.last_position), (0, 0));
}
