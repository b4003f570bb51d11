//! Who is logged in: a random value in a cookie, its hash in the database, and the key it stands for.

use axum::http::{HeaderMap, HeaderValue, header};
use chrono::{DateTime, TimeDelta, Utc};
use kontor_commands::clock;
use sha2::{Digest, Sha256};
use sqlx::{FromRow, PgPool};
use uuid::Uuid;

use crate::{
    auth::refused_key,
    keys::{KeyInfo, Presented, StoredKey},
    problem::Problem,
    state::ApiState,
};

/// How long a session lasts without use: a working day.
const LASTS: TimeDelta = TimeDelta::hours(12);

/// How often the end of a session in use moves; a page asks every two seconds.
const MOVED_EVERY: TimeDelta = TimeDelta::minutes(5);

/// Sessions of one key; the oldest goes when one more begins.
const SESSIONS_PER_KEY: i64 = 20;

/// Bytes of the cookie's value: cannot be guessed, so a plain hash protects it.
const VALUE_BYTES: usize = 32;

const COOKIE: &str = "kontor_session";
/// The prefix binds the cookie to this host and to https; browsers refuse it without.
const COOKIE_SECURE: &str = "__Host-kontor_session";

/// Somebody who is logged in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    hash: [u8; 32],
    pub(crate) key: KeyInfo,
}

/// Begins a session of a key and returns the cookie that carries it.
pub(crate) async fn begin(state: &ApiState, key: &KeyInfo) -> Result<HeaderValue, Problem> {
    let value = hex::encode(rand::random::<[u8; VALUE_BYTES]>());
    let now = clock::now();
    sqlx::query(
        "with gone as ( \
             delete from web_sessions where expires_at < $3 or hash in ( \
                 select hash from web_sessions where key_id = $2 \
                 order by created_at desc offset $5) \
         ) \
         insert into web_sessions (hash, key_id, created_at, last_seen_at, expires_at) \
         values ($1, $2, $3, $3, $4)",
    )
    .bind(hash_of(&value).to_vec())
    .bind(key.id)
    .bind(now)
    .bind(now + LASTS)
    .bind(SESSIONS_PER_KEY - 1)
    .execute(&state.pool)
    .await?;
    Ok(cookie(state, &value, LASTS))
}

/// The session of a request, when its cookie names one that lasts and its key is in force.
pub(crate) async fn find(
    state: &ApiState,
    headers: &HeaderMap,
) -> Result<Option<Session>, Problem> {
    let Some(value) = value_of(state, headers) else { return Ok(None) };
    let hash = hash_of(&value);
    let now = clock::now();
    let Some(found) = load(&state.pool, hash, now).await? else { return Ok(None) };
    if refused_key(&found.key).is_some() || !found.key.role.logs_in() {
        return Ok(None);
    }
    if now - found.last_seen_at > MOVED_EVERY {
        sqlx::query("update web_sessions set last_seen_at = $2, expires_at = $3 where hash = $1")
            .bind(hash.to_vec())
            .bind(now)
            .bind(now + LASTS)
            .execute(&state.pool)
            .await?;
    }
    Ok(Some(Session { hash, key: found.key }))
}

/// Whether a request carries a cookie of ours, whatever it is worth.
pub(crate) fn is_presented(state: &ApiState, headers: &HeaderMap) -> bool {
    value_of(state, headers).is_some()
}

impl Session {
    /// Ends it, and returns the cookie that makes the browser forget.
    pub(crate) async fn end(&self, state: &ApiState) -> Result<HeaderValue, Problem> {
        sqlx::query("delete from web_sessions where hash = $1")
            .bind(self.hash.to_vec())
            .execute(&state.pool)
            .await?;
        Ok(cookie(state, "", TimeDelta::zero()))
    }
}

