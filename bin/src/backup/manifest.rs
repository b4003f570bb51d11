//! What a backup says of itself, written last: a folder without it is no backup.

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::session::write_private;

/// The version of this form.
const FORMAT: u32 = 1;
/// Its name in the folder.
const NAME: &str = "manifest.json";
/// The largest manifest that is read, in bytes; a line for each table is a few kilobytes.
const SIZE_MAX: u64 = 16 * 1024 * 1024;
/// How much of a file is hashed at once, in bytes.
const CHUNK: usize = 1024 * 1024;

/// Where the keys of persons are.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Keys {
    /// In this folder, with everything else.
    Included,
    /// In a folder of their own.
    Apart,
    /// This is that folder.
    Alone,
}

/// A table as it was.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) schema: String,
    pub(super) table: String,
    pub(super) rows: i64,
    pub(super) hash: String,
}

/// A whole backup.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    format: u32,
    /// The program that made it.
    pub(super) kontor: String,
    pub(super) made_at: DateTime<Utc>,
    /// The position of the log's last event.
    pub(super) head: i64,
    pub(super) keys: Keys,
    /// The file beside the manifest.
    pub(super) file: String,
    size_bytes: u64,
    sha256: String,
    pub(super) tables: Vec<Table>,
}

impl Manifest {
    /// Writes the manifest of a folder whose file is complete.
    pub(super) fn write(
        folder: &Path,
        (file, head, keys): (&str, i64, Keys),
        tables: Vec<Table>,
    ) -> anyhow::Result<Self> {
        let (size_bytes, sha256) = digest(&folder.join(file))?;
        let manifest = Self {
            format: FORMAT,
            kontor: env!("CARGO_PKG_VERSION").to_owned(),
            made_at: kontor_commands::clock::now(),
            head,
            keys,
            file: file.to_owned(),
            size_bytes,
            sha256,
            tables,
        };
        write_private(&folder.join(NAME), &serde_json::to_vec_pretty(&manifest)?)
            .context("the manifest cannot be written")?;
        Ok(manifest)
    }

    /// Reads the manifest of a folder and holds its file against it.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join(NAME);
        let file = File::open(&path).with_context(|| {
            format!("{} is no backup, or one that was interrupted: no {NAME}", folder.display())
        })?;
        let mut text = Vec::new();
        file.take(SIZE_MAX).read_to_end(&mut text)?;
        let manifest: Self = serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged", path.display()))?;
        if manifest.format != FORMAT {
            bail!("the backup has form {}, this build reads {FORMAT}", manifest.format);
        }
        if manifest.file.contains('/') || manifest.file.starts_with('.') {
            bail!("{} is damaged: it names a file elsewhere", path.display());
        }
        let path = folder.join(&manifest.file);
        let (size, sha256) = digest(&path)?;
        if size != manifest.size_bytes {
            let wanted = manifest.size_bytes;
            bail!("{} is damaged: {size} bytes, the manifest says {wanted}", path.display());
        }
        if sha256 != manifest.sha256 {
            bail!("{} is damaged: its content is not what was written", path.display());
        }
        Ok(manifest)
    }
}

fn digest(path: &Path) -> anyhow::Result<(u64, String)> {
    let open = || format!("{} cannot be read", path.display());
    let mut file = File::open(path).with_context(open)?;
    let (mut hash, mut size, mut chunk) = (Sha256::new(), 0_u64, vec![0; CHUNK]);
    loop {
        let read = file.read(&mut chunk).with_context(open)?;
        if read == 0 {
            return Ok((size, hex::encode(hash.finalize())));
        }
        hash.update(&chunk[..read]);
        size += u64::try_from(read).unwrap_or(0);
    }
}

/// Makes a folder that only its owner can enter; one that holds something is refused.
pub(super) fn prepare(folder: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let mut entries =
        fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    if entries.next().is_some() {
        bail!("{} holds something already; name a new folder", folder.display());
    }
    Ok(())
}
