//! The bookings in an export. The checks of its lines are left to `kontor import`: whoever edits a
//! file can write those anew, and here the position of a booking is wanted, not the line.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
};

use anyhow::{Context, bail};
use flate2::read::MultiGzDecoder;
use kontor_domain::{Actor, credit_ledger::chain::Link};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::chains::{Chains, Place};

/// The longest line in bytes, as in the export.
const LINE_MAX: u64 = 2 * 1024 * 1024;
/// How much is read at once, in bytes.
const BUFFER: usize = 256 * 1024;

/// A line, of which only events are of interest.
#[derive(Deserialize)]
struct Line {
    event: Option<Stored>,
    end: Option<Value>,
}

#[derive(Deserialize)]
struct Stored {
    position: i64,
    tenant: String,
    stream_type: String,
    stream_id: Uuid,
    version: i64,
    event_type: String,
    schema_version: i32,
    payload: Value,
    metadata: Value,
}

/// Reads a file to its last line, which must be there.
pub(super) fn read(path: &Path, chains: &mut Chains) -> anyhow::Result<()> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let is_compressed = path.extension().is_some_and(|extension| extension == "gz");
    let plain: Box<dyn Read> =
        if is_compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut from = BufReader::with_capacity(BUFFER, plain);
    let mut buffer = Vec::new();
    let mut last_position = 0;
    for number in 1_u64.. {
        buffer.clear();
        let read = (&mut from).take(LINE_MAX).read_until(b'\n', &mut buffer);
        if read.with_context(|| format!("line {number} cannot be read"))? == 0 {
            bail!(
                "the export ends behind position {last_position} without its last line: it was cut off"
            );
        }
        let line: Line = serde_json::from_slice(&buffer)
            .with_context(|| format!("line {number} is none of an export"))?;
        if line.end.is_some() {
            return Ok(());
        }
        let Some(event) = line.event else { continue };
        last_position = event.position;
        if event.stream_type == "credit_ledger" {
            take(&event, chains)?;
        }
    }
    Ok(())
}

fn take(event: &Stored, chains: &mut Chains) -> anyhow::Result<()> {
    let (position, ledger_id) = (event.position, event.stream_id);
    let place = Place { position, ledger_id, tenant: &event.tenant };
    let actor = event.metadata.get("actor").cloned().unwrap_or_default();
    let Ok(actor) = serde_json::from_value::<Actor>(actor) else {
        return chains.reject(place, event.version);
    };
    let payload = event.payload.to_string();
    let link = Link {
        version: event.version,
        event_type: &event.event_type,
        schema_version: event.schema_version,
        actor: &actor,
        payload: &payload,
    };
    chains.take(place, link)
}
