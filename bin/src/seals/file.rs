//! The file of seals: lines of JSON, outside of the database.
//!
//! For each seal come the ends of the ledgers that changed, then the seal. A line is only ever added,
//! and it counts when the seal behind it is there: what a crash left half written is cut off before
//! anything is added.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use kontor_domain::seals::{Seal, SealedEnd};
use kontor_postgres::seals::Sealed;
use serde::{Deserialize, Serialize};

/// The longest line in bytes; a true one has less than a thousand.
const LINE_MAX: u64 = 4_096;
/// The most ends in front of one seal: more than one takes in.
const ENDS_MAX: usize = 100_000;
/// How much of the end is searched for the last seal, in bytes: all lines of the largest one.
const TAIL_MAX: u64 = 32 * 1024 * 1024;

/// A line of the file.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    /// The end of a ledger that changed; it belongs to the next seal.
    End(SealedEnd),
    /// A seal over the ends so far.
    Seal(Box<Seal>),
}

/// The file, open for adding; no other process of this machine adds to it meanwhile.
pub(crate) struct SealFile {
    path: PathBuf,
    file: File,
    last: Option<Seal>,
}

impl SealFile {
    /// Opens the file or makes it, looks for its last seal, and cuts off what stands behind that.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let failed = || format!("the file of seals {} cannot be opened", path.display());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(path).with_context(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("another process writes the file of seals {}", path.display())
            }
            Err(TryLockError::Error(err)) => return Err(err).with_context(failed),
        }
        // The name of a new file is made durable with its folder.
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let folder = folder.unwrap_or_else(|| Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(failed)?;
        let (last, end) = last_seal(&mut file)
            .with_context(|| format!("{} is no file of seals", path.display()))?;
        if end < file.metadata().with_context(failed)?.len() {
            tracing::warn!("The file of seals ended in the middle of a seal; that part is cut off");
            file.set_len(end).with_context(failed)?;
        }
        file.seek(SeekFrom::Start(end)).with_context(failed)?;
        Ok(Self { path: path.to_owned(), file, last })
    }

    /// The last seal in it.
    pub(crate) fn last(&self) -> Option<&Seal> {
        self.last.as_ref()
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds seals, and waits until the disk holds them.
    pub(crate) fn add(&mut self, seals: &[Sealed]) -> anyhow::Result<()> {
        let failed = || format!("the file of seals {} cannot be written", self.path.display());
        let mut to = BufWriter::new(&self.file);
        for sealed in seals {
            for end in &sealed.changed {
                write_line(&mut to, &Line::End(end.clone())).with_context(failed)?;
            }
            let seal = Line::Seal(Box::new(sealed.seal.clone()));
            write_line(&mut to, &seal).with_context(failed)?;
        }
        to.flush().with_context(failed)?;
        drop(to);
        self.file.sync_data().with_context(failed)?;
        if let Some(sealed) = seals.last() {
            self.last = Some(sealed.seal.clone());
        }
        Ok(())
    }
}

fn write_line(to: &mut impl Write, line: &Line) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *to, line)?;
    Ok(to.write_all(b"\n")?)
}

/// The last whole seal of a file, and where it ends.
fn last_seal(file: &mut File) -> anyhow::Result<(Option<Seal>, u64)> {
    let length = file.metadata()?.len();
    let begin = length.saturating_sub(TAIL_MAX);
    file.seek(SeekFrom::Start(begin))?;
    let mut tail = Vec::new();
    file.take(TAIL_MAX).read_to_end(&mut tail)?;
    let mut end = tail.len();
    // Without its last line break a line is not whole.
    while let Some(stop) = tail.get(..end).and_then(|it| it.iter().rposition(|b| *b == b'\n')) {
        let start = tail.get(..stop).and_then(|it| it.iter().rposition(|b| *b == b'\n'));
        let start = start.map_or(0, |at| at + 1);
        let line: Result<Line, _> = serde_json::from_slice(tail.get(start..stop).unwrap_or(&[]));
        match line {
            Ok(Line::Seal(seal)) => return Ok((Some(*seal), begin + stop as u64 + 1)),
            Ok(Line::End(_)) => end = start,
            Err(err) => return Err(err).context("a line is neither a seal nor an end of a ledger"),
        }
    }
    // What is left is one line without an end: a first seal that was never finished begins with one.
    let rest = tail.get(..end).unwrap_or(&[]);
    if begin > 0 || !(rest.is_empty() || b"{\"end\":".starts_with(&rest[..rest.len().min(7)])) {
        bail!("no seal stands in its last {TAIL_MAX} bytes");
    }
    Ok((None, 0))
}

/// A seal of a file with the ends in front of it.
#[derive(Debug)]
pub(crate) struct Group {
    /// The line of the seal.
    pub(crate) line: u64,
    /// The seal.
    pub(crate) seal: Seal,
    /// The ends that changed; none in a row of seals alone, as NATS carries them.
    pub(crate) ends: Vec<SealedEnd>,
}

