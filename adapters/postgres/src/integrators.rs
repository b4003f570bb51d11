//! Programs of others that receive events: who they are, and what they may see.
//!
//! A NATS integrator proves itself with a secret of which only a hash is kept. Its user, its durable
//! consumer and its inbox are named after it; `adapters/nats` makes them from what stands here.

mod cloud_event;
mod names;
pub mod replays;
mod rows;

use chrono::{DateTime, Utc};
use kontor_commands::clock;
use kontor_domain::TenantId;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use subtle::ConstantTimeEq;
use uuid::Uuid;

pub use cloud_event::CloudEvent;
pub use names::{EventFilter, IntegratorName};

use crate::{DatabaseError, error::failed};

/// Bytes of a secret: cannot be guessed, so a plain hash protects it.
const SECRET_BYTES: usize = 32;
/// The most integrators that are in force: each has a consumer that the broker looks at for every
/// event.
pub const INTEGRATORS_MAX: i64 = 500;

/// How an integrator gets its events.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// It pulls them from a durable consumer of its own.
    Nats,
    /// It is called for each of them.
    Webhook,
}

impl Channel {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Webhook => "webhook",
        }
    }
}

/// An integrator as it is listed: everything but its secret.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Integrator {
    /// Its id; a name may be given again after a revocation, an id never.
    pub id: Uuid,
    /// Its name.
    pub name: IntegratorName,
    /// The tenant whose events it sees; none for all tenants.
    pub tenant: Option<TenantId>,
    /// Which events it sees.
    pub events: EventFilter,
    /// How it gets them.
    pub channel: Channel,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// Its consumer delivers what the stream stored from here on.
    pub start_at: DateTime<Utc>,
    /// Since when it is refused.
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Why an integrator could not be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// The name is in use.
    #[error(
        "there is an integrator `{0}` already; choose another name, or revoke it first with \
         `kontor integrator revoke {0}`"
    )]
    NameInUse(IntegratorName),
    /// There are too many.
    #[error("there are {INTEGRATORS_MAX} integrators already; revoke those that nobody needs")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// What an integrator is to be.
#[derive(Clone, Debug)]
pub struct NewIntegrator {
    /// Its name.
    pub name: IntegratorName,
    /// The tenant whose events it sees; none for all tenants.
    pub tenant: Option<TenantId>,
    /// Which events it sees.
    pub events: EventFilter,
    /// How it gets them.
    pub channel: Channel,
}

/// Adds an integrator. A NATS integrator's secret is returned this once and kept nowhere. One that is
/// called by a webhook is added by [`crate::webhooks::add`].
///
/// # Errors
/// When the name is in use, there are too many, or the database fails.
pub async fn add(
    pool: &PgPool,
    new: NewIntegrator,
) -> Result<(Integrator, Option<SecretString>), AddError> {
    let mut db = pool.acquire().await.map_err(failed("add an integrator"))?;
    add_in(&mut db, new).await
}

/// The same inside the caller's transaction.
pub(crate) async fn add_in(
    db: &mut PgConnection,
    new: NewIntegrator,
) -> Result<(Integrator, Option<SecretString>), AddError> {
    let secret = match new.channel {
        Channel::Nats => Some(new_secret()),
        Channel::Webhook => None,
    };
    let in_force: i64 =
        sqlx::query_scalar("select count(*) from integrators where revoked_at is null")
            .fetch_one(&mut *db)
            .await
            .map_err(failed("count the integrators"))?;
    if in_force >= INTEGRATORS_MAX {
        return Err(AddError::TooMany);
    }
    let added: Option<Integrator> = sqlx::query_as(concat!(
        "insert into integrators (id, name, tenant, events, channel, secret_hash, created_at, ",
        "start_at) values ($1, $2, $3, $4, $5, $6, $7, $7) ",
        "on conflict (name) where revoked_at is null do nothing returning ",
        "id, name, tenant, events, channel, created_at, start_at, revoked_at"
    ))
    .bind(Uuid::now_v7())
    .bind(new.name.as_str())
    .bind(new.tenant.as_ref().map(TenantId::as_str))
    .bind(new.events.patterns())
    .bind(new.channel.name())
    .bind(secret.as_ref().map(|secret| hash_of(secret.expose_secret()).to_vec()))
    .bind(clock::now())
    .fetch_optional(db)
    .await
    .map_err(failed("add an integrator"))?;
    match added {
        Some(integrator) => Ok((integrator, secret)),
        None => Err(AddError::NameInUse(new.name)),
    }
}

