//! Secrets that sign deliveries: made here, kept sealed, opened by whoever delivers.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Duration, Utc};
use secrecy::{SecretString, zeroize::Zeroizing};
use sqlx::{FromRow, PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    DatabaseError, Vault, VaultError,
    error::failed,
    subjects::{SealedSecret, SecretPlace},
};

/// The bytes of a secret; Standard Webhooks asks for 24 to 64.
const SECRET_BYTES: usize = 32;
/// What a secret begins with, so that people and scanners recognise it.
const PREFIX: &str = "whsec_";
/// How long a secret signs after its successor was made: a day to bring the new one everywhere.
const OVERLAP: Duration = Duration::hours(24);
/// The most secrets of a webhook that sign at once: each makes every delivery's header longer.
pub const SECRETS_MAX: i64 = 3;

/// A secret that signs deliveries, wiped from memory when it is dropped.
pub struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    /// A new one, which nobody can guess.
    pub fn generate() -> Self {
        Self(Zeroizing::new(rand::random::<[u8; SECRET_BYTES]>().to_vec()))
    }

    /// The bytes that are the key of the signature.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its text, as an integrator gets it.
    pub fn text(&self) -> SecretString {
        format!("{PREFIX}{}", STANDARD.encode(&*self.0)).into()
    }
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret(_)")
    }
}

/// Why a secret could not be rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// Too many sign already.
    #[error(
        "{SECRETS_MAX} secrets sign already; try again after {ends_at}, or end the old ones now \
         with --at-once"
    )]
    TooMany {
        /// When the oldest ends.
        ends_at: DateTime<Utc>,
    },
    /// The new one cannot be sealed.
    #[error("the new secret cannot be kept")]
    Secret(#[from] VaultError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Makes a new secret for a webhook. The old ones sign for a day more, beside it; with `at_once` they
/// end now, for a secret that leaked. Returns the new one this once.
///
/// # Errors
/// [`RotateError`]; nothing was changed.
pub async fn rotate_secret(
    pool: &PgPool,
    vault: &Vault,
    (integrator_id, at_once): (Uuid, bool),
    now: DateTime<Utc>,
) -> Result<SecretString, RotateError> {
    let mut tx = pool.begin().await.map_err(failed("begin to rotate a secret"))?;
    // Rotations of one webhook go one after another.
    sqlx::query("update webhooks set revision = revision + 1 where integrator_id = $1")
        .bind(integrator_id)
        .execute(&mut *tx)
        .await
        .map_err(failed("lock a webhook"))?;
    let ends_at = if at_once { now } else { now + OVERLAP };
    sqlx::query(
        "update webhook_secrets set expires_at = least(coalesce(expires_at, $2), $2)
         where integrator_id = $1",
    )
    .bind(integrator_id)
    .bind(ends_at)
    .execute(&mut *tx)
    .await
    .map_err(failed("let secrets end"))?;
    let (signing, first): (i64, Option<DateTime<Utc>>) = sqlx::query_as(
        "select count(*), min(expires_at) from webhook_secrets
         where integrator_id = $1 and expires_at > $2",
    )
    .bind(integrator_id)
    .bind(now)
    .fetch_one(&mut *tx)
    .await
    .map_err(failed("count secrets"))?;
    if signing >= SECRETS_MAX {
        return Err(RotateError::TooMany { ends_at: first.unwrap_or(ends_at) });
    }
    let secret = SigningSecret::generate();
    insert(&mut tx, vault, (integrator_id, &secret), now).await?;
    tx.commit().await.map_err(failed("commit a new secret"))?;
    Ok(secret.text())
}

/// Keeps a secret, sealed. The error says whether the seal or the database failed.
pub(super) async fn insert(
    db: &mut PgConnection,
    vault: &Vault,
    (integrator_id, secret): (Uuid, &SigningSecret),
    now: DateTime<Utc>,
) -> Result<(), VaultError> {
    let place = SecretPlace { integrator_id, secret_id: Uuid::now_v7() };
    let sealed = vault.seal_secret(place, secret.bytes())?;
    sqlx::query(
        "insert into webhook_secrets (id, integrator_id, sealed, master_key_id, created_at)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(place.secret_id)
    .bind(integrator_id)
    .bind(sealed.bytes)
    .bind(sealed.master_key_id)
    .bind(now)
    .execute(db)
    .await
    .map_err(failed("keep a secret"))?;
    Ok(())
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    sealed: Vec<u8>,
    master_key_id: String,
    expires_at: Option<DateTime<Utc>>,
}

/// The secrets of a webhook that sign at `now`, the newest first, each with its end.
///
/// # Errors
/// When one does not open, or the database fails.
pub async fn signing_secrets(
    pool: &PgPool,
    vault: &Vault,
    integrator_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<(SigningSecret, Option<DateTime<Utc>>)>, VaultError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, sealed, master_key_id, expires_at from webhook_secrets
         where integrator_id = $1 and coalesce(expires_at > $2, true)
         order by created_at desc, id desc limit $3",
    )
    .bind(integrator_id)
    .bind(now)
    .bind(SECRETS_MAX)
    .fetch_all(pool)
    .await
    .map_err(failed("read the secrets of a webhook"))?;
    rows.into_iter()
        .map(|Row { id, sealed, master_key_id, expires_at }| {
            let place = SecretPlace { integrator_id, secret_id: id };
            let sealed = SealedSecret { master_key_id, bytes: sealed };
            Ok((SigningSecret(vault.open_secret(place, &sealed)?), expires_at))
        })
        .collect()
}

/// Deletes up to `limit` secrets that sign nothing any more. Returns how many.
///
/// # Errors
/// When the database fails.
pub async fn purge_secrets(pool: &PgPool, limit: u32) -> Result<u64, DatabaseError> {
    let purged = sqlx::query(
        "delete from webhook_secrets where id in (
             select id from webhook_secrets where expires_at < clock_timestamp() limit $1
         )",
    )
    .bind(i64::from(limit))
    .execute(pool)
    .await
    .map_err(failed("purge old secrets"))?;
    Ok(purged.rows_affected())
}
