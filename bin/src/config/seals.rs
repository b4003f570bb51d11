//! Seals of the credit ledgers.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::{reader::Reader, settings};
use crate::seals::SealKeys;

/// How credit ledgers are sealed.
#[derive(Debug)]
pub struct SealsConfig {
    /// The keys that sign, the current one first; without it the file in the data folder holds, which
    /// `kontor up` makes. Where there is neither, nothing is sealed.
    pub key: Option<SecretString>,
    /// The file outside of the database.
    pub file: Option<PathBuf>,
    /// How often is looked whether there is anything new.
    pub every: Duration,
}

impl SealsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let is_right = |text: &str| SealKeys::parse(text).is_ok();
        Self {
            key: reader.secret(&settings::SEAL_KEY, is_right),
            file: reader.parsed(&settings::SEAL_FILE, |text| Some(PathBuf::from(text))),
            every: Duration::from_secs(reader.number(&settings::SEAL_SECONDS, 1..=86_400, 60)),
        }
    }
}
