//! API keys: `kontor_<prefix>_<secret>`, of which the database knows the prefix and a hash.

use std::{
    fmt,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use kontor_commands::clock;
use kontor_domain::{TenantId, ValueError};
use quick_cache::sync::Cache;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::{FromRow, PgPool, Row, postgres::PgRow};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// How long a key that was looked up is believed: a revocation takes effect within this time in
/// every process.
pub const BELIEVED_FOR: Duration = Duration::from_secs(5);

/// The longest label of a key, in characters.
pub const LABEL_LENGTH_MAX: usize = 80;

/// How many keys are remembered; others cost a query each time.
const REMEMBERED_MAX: usize = 2_000;

/// Bytes of the public part: enough that two keys never share it.
const PREFIX_BYTES: usize = 6;

/// Bytes of the secret part: cannot be guessed, so a plain hash protects it.
const SECRET_BYTES: usize = 32;

/// What a key may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Reader,
    /// Reads the books, the ledgers and what was paid, settles differences, and nothing else.
    Accountant,
    /// Reads and gives commands.
    Operator,
    /// An operator of the whole platform, who also opens tenants.
    Admin,
}

impl Role {
    /// Its name in the database and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Accountant => "accountant",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Whether it may give commands.
    pub fn writes(self) -> bool {
        match self {
            Self::Reader | Self::Accountant => false,
            Self::Operator | Self::Admin => true,
        }
    }

    /// Whether it may work on the books: bring statements in, and settle differences.
    pub fn keeps_books(self) -> bool {
        match self {
            Self::Reader => false,
            Self::Accountant | Self::Operator | Self::Admin => true,
        }
    }

    /// Whether a person may log in with it: there is a page for it.
    pub fn logs_in(self) -> bool {
        match self {
            Self::Reader => false,
            Self::Accountant | Self::Operator | Self::Admin => true,
        }
    }

    /// Whether it may read more than the books.
    pub fn reads_all(self) -> bool {
        match self {
            Self::Accountant => false,
            Self::Reader | Self::Operator | Self::Admin => true,
        }
    }
}

impl FromStr for Role {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        match text {
            "reader" => Ok(Self::Reader),
            "accountant" => Ok(Self::Accountant),
            "operator" => Ok(Self::Operator),
            "admin" => Ok(Self::Admin),
            _ => Err(ValueError("a role is `reader`, `accountant`, `operator` or `admin`".into())),
        }
    }
}

/// A key as it is listed: everything but the secret.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct KeyInfo {
    /// Its id.
    pub id: Uuid,
    /// The public part, by which people and logs name it.
    pub prefix: String,
    /// The tenant it belongs to; none for the whole platform.
    pub tenant: Option<TenantId>,
    /// What it may do.
    pub role: Role,
    /// What it is for, in its owner's words.
    pub label: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// From when on it is refused, if ever.
    pub expires_at: Option<DateTime<Utc>>,
    /// Since when it is refused.
    pub revoked_at: Option<DateTime<Utc>>,
    /// When it was used last, to the minute.
    pub last_used_at: Option<DateTime<Utc>>,
}

/// Why a key could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Admins open tenants, so they belong to none.
    #[error("an admin's key belongs to the whole platform; leave the tenant out")]
    AdminOfTenant,
    /// The label is empty or too long.
    #[error("a label has 1 to {LABEL_LENGTH_MAX} characters and no control characters")]
    Label,
    /// The database failed.
    #[error("the keys cannot be read or written")]
    Database(#[from] sqlx::Error),
}

/// Makes a key. The secret is returned this once and kept nowhere.
///
/// # Errors
/// When role and tenant do not go together, the label does not fit, or the database fails.
pub async fn create(
    pool: &PgPool,
    tenant: Option<&TenantId>,
    role: Role,
    label: &str,
) -> Result<(KeyInfo, SecretString), KeyError> {
    if role == Role::Admin && tenant.is_some() {
        return Err(KeyError::AdminOfTenant);
    }
    let label = label.trim();
    if !(1..=LABEL_LENGTH_MAX).contains(&label.chars().count())
        || label.chars().any(char::is_control)
    {
        return Err(KeyError::Label);
    }
    let prefix = hex::encode(rand::random::<[u8; PREFIX_BYTES]>());
    let secret = hex::encode(rand::random::<[u8; SECRET_BYTES]>());
    let info = sqlx::query_as(concat!(
        "insert into api_keys (id, prefix, hash, tenant, role, label, created_at) ",
        "values ($1, $2, $3, $4, $5, $6, $7) returning id, prefix, tenant, role, label, ",
        "created_at, expires_at, revoked_at, last_used_at"
    ))
    .bind(Uuid::now_v7())
    .bind(&prefix)
    .bind(hash_of(&secret).to_vec())
    .bind(tenant.map(TenantId::as_str))
    .bind(role.name())
    .bind(label)
    .bind(clock::now())
    .fetch_one(pool)
    .await?;
    Ok((info, SecretString::from(format!("kontor_{prefix}_{secret}"))))
}

