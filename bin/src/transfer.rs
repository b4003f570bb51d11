//! `kontor export` and `kontor import`: the log as a file, and a file as a new log.

mod lines;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, bail};
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use kontor_postgres::transfer::{BATCH, Counts, Export, Import, ImportError, Kind};
use serde::Deserialize;
use sqlx::PgPool;

use self::lines::{Line, Lines, Reader};
use crate::{
    COMMAND_CONNECTIONS,
    cli::{TransferArgs, TransferVerb},
    compose::{self, Addresses},
    config::Config,
    failure::Failure,
    operate, output,
};

/// The version of the form of the lines.
const FORMAT: u32 = 1;
/// How much is read and written at once, in bytes.
const BUFFER: usize = 256 * 1024;

/// Carries out a verb.
pub(crate) async fn run(config: &Config, verb: TransferVerb) -> Result<(), Failure> {
    let pool = compose::pool(&Addresses::find(config)?, COMMAND_CONNECTIONS).await?;
    match verb {
        TransferVerb::Export(args) => Ok(export(&pool, &args).await?),
        TransferVerb::Import(args) => {
            import(&pool, &args).await?;
            operate::verify_everything(config, &pool, args.output.json).await
        }
    }
}

fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

async fn export(pool: &PgPool, args: &TransferArgs) -> anyhow::Result<()> {
    if is_stream(&args.file) {
        write_log(pool, BufWriter::with_capacity(BUFFER, io::stdout())).await?;
        return Ok(());
    }
    // Under another name until it is whole: what has the right name is an export.
    let unfinished = args.file.with_added_extension("unfinished");
    let failed = || format!("{} cannot be written", args.file.display());
    if args.file.exists() {
        bail!("{} is there already; name a new file", args.file.display());
    }
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(&unfinished);
    let file = BufWriter::with_capacity(BUFFER, file.with_context(failed)?);
    let (file, counts) = if is_compressed(&args.file) {
        let (encoder, counts) =
            write_log(pool, GzEncoder::new(file, Compression::default())).await?;
        (encoder.finish().with_context(failed)?, counts)
    } else {
        write_log(pool, file).await?
    };
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all().with_context(failed)?;
    fs::rename(&unfinished, &args.file).with_context(failed)?;
    let Counts { events, receipts, keys } = counts;
    if args.output.json {
        let told = serde_json::json!({ "events": events, "receipts": receipts, "keys": keys });
        return output::json(&told);
    }
    output::line(&format!(
        "{events} events, {receipts} receipts and the wrapped keys of {keys} people were written."
    ));
    Ok(())
}

async fn write_log<W: Write + Send>(pool: &PgPool, to: W) -> anyhow::Result<(W, Counts)> {
    let (mut log, counts) = Export::begin(pool).await?;
    let mut lines = Lines::new(to);
    let header = serde_json::json!({
        "format": FORMAT, "events": counts.events, "receipts": counts.receipts,
        "keys": counts.keys, "exported_at": kontor_commands::clock::now(),
    });
    lines.write("kontor_log", &header.to_string())?;
    loop {
        let events = log.events().await?;
        if events.is_empty() {
            break;
        }
        for event in events {
            lines.write("event", &event)?;
        }
    }
    loop {
        let receipts = log.receipts().await?;
        if receipts.is_empty() {
            break;
        }
        for receipt in receipts {
            lines.write("receipt", &receipt)?;
        }
    }
    loop {
        let keys = log.keys().await?;
        if keys.is_empty() {
            break;
        }
        for key in keys {
            lines.write("key", &key)?;
        }
    }
    Ok((lines.end(counts)?, counts))
}

#[derive(Deserialize)]
struct Header {
    format: u32,
}

#[derive(Deserialize)]
struct Place {
    position: i64,
}

#[derive(Deserialize)]
struct End {
    events: i64,
    receipts: i64,
    keys: i64,
    sha256: String,
}

