//! Secrets that the program itself must read again: those that sign webhooks. They are sealed by the
//! master key and change with it, as the keys of people do.

use secrecy::zeroize::Zeroizing;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Vault, VaultError, cipher::context, keys::Keys};
use crate::{DatabaseError, error::failed};

/// Whose secret it is. A sealed secret opens for no other row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SecretPlace {
    /// The integrator.
    pub(crate) integrator_id: Uuid,
    /// The secret.
    pub(crate) secret_id: Uuid,
}

/// A sealed secret.
#[derive(Clone, Debug)]
pub(crate) struct SealedSecret {
    /// The master key that sealed it.
    pub(crate) master_key_id: String,
    /// Nonce and ciphertext.
    pub(crate) bytes: Vec<u8>,
}

impl SecretPlace {
    fn context(self) -> Vec<u8> {
        let Self { integrator_id, secret_id } = self;
        context(&[b"kontor webhook secret", integrator_id.as_bytes(), secret_id.as_bytes()])
    }

    fn damaged(self) -> VaultError {
        VaultError::SecretDamaged { secret_id: self.secret_id }
    }
}

impl Vault {
    /// Seals a secret by the current master key.
    pub(crate) fn seal_secret(
        &self,
        place: SecretPlace,
        plain: &[u8],
    ) -> Result<SealedSecret, VaultError> {
        self.keys()?.seal_secret(place, plain)
    }

    /// Opens a sealed secret.
    pub(crate) fn open_secret(
        &self,
        place: SecretPlace,
        sealed: &SealedSecret,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        self.keys()?.open_secret(place, sealed)
    }
}

impl Keys {
    fn seal_secret(&self, place: SecretPlace, plain: &[u8]) -> Result<SealedSecret, VaultError> {
        let bytes = self.masters.seal(&place.context(), plain).ok_or_else(|| place.damaged())?;
        Ok(SealedSecret { master_key_id: self.masters.current_id().to_owned(), bytes })
    }

    fn open_secret(
        &self,
        place: SecretPlace,
        sealed: &SealedSecret,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let opened = self.masters.open(&place.context(), (&sealed.master_key_id, &sealed.bytes))?;
        opened.ok_or_else(|| place.damaged())
    }

    /// Seals up to `limit` secrets of other master keys by the current one, inside the caller's
    /// transaction. Returns how many there were.
    pub(super) async fn reseal_secrets(
        &self,
        db: &mut PgConnection,
        limit: u32,
    ) -> Result<u64, VaultError> {
        let current = self.masters.current_id();
        let rows: Vec<(Uuid, Uuid, Vec<u8>, String)> = sqlx::query_as(
            "select id, integrator_id, sealed, master_key_id from webhook_secrets
             where master_key_id <> $1 order by id limit $2 for update",
        )
        .bind(current)
        .bind(i64::from(limit))
        .fetch_all(&mut *db)
        .await
        .map_err(failed("lock secrets of another master key"))?;
        let mut resealed: Vec<(Uuid, Vec<u8>)> = Vec::with_capacity(rows.len());
        for (secret_id, integrator_id, bytes, master_key_id) in rows {
            let place = SecretPlace { integrator_id, secret_id };
            let plain = self.open_secret(place, &SealedSecret { master_key_id, bytes })?;
            resealed.push((secret_id, self.seal_secret(place, &plain)?.bytes));
        }
        let (ids, sealed): (Vec<Uuid>, Vec<&[u8]>) =
            resealed.iter().map(|(id, sealed)| (*id, sealed.as_slice())).unzip();
        sqlx::query(
            "update webhook_secrets as s set sealed = new.sealed, master_key_id = $3
             from unnest($1::uuid[], $2::bytea[]) as new (id, sealed) where s.id = new.id",
        )
        .bind(ids)
        .bind(sealed)
        .bind(current)
        .execute(db)
        .await
        .map_err(failed("replace sealed secrets"))?;
        Ok(resealed.len() as u64)
    }

    /// How many secrets the current master key does not seal yet.
    pub(super) async fn secrets_to_reseal(&self) -> Result<i64, DatabaseError> {
        sqlx::query_scalar("select count(*) from webhook_secrets where master_key_id <> $1")
            .bind(self.masters.current_id())
            .fetch_one(&self.pool)
            .await
            .map_err(failed("count secrets of another master key"))
    }
}