/// The key that a person pasted, when it is known and in force and may be used here.
pub(crate) async fn key_of(
    state: &ApiState,
    text: &str,
) -> Result<Result<KeyInfo, Denial>, Problem> {
    let Some(presented) = Presented::parse(text.trim()) else {
        return Ok(Err(Denial::new("key_unknown", None)));
    };
    let prefix = presented.prefix.clone();
    let found =
        state.keys.find(&prefix).await?.filter(|key: &_| StoredKey::matches(key, &presented));
    let Some(key) = found else { return Ok(Err(Denial::new("key_unknown", Some(prefix)))) };
    if let Some((reason, _)) = refused_key(&key.info) {
        return Ok(Err(Denial::new(reason, Some(prefix))));
    }
    if !key.info.role.logs_in() {
        return Ok(Err(Denial::new("role_insufficient", Some(prefix))));
    }
    Ok(Ok(key.info.clone()))
}

/// Why somebody may not log in.
pub(crate) struct Denial {
    pub(crate) reason: &'static str,
    pub(crate) prefix: Option<String>,
}

impl Denial {
    fn new(reason: &'static str, prefix: Option<String>) -> Self {
        Self { reason, prefix }
    }

    /// What the person reads. An unknown key and a wrong one look the same.
    pub(crate) fn sentence(&self) -> &'static str {
        match self.reason {
            "key_revoked" => "This key was revoked. Ask for a new one.",
            "key_expired" => "This key has expired. Ask for a new one.",
            "role_insufficient" => {
                "This key only reads. Use a key of an operator, an admin or an accountant."
            }
            _ => "This key is not known. Check that you pasted all of it: it begins with kontor_.",
        }
    }
}

struct Found {
    key: KeyInfo,
    last_seen_at: DateTime<Utc>,
}

async fn load(
    pool: &PgPool,
    hash: [u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<Found>, sqlx::Error> {
    let row = sqlx::query(
        "select k.id, k.prefix, k.tenant, k.role, k.label, k.created_at, k.expires_at, \
             k.revoked_at, k.last_used_at, s.last_seen_at \
         from web_sessions s join api_keys k on k.id = s.key_id \
         where s.hash = $1 and s.expires_at > $2",
    )
    .bind(hash.to_vec())
    .bind(now)
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        let last_seen_at = sqlx::Row::try_get(&row, "last_seen_at")?;
        Ok(Found { key: KeyInfo::from_row(&row)?, last_seen_at })
    })
    .transpose()
}

fn name(state: &ApiState) -> &'static str {
    if is_secure(state) { COOKIE_SECURE } else { COOKIE }
}

fn is_secure(state: &ApiState) -> bool {
    state.settings.public_url.starts_with("https://")
}

fn cookie(state: &ApiState, value: &str, lasts: TimeDelta) -> HeaderValue {
    let secure = if is_secure(state) { "; Secure" } else { "" };
    let (name, seconds) = (name(state), lasts.num_seconds());
    let text =
        format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    // Letters and digits only; an empty header would be refused by every browser.
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn value_of(state: &ApiState, headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';'));
    let value = pairs.find_map(|pair| {
        let (found, value) = pair.trim().split_once('=')?;
        (found == name(state)).then_some(value)
    })?;
    let fits = value.len() == 2 * VALUE_BYTES && value.bytes().all(|b| b.is_ascii_hexdigit());
    fits.then(|| value.to_owned())
}

fn hash_of(value: &str) -> [u8; 32] {
    Sha256::digest(value.as_bytes()).into()
}

/// A cross-site form sends its own origin, or none that is ours: whoever may change something must
/// come from a page of ours. `SameSite=Strict` says the same once more.
pub(crate) fn comes_from_us(state: &ApiState, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match text(header::ORIGIN) {
        Some(origin) => {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            origin == state.settings.public_url
                || authority.is_some_and(|authority| text(header::HOST) == Some(authority))
        }
        None => text(header::HeaderName::from_static("sec-fetch-site")) == Some("same-origin"),
    }
}

/// The id of a session's key, for what is counted per person.
impl Session {
    /// The key that the session stands for.
    pub(crate) fn key_id(&self) -> Uuid {
        self.key.id
    }
}
