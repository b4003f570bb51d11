//! Where ledgers end, in a file: one line of JSON for each.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, bail};
use kontor_domain::credit_ledger::chain::{ChainEnd, Head};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::chains::LEDGERS_MAX;

/// The longest line in bytes; a true one has some 150.
const LINE_MAX: u64 = 1024;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    ledger_id: Uuid,
    length: i64,
    head: Head,
}

/// Writes the ends into a new file.
pub(super) fn write(path: &Path, ends: &[(Uuid, ChainEnd)]) -> anyhow::Result<()> {
    let failed = || format!("{} cannot be written; name a new file", path.display());
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path).with_context(failed)?;
    let mut file = BufWriter::new(file);
    for (ledger_id, end) in ends {
        let kept = Kept { ledger_id: *ledger_id, length: end.length, head: end.head };
        writeln!(file, "{}", serde_json::to_string(&kept)?).with_context(failed)?;
    }
    file.into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all())
        .with_context(failed)
}

/// Reads ends that were kept.
pub(super) fn read(path: &Path) -> anyhow::Result<HashMap<Uuid, ChainEnd>> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut file = BufReader::new(file);
    let mut ends = HashMap::new();
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let read = (&mut file).take(LINE_MAX).read_line(&mut line);
        let place = || format!("{}, line {number}", path.display());
        if read.with_context(place)? == 0 {
            break;
        }
        let kept: Kept = serde_json::from_str(&line)
            .with_context(|| format!("{} is no end of a ledger as --keep writes it", place()))?;
        let end = ChainEnd { length: kept.length, head: kept.head };
        if ends.insert(kept.ledger_id, end).is_some() {
            bail!("{} names ledger {} a second time", place(), kept.ledger_id);
        }
        if ends.len() > LEDGERS_MAX {
            bail!("{} names more than {LEDGERS_MAX} ledgers", path.display());
        }
    }
    Ok(ends)
}