/// All keys, newest first; those of one tenant when it is given.
///
/// # Errors
/// When the database fails.
pub async fn list(pool: &PgPool, tenant: Option<&TenantId>) -> Result<Vec<KeyInfo>, KeyError> {
    let keys = sqlx::query_as(
        "select id, prefix, tenant, role, label, created_at, expires_at, revoked_at, last_used_at \
         from api_keys where $1::text is null or tenant = $1 order by id desc",
    )
    .bind(tenant.map(TenantId::as_str));
    Ok(keys.fetch_all(pool).await?)
}

/// Refuses a key from now on, within [`BELIEVED_FOR`]. `false` when there is no such key that was
/// still in force.
///
/// # Errors
/// When the database fails.
pub async fn revoke(pool: &PgPool, id: Uuid) -> Result<bool, KeyError> {
    let revoked =
        sqlx::query("update api_keys set revoked_at = $2 where id = $1 and revoked_at is null")
            .bind(id)
            .bind(clock::now())
            .execute(pool)
            .await?;
    Ok(revoked.rows_affected() > 0)
}

/// Lets a key end at an instant. `false` when there is no such key.
///
/// # Errors
/// When the database fails.
pub async fn expire_at(pool: &PgPool, id: Uuid, at: DateTime<Utc>) -> Result<bool, KeyError> {
    let changed = sqlx::query("update api_keys set expires_at = $2 where id = $1")
        .bind(id)
        .bind(at)
        .execute(pool)
        .await?;
    Ok(changed.rows_affected() > 0)
}

/// A key as a request presents it.
pub(crate) struct Presented {
    pub(crate) prefix: String,
    secret: SecretString,
}

impl Presented {
    /// Takes a key apart; none when it has another shape.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (prefix, secret) = text.strip_prefix("kontor_")?.split_once('_')?;
        let lower_hex = |part: &str, bytes: usize| {
            part.len() == 2 * bytes
                && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        (lower_hex(prefix, PREFIX_BYTES) && lower_hex(secret, SECRET_BYTES))
            .then(|| Self { prefix: prefix.to_owned(), secret: secret.to_owned().into() })
    }
}

/// A key with the hash of its secret.
pub(crate) struct StoredKey {
    pub(crate) info: KeyInfo,
    hash: [u8; 32],
}

impl StoredKey {
    /// Compares in constant time.
    pub(crate) fn matches(&self, presented: &Presented) -> bool {
        hash_of(presented.secret.expose_secret()).ct_eq(&self.hash).into()
    }
}

impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey").field("info", &self.info).finish_non_exhaustive()
    }
}

/// Looks keys up, and remembers for [`BELIEVED_FOR`] what it saw, unknown ones too.
pub(crate) struct KeyRing {
    pool: PgPool,
    seen: Cache<String, Seen>,
}

#[derive(Clone)]
struct Seen {
    key: Option<Arc<StoredKey>>,
    at: Instant,
}

impl KeyRing {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, seen: Cache::new(REMEMBERED_MAX) }
    }

    /// The key of that public part, whatever its state.
    pub(crate) async fn find(&self, prefix: &str) -> Result<Option<Arc<StoredKey>>, sqlx::Error> {
        if let Some(seen) = self.seen.get(prefix)
            && seen.at.elapsed() < BELIEVED_FOR
        {
            return Ok(seen.key);
        }
        let key = self.load(prefix).await?.map(Arc::new);
        self.seen.insert(prefix.to_owned(), Seen { key: key.clone(), at: Instant::now() });
        Ok(key)
    }

    /// Notes that the key was used, at most once a minute.
    pub(crate) async fn note_use(&self, key: &StoredKey) -> Result<(), sqlx::Error> {
        let now = clock::now();
        let noted_lately =
            key.info.last_used_at.is_some_and(|at| now - at < chrono::Duration::minutes(1));
        if noted_lately {
            return Ok(());
        }
        sqlx::query(
            "update api_keys set last_used_at = $2 where id = $1 \
             and (last_used_at is null or last_used_at < $2 - interval '1 minute')",
        )
        .bind(key.info.id)
        .bind(now)
        .execute(&self.pool)
        .await?;
        // The next look brings the new instant.
        self.seen.remove(&key.info.prefix);
        Ok(())
    }

    async fn load(&self, prefix: &str) -> Result<Option<StoredKey>, sqlx::Error> {
        let row = sqlx::query(
            "select id, prefix, hash, tenant, role, label, created_at, expires_at, revoked_at, \
             last_used_at from api_keys where prefix = $1",
        )
        .bind(prefix)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            let hash: Vec<u8> = row.try_get("hash")?;
            let hash = hash.try_into().map_err(|_| column_error("hash", "not 32 bytes"))?;
            Ok(StoredKey { info: KeyInfo::from_row(&row)?, hash })
        })
        .transpose()
    }
}

impl FromRow<'_, PgRow> for KeyInfo {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let tenant: Option<String> = row.try_get("tenant")?;
        let role: String = row.try_get("role")?;
        Ok(Self {
            id: row.try_get("id")?,
            prefix: row.try_get("prefix")?,
            tenant: tenant
                .map(TenantId::try_from)
                .transpose()
                .map_err(|err| column_error("tenant", err))?,
            role: role.parse().map_err(|err: ValueError| column_error("role", err))?,
            label: row.try_get("label")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            revoked_at: row.try_get("revoked_at")?,
            last_used_at: row.try_get("last_used_at")?,
        })
    }
}

fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

fn column_error(
    column: &str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: source.into() }
}