/// A file of seals on its way, seal by seal.
pub(crate) struct Groups {
    path: PathBuf,
    from: BufReader<File>,
    line: u64,
}

impl Groups {
    /// Opens a file for reading.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path);
        let file = file.with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(Self { path: path.to_owned(), from: BufReader::new(file), line: 0 })
    }

    /// The next seal. Ends without a seal behind them, at the end of the file, are what a crash left.
    pub(crate) fn next(&mut self) -> anyhow::Result<Option<Group>> {
        let (mut text, mut ends) = (String::new(), Vec::new());
        loop {
            text.clear();
            self.line += 1;
            let line = self.line;
            let place = || format!("{}, line {line}", self.path.display());
            let read = (&mut self.from).take(LINE_MAX).read_line(&mut text);
            if read.with_context(place)? == 0 || !text.ends_with('\n') && at_end(&mut self.from)? {
                return Ok(None);
            }
            let parsed = read_line(&text);
            let what = || format!("{} is no line of a file of seals", place());
            match parsed.with_context(what)? {
                Line::Seal(seal) => return Ok(Some(Group { line, seal: *seal, ends })),
                Line::End(end) => ends.push(end),
            }
            if ends.len() > ENDS_MAX {
                bail!("{} has more than {ENDS_MAX} ends in front of one seal", self.path.display());
            }
        }
    }
}

/// Whether nothing follows: then a line without its break was never finished.
fn at_end(from: &mut impl BufRead) -> anyhow::Result<bool> {
    Ok(from.fill_buf()?.is_empty())
}

/// A line of the file, or a seal alone as NATS carries it.
fn read_line(line: &str) -> serde_json::Result<Line> {
    serde_json::from_str(line)
        .or_else(|err| serde_json::from_str::<Box<Seal>>(line).map(Line::Seal).map_err(|_| err))
}

#[cfg(test)]
mod tests {
    use kontor_domain::{
        credit_ledger::chain::Head,
        seals::{SealDraft, SealingKey},
    };

    use super::*;

    fn sealed(before: Option<&Seal>, version: i64) -> Sealed {
        let changed = vec![SealedEnd {
            leaf: 0,
            tenant: "demo".parse().unwrap(),
            ledger_id: uuid::Uuid::from_u128(1),
            version,
            head: Head::GENESIS,
        }];
        let draft = SealDraft {
            position: version,
            ledgers: 1,
            bookings: version,
            changed: 1,
            root: changed[0].leaf_hash(),
            sealed_at: "2026-11-28T10:00:00Z".parse().unwrap(),
        };
        let seal = Seal::sign(&draft, before, &[SealingKey::new(&[1; 32])]).unwrap();
        Sealed { seal, changed }
    }

    #[test]
    fn what_a_crash_left_half_written_is_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("seals.ndjson");
        let first = sealed(None, 1);
        let second = sealed(Some(&first.seal), 2);
        let mut file = SealFile::open(&path).unwrap();
        assert!(file.last().is_none());
        file.add(std::slice::from_ref(&first)).unwrap();
        assert!(SealFile::open(&path).err().unwrap().to_string().contains("another process"));
        let whole = std::fs::metadata(&path).unwrap().len();
        file.add(std::slice::from_ref(&second)).unwrap();
        drop(file);
        let all = std::fs::read(&path).unwrap();
        for length in 0..all.len() {
            std::fs::write(&path, &all[..length]).unwrap();
            let file = SealFile::open(&path).unwrap();
            let (number, kept) =
                if length < usize::try_from(whole).unwrap() { (None, 0) } else { (Some(1), whole) };
            assert_eq!(file.last().map(|seal| seal.number), number, "cut at {length}");
            assert_eq!(std::fs::metadata(&path).unwrap().len(), kept);
        }
        std::fs::write(&path, &all).unwrap();
        let mut groups = Groups::open(&path).unwrap();
        for (line, sealed) in [(2, &first), (4, &second)] {
            let group = groups.next().unwrap().unwrap();
            assert_eq!(
                (group.line, &group.seal, &group.ends),
                (line, &sealed.seal, &sealed.changed)
            );
        }
        assert!(groups.next().unwrap().is_none());
        assert_eq!(SealFile::open(&path).unwrap().last(), Some(&second.seal));
    }

    #[test]
    fn another_file_is_not_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("письмо.txt");
        for text in ["Дорогая бабушка!\n", "Дорогая бабушка!", "{}\n", "{\"end\":7}\n"]
        {
            std::fs::write(&path, text).unwrap();
            let said = format!("{:#}", SealFile::open(&path).err().unwrap());
            assert!(said.contains("is no file of seals"), "{said}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
