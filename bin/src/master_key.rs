//! The master keys of this process: configured, or kept by `kontor up` in the data folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use kontor_postgres::MasterKeys;
use secrecy::ExposeSecret;

use crate::{config::Config, failure::Failure, session::write_private};

/// The longest file that is read: far more than all keys take.
const FILE_SIZE_MAX: u64 = 4_096;

/// Where `kontor up` keeps its master key. In a change of the key the new one comes first, on a line
/// of its own.
fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("master.key")
}

/// The configured keys, else those in the data folder; none when there are neither.
pub(crate) fn find(config: &Config) -> anyhow::Result<Option<MasterKeys>> {
    if let Some(keys) = &config.master_key {
        // Checked when the configuration was read.
        return Ok(Some(MasterKeys::parse(keys.expose_secret()).context("KONTOR_MASTER_KEY")?));
    }
    let path = path(&config.data_dir);
    match read(&path) {
        Ok(text) => {
            let keys = MasterKeys::parse(&text);
            Ok(Some(keys.with_context(|| format!("the master key in {}", path.display()))?))
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => {
            Err(err).with_context(|| format!("the master key in {} cannot be read", path.display()))
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > FILE_SIZE_MAX {
        return Err(io::Error::other(format!("the file has more than {FILE_SIZE_MAX} bytes")));
    }
    fs::read_to_string(path)
}

/// The keys, or what to do without them.
pub(crate) fn required(config: &Config) -> Result<MasterKeys, Failure> {
    find(config)?.ok_or_else(|| Failure::Usage(MISSING.to_owned()))
}

/// What to do without a key.
pub(crate) const MISSING: &str = "KONTOR_MASTER_KEY is not set: personal data is encrypted with \
    it. Set it to the key that the data was written with, or for a new database to what `openssl \
    rand -base64 32` prints";

/// Makes a key in the data folder, unless one is configured or there.
pub(crate) fn make_if_missing(config: &Config) -> anyhow::Result<()> {
    if find(config)?.is_some() {
        return Ok(());
    }
    let path = path(&config.data_dir);
    let line = format!("{}\n", MasterKeys::generate().expose_secret());
    write_private(&path, line.as_bytes())
        .with_context(|| format!("the master key cannot be written to {}", path.display()))
}
