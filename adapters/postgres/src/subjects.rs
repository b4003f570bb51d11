//! Personal data in the log: each person has a key, and the fields about them are encrypted with it.
//!
//! A [`Vault`] stands between the log and everybody who may read about people. It seals the personal
//! fields of an append before they are queued, and opens them after they were read. A field whose key
//! was destroyed reads as redacted. A field whose key is *missing*, or a key that no configured
//! master key opens, is an error and never anything else: a wrong configuration must not look like
//! an erasure.

mod cache;
mod cipher;
mod keys;
mod master;
mod sealed;
mod secrets;
mod table;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use kontor_commands::{Append, AppendError, StoreError};
use kontor_domain::{Recorded, TenantId};
use sqlx::PgPool;
use uuid::Uuid;

pub use self::master::{MasterKeyError, MasterKeys};
pub(crate) use self::secrets::{SealedSecret, SecretPlace};
use self::{
    cache::KEY_LIFE,
    keys::{Found, Keys},
    sealed::{SealedPayload, seal_payload},
};
use crate::DatabaseError;

/// How long a process may still read about a person whose key was destroyed: its copies of keys live
/// no longer. An erasure waits for it before it looks for what was written meanwhile.
pub const KEYS_FORGOTTEN_AFTER: std::time::Duration = KEY_LIFE;

/// Seals and opens personal data. Cheap to clone: clones share their keys.
#[derive(Clone, Debug)]
pub struct Vault {
    /// None: the vault is locked.
    keys: Option<Arc<Keys>>,
}

/// Why personal data can neither be written nor read at the moment. None of these is an erasure.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// No master key is configured.
    #[error(
        "personal data cannot be read or written without the master key; set KONTOR_MASTER_KEY to \
         the one that the data was written with"
    )]
    Locked,
    /// A key is wrapped by a master key that is not configured.
    #[error(
        "keys are wrapped by the master key {id}, which is not configured (configured: {configured}); \
         add it to KONTOR_MASTER_KEY"
    )]
    MasterKeyUnknown {
        /// The id of the master key that is needed.
        id: String,
        /// The ids of the configured ones, the current one first.
        configured: String,
    },
    /// A wrapped key does not open although its master key is there.
    #[error("the key {key_id} is damaged; restore the schema `kontor_keys` from its backup")]
    KeyDamaged {
        /// The key.
        key_id: Uuid,
    },
    /// A sealed secret does not open although its master key is there.
    #[error(
        "the webhook secret {secret_id} is damaged; `kontor integrator rotate-secret` makes a new \
         one"
    )]
    SecretDamaged {
        /// The secret.
        secret_id: Uuid,
    },
    /// Events name a key that does not exist, not even as erased.
    #[error(
        "the key {key_id} is missing, and it was not erased; restore the schema `kontor_keys` \
         from its backup"
    )]
    KeyMissing {
        /// The key.
        key_id: Uuid,
    },
    /// A key was being looked up by another task, which ended in between.
    #[error("looking up a person's key was interrupted; try again")]
    Interrupted,
    /// A personal field belongs to nobody.
    #[error("an event has personal fields, and its aggregate names nobody whom they are about")]
    NoSubject,
    /// A payload is no JSON.
    #[error("the payload of an event is no JSON")]
    Json(#[from] serde_json::Error),
    /// The database failed.
    #[error("the keys cannot be read")]
    Database(#[from] DatabaseError),
}

impl From<VaultError> for DatabaseError {
    /// For readers of the log, whose pages are then read again later.
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Database(error) => error,
            error @ (VaultError::Locked
            | VaultError::MasterKeyUnknown { .. }
            | VaultError::KeyDamaged { .. }
            | VaultError::SecretDamaged { .. }
            | VaultError::KeyMissing { .. }
            | VaultError::Interrupted
            | VaultError::NoSubject
            | VaultError::Json(_)) => Self {
                what: "open personal data",
                source: sqlx::Error::Configuration(Box::new(error)),
            },
        }
    }
}

impl From<VaultError> for StoreError {
    fn from(error: VaultError) -> Self {
        Self(Box::new(error))
    }
}

impl Vault {
    /// A vault with its keys in this database, under these master keys.
    pub fn new(pool: PgPool, masters: MasterKeys) -> Self {
        Self { keys: Some(Arc::new(Keys::new(pool, masters))) }
    }

    /// A vault without a master key. What is not personal passes; anything else is
    /// [`VaultError::Locked`].
    pub fn locked() -> Self {
        Self { keys: None }
    }

    fn keys(&self) -> Result<&Keys, VaultError> {
        self.keys.as_deref().ok_or(VaultError::Locked)
    }

