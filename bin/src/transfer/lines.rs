//! The lines of an exported log. Each carries a check over itself and all before it, so that an
//! edited, missing, repeated or moved line is named by its number; the last line has the hash of
//! everything.

use std::io::{self, BufRead, Read, Write};

use anyhow::{Context, bail};
use kontor_postgres::transfer::Counts;
use sha2::{Digest, Sha256};

/// The longest line in bytes: the largest payload with its circumstances, with room to spare.
const LINE_MAX: u64 = 2 * 1024 * 1024;
/// Bytes of a line's check.
const CHECK_BYTES: usize = 8;
/// What follows the content of a line: `,"check":"` 16 digits `"}`.
const TAIL: usize = 10 + 2 * CHECK_BYTES + 2;

/// The hashes while lines go by.
struct Chain {
    check: [u8; CHECK_BYTES],
    whole: Sha256,
}

impl Chain {
    fn new() -> Self {
        Self { check: [0; CHECK_BYTES], whole: Sha256::new() }
    }

    /// The check of the next line.
    fn next(&mut self, content: &[u8]) -> String {
        let mut hash = Sha256::new();
        hash.update(self.check);
        hash.update(content);
        self.check.copy_from_slice(&hash.finalize()[..CHECK_BYTES]);
        hex::encode(self.check)
    }

    /// The hash of all lines so far.
    fn sha256(&self) -> String {
        hex::encode(self.whole.clone().finalize())
    }
}

/// Writes lines.
pub(super) struct Lines<W> {
    to: W,
    chain: Chain,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, chain: Chain::new() }
    }

    /// Writes a value under a name.
    pub(super) fn write(&mut self, name: &str, json: &str) -> io::Result<()> {
        let content = format!("{{\"{name}\":{json}");
        let check = self.chain.next(content.as_bytes());
        let line = format!("{content},\"check\":\"{check}\"}}\n");
        self.chain.whole.update(&line);
        self.to.write_all(line.as_bytes())
    }

    /// Writes the last line and returns what was written to.
    pub(super) fn end(mut self, counts: Counts) -> io::Result<W> {
        let sha256 = self.chain.sha256();
        let Counts { events, receipts, keys } = counts;
        let end = serde_json::json!({
            "events": events, "receipts": receipts, "keys": keys, "sha256": sha256,
        });
        self.write("end", &end.to_string())?;
        self.to.flush()?;
        Ok(self.to)
    }
}

/// Reads lines back.
pub(super) struct Reader<R> {
    from: R,
    chain: Chain,
    /// The number of the last line that was read.
    pub(super) number: i64,
    buffer: Vec<u8>,
}

/// A sound line.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) json: String,
    /// The hash of everything before it.
    pub(super) sha256: String,
}

impl<R: BufRead> Reader<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, chain: Chain::new(), number: 0, buffer: Vec::new() }
    }

    /// The next line; `None` at the end of the file.
    pub(super) fn next(&mut self) -> anyhow::Result<Option<Line>> {
        self.number += 1;
        let number = self.number;
        self.buffer.clear();
        let read = (&mut self.from).take(LINE_MAX).read_until(b'\n', &mut self.buffer);
        if read.with_context(|| format!("line {number} cannot be read"))? == 0 {
            return Ok(None);
        }
        let before = self.chain.sha256();
        if self.buffer.last() != Some(&b'\n') {
            bail!("line {number} is cut off");
        }
        let text = &self.buffer[..self.buffer.len() - 1];
        let parts = text.len().checked_sub(TAIL).map(|at| text.split_at(at));
        let Some((content, tail)) = parts else { bail!("line {number} is none of an export") };
        let check = self.chain.next(content);
        if tail != format!(",\"check\":\"{check}\"}}").as_bytes() {
            bail!(
                "line {number} is not as it was written, or lines before it are missing, repeated \
                 or moved"
            );
        }
        let text =
            std::str::from_utf8(content).with_context(|| format!("line {number} is no text"))?;
        let split = text.strip_prefix("{\"").and_then(|text| text.split_once("\":"));
        let Some((name, json)) = split else { bail!("line {number} is none of an export") };
        let line = Line { name: name.to_owned(), json: json.to_owned(), sha256: before };
        self.chain.whole.update(&self.buffer);
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written() -> anyhow::Result<String> {
        let mut lines = Lines::new(Vec::new());
        for number in 1..=3 {
            lines.write("event", &format!("{{\"position\":{number}}}"))?;
        }
        let counts = Counts { events: 3, ..Counts::default() };
        Ok(String::from_utf8(lines.end(counts)?)?)
    }

    fn read(text: &str) -> anyhow::Result<usize> {
        let mut reader = Reader::new(text.as_bytes());
        let mut count = 0;
        while reader.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    #[test]
    fn every_change_is_found_at_its_line() -> anyhow::Result<()> {
        let text = written()?;
        assert_eq!(read(&text)?, 4);
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let cases = [
            (text.replace("position\":2", "position\":7"), "line 2"),
            ([lines[0], lines[2], lines[3]].concat(), "line 2"),
            ([lines[0], lines[0], lines[1]].concat(), "line 2"),
            ([lines[1], lines[0]].concat(), "line 1"),
            (text[..text.len() - 1].to_owned(), "line 4 is cut off"),
            ("{}\n".to_owned(), "line 1 is none"),
            ("x".repeat(3_000_000), "line 1 is cut off"),
        ];
        for (text, wanted) in cases {
            let Err(error) = read(&text) else { panic!("{wanted}: it was read") };
            assert!(error.to_string().starts_with(wanted), "{wanted}: {error}");
        }
        Ok(())
    }
}
