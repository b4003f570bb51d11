//! The keys that sign seals: configured, or kept by `kontor up` in the data folder; and where the
//! seals are written.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use base64::{Engine, engine::general_purpose};
use kontor_domain::seals::{PublicKey, SealingKey};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};

use crate::{config::Config, session::write_private};

/// The longest file that is read: far more than all keys take.
const FILE_SIZE_MAX: u64 = 4_096;
/// How many keys there may be: the current one, and those of a few changes.
const KEYS_MAX: usize = 8;
/// The bytes of a secret.
const SECRET_LENGTH: usize = 32;

/// What to do without a key.
pub(crate) const MISSING: &str = "KONTOR_SEAL_KEY is not set: seals are signed with it. Set it to \
    what `openssl rand -base64 32` prints, and write down what `kontor ledger seal-key` then says";

/// The keys of a process, the current one first.
pub(crate) struct SealKeys(Vec<SealingKey>);

impl SealKeys {
    /// Reads one or several keys, each 32 bytes in base64, separated by commas or white space. An
    /// error never repeats the text.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        const WHAT: &str =
            "a seal key is 32 random bytes in base64, such as `openssl rand -base64 32` prints";
        let parts = text.split([',', ' ', '\t', '\r', '\n']).filter(|part| !part.is_empty());
        let mut keys: Vec<SealingKey> = Vec::new();
        for part in parts {
            anyhow::ensure!(keys.len() < KEYS_MAX, "at most {KEYS_MAX} seal keys are used at once");
            let bytes = general_purpose::STANDARD.decode(part).map(Zeroizing::new);
            // Said without the cause, which quotes a byte of the secret.
            let Ok(bytes) = bytes else { anyhow::bail!(WHAT) };
            let Ok(secret) = <&[u8; SECRET_LENGTH]>::try_from(bytes.as_slice()) else {
                anyhow::bail!(WHAT)
            };
            let key = SealingKey::new(secret);
            let known = keys.iter().any(|known| known.public() == key.public());
            anyhow::ensure!(!known, "the same seal key stands there twice");
            keys.push(key);
        }
        anyhow::ensure!(!keys.is_empty(), WHAT);
        Ok(Self(keys))
    }

    /// The keys.
    pub(crate) fn keys(&self) -> &[SealingKey] {
        &self.0
    }

    /// What checks their signatures.
    pub(crate) fn public(&self) -> Vec<PublicKey> {
        self.0.iter().map(SealingKey::public).collect()
    }
}

/// Where `kontor up` keeps its key. In a change of the key the new one comes first, on a line of its
/// own.
fn path(data_dir: &Path) -> PathBuf {
    data_dir.join("seal.key")
}

/// The configured keys, else those in the data folder; none when there are neither.
pub(crate) fn find(config: &Config) -> anyhow::Result<Option<SealKeys>> {
    if let Some(keys) = &config.seals.key {
        return Ok(Some(SealKeys::parse(keys.expose_secret()).context("KONTOR_SEAL_KEY")?));
    }
    let path = path(&config.data_dir);
    match read(&path) {
        Ok(text) => {
            let keys = SealKeys::parse(text.expose_secret());
            Ok(Some(keys.with_context(|| format!("the seal key in {}", path.display()))?))
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => {
            Err(err).with_context(|| format!("the seal key in {} cannot be read", path.display()))
        }
    }
}

fn read(path: &Path) -> io::Result<SecretString> {
    if fs::metadata(path)?.len() > FILE_SIZE_MAX {
        return Err(io::Error::other(format!("the file has more than {FILE_SIZE_MAX} bytes")));
    }
    fs::read_to_string(path).map(SecretString::from)
}

/// Makes a key in the data folder, unless one is configured or there.
pub(crate) fn make_if_missing(config: &Config) -> anyhow::Result<()> {
    if find(config)?.is_some() {
        return Ok(());
    }
    let path = path(&config.data_dir);
    let secret = Zeroizing::new(rand::random::<[u8; SECRET_LENGTH]>());
    let line = Zeroizing::new(format!("{}\n", general_purpose::STANDARD.encode(*secret)));
    write_private(&path, line.as_bytes())
        .with_context(|| format!("the seal key cannot be written to {}", path.display()))
}

/// Where seals are written: as configured, or beside the key that `kontor up` made. None when there
/// is a key of one's own and no file is named.
pub(crate) fn path_of_file(config: &Config) -> Option<PathBuf> {
    let beside_the_key = || {
        let own = config.seals.key.is_none();
        own.then(|| config.data_dir.join("seals.ndjson"))
    };
    config.seals.file.clone().or_else(beside_the_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_their_order_and_wrong_ones_are_not_repeated() {
        let (one, other) = ("A".repeat(43) + "=", "B".repeat(42) + "A=");
        let keys = SealKeys::parse(&format!("{one},\n{other}")).unwrap();
        assert_eq!((keys.keys().len(), keys.public().len()), (2, 2));
        assert_ne!(keys.public()[0], keys.public()[1]);
        for wrong in ["", " , ", "hunter2", &one[1..], &format!("{one} {one}")] {
            let said = SealKeys::parse(wrong).err().unwrap().to_string();
            assert!(!said.contains("hunter2") && said.contains("seal key"), "{said}");
        }
    }
}