async fn import(pool: &PgPool, args: &TransferArgs) -> anyhow::Result<()> {
    let plain: Box<dyn Read + Send> = if is_stream(&args.file) {
        Box::new(io::stdin())
    } else {
        let file = File::open(&args.file);
        Box::new(file.with_context(|| format!("{} cannot be read", args.file.display()))?)
    };
    let from: Box<dyn Read + Send> =
        if is_compressed(&args.file) { Box::new(MultiGzDecoder::new(plain)) } else { plain };
    let mut reader = Reader::new(BufReader::with_capacity(BUFFER, from));
    let first = reader.next()?.context("the file is empty")?;
    let header: Option<Header> =
        (first.name == "kontor_log").then(|| serde_json::from_str(&first.json).ok()).flatten();
    match header {
        None => bail!("line 1 is not the beginning of an exported log"),
        Some(header) if header.format != FORMAT => {
            bail!("line 1: the export has form {}, this build reads {FORMAT}", header.format)
        }
        Some(_) => {}
    }
    let import = Import::begin(pool).await?;
    let mut filling =
        Filling { import, kind: Kind::Event, rows: Vec::new(), counts: Counts::default() };
    loop {
        let Some(line) = reader.next()? else {
            bail!("line {}: the export ends without its last line: it was cut off", reader.number)
        };
        if filling.take(line, reader.number).await? {
            break;
        }
    }
    if reader.next()?.is_some() {
        bail!("line {}: something follows the last line", reader.number);
    }
    filling.import.finish().await.map_err(|error| match error {
        // The first event stands in line 2.
        ImportError::Contradiction { position, reason } => {
            anyhow::anyhow!("line {}: position {position}: {reason}", position + 1)
        }
        error @ (ImportError::Database(_) | ImportError::NotEmpty | ImportError::Row { .. }) => {
            error.into()
        }
    })?;
    if !args.output.json {
        let Counts { events, receipts, keys } = filling.counts;
        output::line(&format!(
            "{events} events, {receipts} receipts and the wrapped keys of {keys} people were imported."
        ));
    }
    Ok(())
}

/// An import under way.
struct Filling {
    import: Import,
    kind: Kind,
    /// Rows that were read and not written yet.
    rows: Vec<String>,
    counts: Counts,
}

impl Filling {
    /// Takes a line; whether it was the last one.
    async fn take(&mut self, line: Line, number: i64) -> anyhow::Result<bool> {
        let kind = match line.name.as_str() {
            "event" => Kind::Event,
            "receipt" => Kind::Receipt,
            "key" => Kind::Key,
            "end" => {
                self.write(number).await?;
                self.check_end(&line, number)?;
                return Ok(true);
            }
            name => bail!("line {number}: `{name}` is not known"),
        };
        if kind != self.kind {
            if kind < self.kind {
                bail!("line {number}: first come the events, then receipts, then keys");
            }
            self.write(number).await?;
            self.kind = kind;
        }
        match kind {
            Kind::Event => {
                let place: Place = serde_json::from_str(&line.json)
                    .with_context(|| format!("line {number}: an event without a position"))?;
                self.counts.events += 1;
                if place.position != self.counts.events {
                    let (found, wanted) = (place.position, self.counts.events);
                    bail!("line {number}: position {found} stands where {wanted} should");
                }
            }
            Kind::Receipt => self.counts.receipts += 1,
            Kind::Key => self.counts.keys += 1,
        }
        self.rows.push(line.json);
        if self.rows.len() >= BATCH {
            self.write(number + 1).await?;
        }
        Ok(false)
    }

    /// Writes what was read before the line `number`.
    async fn write(&mut self, number: i64) -> anyhow::Result<()> {
        let first = number - i64::try_from(self.rows.len()).unwrap_or(0);
        let written = self.import.rows(self.kind, &self.rows).await;
        self.rows.clear();
        written.map_err(|error| match error {
            ImportError::Row { index, reason } => {
                let line = first + i64::try_from(index).unwrap_or(0);
                anyhow::anyhow!("line {line}: {reason}")
            }
            error @ (ImportError::Database(_)
            | ImportError::NotEmpty
            | ImportError::Contradiction { .. }) => error.into(),
        })
    }

    fn check_end(&self, line: &Line, number: i64) -> anyhow::Result<()> {
        let end: End = serde_json::from_str(&line.json)
            .with_context(|| format!("line {number} is damaged"))?;
        let written = Counts { events: end.events, receipts: end.receipts, keys: end.keys };
        let Counts { events, receipts, keys } = self.counts;
        if written != self.counts {
            bail!(
                "line {number}: {} events, {} receipts and {} keys were written, {events}, \
                 {receipts} and {keys} are here",
                written.events,
                written.receipts,
                written.keys
            );
        }
        if end.sha256 != line.sha256 {
            bail!("line {number}: the hash of the whole export does not fit");
        }
        Ok(())
    }
}
