//! Programs of others that receive events.

use std::path::PathBuf;

use kontor_nats::Issuer;
use secrecy::SecretString;

use super::{parse, reader::Reader, settings};

/// How integrators enter, and how they are shown out.
#[derive(Debug)]
pub struct IntegratorsConfig {
    /// The key by which a broker of your own believes what Kontor says about integrators; `kontor up`
    /// makes one for its private broker.
    pub issuer_seed: Option<SecretString>,
    /// The broker's account that integrators belong to, the one of Kontor itself.
    pub nats_account: String,
    /// The broker's system account, by which connections of the revoked are ended.
    pub nats_system_url: Option<SecretString>,
    /// Whether webhooks may call this machine, for trials; never where others name the addresses.
    pub webhook_loopback: bool,
    /// Certificates of authorities that webhooks may have besides the public ones.
    pub webhook_ca_file: Option<PathBuf>,
}

impl IntegratorsConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            issuer_seed: reader.secret(&settings::NATS_ISSUER_SEED, |text| {
                Issuer::from_seed(&text.to_owned().into()).is_ok()
            }),
            nats_account: reader
                .parsed(&settings::NATS_ACCOUNT, parse::word)
                .unwrap_or_else(|| "$G".to_owned()),
            nats_system_url: reader.secret(&settings::NATS_SYSTEM_URL, parse::nats_server),
            webhook_loopback: reader
                .parsed(&settings::WEBHOOK_LOOPBACK, parse::switch)
                .unwrap_or(false),
            webhook_ca_file: reader.parsed(&settings::WEBHOOK_CA_FILE, parse::readable_file),
        }
    }
}