/// The integrators, newest first; the revoked ones only when they are asked for.
///
/// # Errors
/// When the database fails.
pub async fn list(pool: &PgPool, with_revoked: bool) -> Result<Vec<Integrator>, DatabaseError> {
    sqlx::query_as(
        "select id, name, tenant, events, channel, created_at, start_at, revoked_at
         from integrators where $1 or revoked_at is null order by id desc",
    )
    .bind(with_revoked)
    .fetch_all(pool)
    .await
    .map_err(failed("list the integrators"))
}

/// The integrator of that name that is in force.
///
/// # Errors
/// When the database fails.
pub async fn find(
    pool: &PgPool,
    name: &IntegratorName,
) -> Result<Option<Integrator>, DatabaseError> {
    sqlx::query_as(
        "select id, name, tenant, events, channel, created_at, start_at, revoked_at
         from integrators where name = $1 and revoked_at is null",
    )
    .bind(name.as_str())
    .fetch_optional(pool)
    .await
    .map_err(failed("look up an integrator"))
}

/// The NATS integrator that has this name and this secret, when it is in force. Unknown, revoked and
/// wrong secret are one answer: who asks learns no names.
///
/// # Errors
/// When the database fails.
pub async fn authenticate(
    pool: &PgPool,
    name: &IntegratorName,
    secret: &SecretString,
) -> Result<Option<Integrator>, DatabaseError> {
    let hash: Option<Vec<u8>> = sqlx::query_scalar(
        "select secret_hash from integrators
         where name = $1 and revoked_at is null and channel = 'nats'",
    )
    .bind(name.as_str())
    .fetch_optional(pool)
    .await
    .map_err(failed("look up an integrator"))?
    .flatten();
    let right =
        hash.is_some_and(|hash| hash_of(secret.expose_secret()).as_slice().ct_eq(&hash).into());
    if right { find(pool, name).await } else { Ok(None) }
}

/// Refuses an integrator from now on; what a webhook has waiting is dropped with its secrets, and its
/// checkpoint moves for nobody any more. `None` when none of that name was in force.
///
/// # Errors
/// When the database fails.
pub async fn revoke(
    pool: &PgPool,
    name: &IntegratorName,
) -> Result<Option<Integrator>, DatabaseError> {
    let mut tx = pool.begin().await.map_err(failed("begin to revoke an integrator"))?;
    // First its webhook's row: a report of deliveries that is under way is then seen by what follows,
    // and the next one is fenced.
    sqlx::query(
        "update webhooks set epoch = $2
         where integrator_id = (
             select id from integrators where name = $1 and revoked_at is null
         )",
    )
    .bind(name.as_str())
    .bind(i64::MAX)
    .execute(&mut *tx)
    .await
    .map_err(failed("fence an integrator's webhook"))?;
    let revoked = sqlx::query_as(
        "with revoked as (
             update integrators set revoked_at = $2 where name = $1 and revoked_at is null
             returning id, name, tenant, events, channel, created_at, start_at, revoked_at
         ),
         dropped as (
             delete from webhook_deliveries where integrator_id in (select id from revoked)
         ),
         forgotten as (
             delete from webhook_secrets where integrator_id in (select id from revoked)
         ),
         ended as (
             update integrator_replays set ended_at = $2, ending = 'revoked'
             where ended_at is null and integrator_id in (select id from revoked)
         )
         select * from revoked",
    )
    .bind(name.as_str())
    .bind(clock::now())
    .fetch_optional(&mut *tx)
    .await
    .map_err(failed("revoke an integrator"))?;
    tx.commit().await.map_err(failed("commit the end of an integrator"))?;
    Ok(revoked)
}

/// Lets an integrator's consumer begin at another instant; the consumer is made anew by
/// `adapters/nats`. `None` when none of that name is in force.
///
/// # Errors
/// When the database fails.
pub async fn start_at(
    pool: &PgPool,
    name: &IntegratorName,
    at: DateTime<Utc>,
) -> Result<Option<Integrator>, DatabaseError> {
    sqlx::query_as(
        "update integrators set start_at = $2 where name = $1 and revoked_at is null
         returning id, name, tenant, events, channel, created_at, start_at, revoked_at",
    )
    .bind(name.as_str())
    .bind(at)
    .fetch_optional(pool)
    .await
    .map_err(failed("move an integrator's start"))
}

fn new_secret() -> SecretString {
    hex::encode(rand::random::<[u8; SECRET_BYTES]>()).into()
}

fn hash_of(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}