    /// Checks that the configured master keys open what is in the table. Call it at the start: with
    /// the wrong key nothing personal may be written, because nobody could read all of it later.
    ///
    /// # Errors
    /// [`VaultError`].
    pub async fn verify(&self) -> Result<(), VaultError> {
        self.keys()?.verify().await
    }

    /// Encrypts the personal fields of an append in place.
    pub(crate) async fn seal(&self, append: &mut Append) -> Result<(), AppendError> {
        if append.events.iter().all(|event| event.personal_fields.is_empty()) {
            return Ok(());
        }
        let place = (&append.tenant, append.stream_id);
        let mut found = None;
        for event in &mut append.events {
            let Some(mut payload) = seal_payload(event).map_err(store_error)? else { continue };
            if found.is_none() {
                found = Some(self.sealing_key(place.0, append.subject).await?);
            }
            if let Some((key_id, key)) = &found {
                let sealed = payload.seal(&(place, event.event_id), (*key_id, key));
                sealed.map_err(store_error)?;
                event.payload = payload.into_text();
            }
        }
        Ok(())
    }

    async fn sealing_key(
        &self,
        tenant: &TenantId,
        subject: Option<Uuid>,
    ) -> Result<(Uuid, Arc<cipher::DataKey>), AppendError> {
        let subject = subject.ok_or(VaultError::NoSubject).map_err(store_error)?;
        let keys = self.keys().map_err(store_error)?;
        match keys.of_subject(tenant, subject).await.map_err(store_error)? {
            Found::Key { key_id, key } => Ok((key_id, key)),
            Found::Erased => Err(AppendError::SubjectErased),
        }
    }

    /// Decrypts the personal fields of events in place; those of erased people become redacted.
    ///
    /// A field that was tampered with stays as it is, so that its event cannot be read and stops its
    /// own stream only.
    ///
    /// # Errors
    /// [`VaultError`]; the events are then as they were.
    pub async fn open(&self, events: &mut [Recorded]) -> Result<(), VaultError> {
        let mut payloads = Vec::new();
        let mut wanted = HashSet::new();
        for (index, event) in events.iter().enumerate() {
            let Some(payload) = SealedPayload::read(&event.payload) else { continue };
            wanted.extend(payload.key_ids());
            payloads.push((index, payload));
        }
        if payloads.is_empty() {
            return Ok(());
        }
        let found: HashMap<Uuid, Found> = self.keys()?.by_id(wanted).await?;
        for (index, mut payload) in payloads {
            let Some(event) = events.get_mut(index) else { continue };
            let place = ((&event.tenant, event.stream_id), event.event_id);
            if !payload.open(&place, &found) {
                tracing::error!(
                    position = event.position,
                    "A personal field of the event at {} does not open: it was changed",
                    event.position
                );
            }
            event.payload = payload.into_text();
        }
        Ok(())
    }

    /// Destroys a person's key. From here on everybody reads their data as redacted, other processes
    /// after [`KEYS_FORGOTTEN_AFTER`], and nothing about them can be written any more. Doing it
    /// again changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn destroy(&self, tenant: &TenantId, subject: Uuid) -> Result<(), VaultError> {
        self.keys()?.destroy(tenant, subject).await
    }

    /// Whether a person was erased.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_erased(&self, tenant: &TenantId, subject: Uuid) -> Result<bool, VaultError> {
        self.keys()?.is_erased(tenant, subject).await
    }

    /// Wraps up to `limit` keys of people and secrets of webhooks, which other master keys wrapped, by
    /// the current one. Returns how many there were; call it until there are none. Events are not
    /// touched.
    ///
    /// # Errors
    /// [`VaultError`]; what was wrapped before stays so.
    pub async fn rewrap(&self, limit: u32) -> Result<u64, VaultError> {
        self.keys()?.rewrap(limit).await
    }

    /// How many keys and secrets the current master key does not wrap yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keys_to_rewrap(&self) -> Result<i64, VaultError> {
        self.keys()?.to_rewrap().await
    }

    /// Who was erased since an instant of the database's clock, at most `limit` people, in order of
    /// time; their keys are dropped from memory, as are all copies that are too old. A locked vault
    /// knows nobody.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget_erased(
        &self,
        since: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<(TenantId, Uuid, DateTime<Utc>)>, VaultError> {
        match &self.keys {
            Some(keys) => keys.forget_erased(since, limit).await,
            None => Ok(Vec::new()),
        }
    }
}

fn store_error(error: VaultError) -> AppendError {
    AppendError::Store(error.into())
}
