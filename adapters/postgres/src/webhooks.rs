//! Webhooks: integrators that are called for each of their events. What is known of each, what waits
//! for it, and what was tried. `adapters/webhooks` does the calling.

mod again;
mod health;
mod letters;
mod orders;
mod progress;
mod report;
mod secrets;
mod seen;

use chrono::{DateTime, Utc};
use kontor_commands::clock;
use secrecy::SecretString;
use serde::Serialize;
use sqlx::{FromRow, PgPool, Row, postgres::PgRow};

pub use self::{
    again::{RedeliverError, redeliver_event},
    health::{LATE_AFTER_SECONDS, Summary, Troubled, summary, troubled},
    letters::{Attempt, LIST_MAX, attempts, purge},
    orders::{
        MoveError, REDELIVERED_MAX, disable, enable, move_to, redeliver_failed, redeliver_from,
    },
    progress::{Claimed, Due, PROBE_EVERY, Place, Queue, claim, due, next_probe, queue},
    report::{Outcome, Parked, ParkedState, Report, Tried, record},
    secrets::{
        RotateError, SECRETS_MAX, SigningSecret, purge_secrets, rotate_secret, signing_secrets,
    },
    seen::{Answered, Seen, seen},
};
use crate::{
    DatabaseError, Vault, VaultError,
    error::failed,
    integrators::{self, AddError, Integrator, IntegratorName, NewIntegrator},
};

/// The longest address; servers refuse longer ones too.
pub const URL_LENGTH_MAX: usize = 2_000;

/// A webhook as it is listed: everything but its secrets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Webhook {
    /// The integrator behind it.
    #[serde(skip)]
    pub integrator: Integrator,
    /// Where it is called.
    pub url: String,
    /// Every event up to here was delivered, or waits, or is not wanted.
    pub position: i64,
    /// The positions of the log that it has yet to pass; it may want few of the events there.
    pub behind: i64,
    /// Grows with each order of an operator.
    #[serde(skip)]
    pub revision: i64,
    /// Since when nothing is delivered.
    pub disabled_at: Option<DateTime<Utc>>,
    /// `operator` or `kontor`.
    pub disabled_by: Option<String>,
    /// Why.
    pub disabled_reason: Option<String>,
    /// Nothing succeeded since then although it was tried.
    pub failing_since: Option<DateTime<Utc>>,
    /// The other side asked for a pause until then.
    pub wait_until: Option<DateTime<Utc>>,
    /// When it was called last.
    pub last_attempt_at: Option<DateTime<Utc>>,
    /// When it answered well last.
    pub last_success_at: Option<DateTime<Utc>>,
    /// What went wrong last.
    pub last_failure: Option<String>,
    /// Events that wait for another attempt, or behind one that does.
    pub pending: i64,
    /// Events that were given up.
    pub failed: i64,
}

/// Selects what a [`Webhook`] is read from, of those in force.
macro_rules! webhooks {
    ($rest:literal) => {
        concat!(
            "select i.id, i.name, i.tenant, i.events, i.channel, i.created_at, i.start_at,
                    i.revoked_at, w.url, w.position, w.revision, w.disabled_at, w.disabled_by,
                    w.disabled_reason, w.failing_since, w.wait_until, w.last_attempt_at,
                    w.last_success_at, w.last_failure,
                    greatest(0, (select coalesce(max(position), 0) from events) - w.position)
                        as behind,
                    coalesce(d.pending, 0) as pending, coalesce(d.failed, 0) as failed
             from webhooks w
             join integrators i on i.id = w.integrator_id
             left join (
                 select integrator_id, count(*) filter (where state = 'pending') as pending,
                        count(*) filter (where state = 'failed') as failed
                 from webhook_deliveries group by integrator_id
             ) d on d.integrator_id = w.integrator_id
             where i.revoked_at is null ",
            $rest
        )
    };
}

impl FromRow<'_, PgRow> for Webhook {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            integrator: Integrator::from_row(row)?,
            url: row.try_get("url")?,
            position: row.try_get("position")?,
            behind: row.try_get("behind")?,
            revision: row.try_get("revision")?,
            disabled_at: row.try_get("disabled_at")?,
            disabled_by: row.try_get("disabled_by")?,
            disabled_reason: row.try_get("disabled_reason")?,
            failing_since: row.try_get("failing_since")?,
            wait_until: row.try_get("wait_until")?,
            last_attempt_at: row.try_get("last_attempt_at")?,
            last_success_at: row.try_get("last_success_at")?,
            last_failure: row.try_get("last_failure")?,
            pending: row.try_get("pending")?,
            failed: row.try_get("failed")?,
        })
    }
}

/// Why a webhook could not be added.
#[derive(Debug, thiserror::Error)]
pub enum AddWebhookError {
    /// It cannot be an integrator.
    #[error(transparent)]
    Integrator(#[from] AddError),
    /// Its secret cannot be sealed.
    #[error("its secret cannot be kept")]
    Secret(#[from] VaultError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Adds an integrator that is called at `url`, from the next event on. Returns its secret this once:
/// it is kept sealed.
///
/// # Errors
/// [`AddWebhookError`]; nothing was added.
pub async fn add(
    pool: &PgPool,
    vault: &Vault,
    (new, url): (NewIntegrator, &str),
) -> Result<(Integrator, SecretString), AddWebhookError> {
    let mut tx = pool.begin().await.map_err(failed("begin to add a webhook"))?;
    let (integrator, _) = integrators::add_in(&mut tx, new).await?;
    sqlx::query(
        "insert into webhooks (integrator_id, url, position, start_position)
         select $1, $2, head, head from (select coalesce(max(position), 0) from events) log (head)",
    )
    .bind(integrator.id)
    .bind(url)
    .execute(&mut *tx)
    .await
    .map_err(failed("add a webhook"))?;
    let secret = SigningSecret::generate();
    secrets::insert(&mut tx, vault, (integrator.id, &secret), clock::now()).await?;
    tx.commit().await.map_err(failed("commit a new webhook"))?;
    Ok((integrator, secret.text()))
}

/// The webhooks in force, by name; those that deliver nothing included.
///
/// # Errors
/// When the database fails.
pub async fn list(pool: &PgPool) -> Result<Vec<Webhook>, DatabaseError> {
    sqlx::query_as(webhooks!("order by i.name"))
        .fetch_all(pool)
        .await
        .map_err(failed("list the webhooks"))
}

/// The webhook of that name that is in force.
///
/// # Errors
/// When the database fails.
pub async fn find(pool: &PgPool, name: &IntegratorName) -> Result<Option<Webhook>, DatabaseError> {
    sqlx::query_as(webhooks!("and i.name = $1"))
        .bind(name.as_str())
        .fetch_optional(pool)
        .await
        .map_err(failed("look up a webhook"))
}

/// A webhook that is to be called.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// The integrator behind it.
    pub integrator: Integrator,
    /// Where it is called.
    pub url: String,
    /// Grows with each order of an operator.
    pub revision: i64,
}

impl FromRow<'_, PgRow> for Job {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let integrator = Integrator::from_row(row)?;
        Ok(Self { integrator, url: row.try_get("url")?, revision: row.try_get("revision")? })
    }
}

/// The webhooks that are to be called: in force, and not disabled.
///
/// # Errors
/// When the database fails.
pub async fn jobs(pool: &PgPool) -> Result<Vec<Job>, DatabaseError> {
    sqlx::query_as(
        "select i.id, i.name, i.tenant, i.events, i.channel, i.created_at, i.start_at, i.revoked_at,
                w.url, w.revision
         from webhooks w join integrators i on i.id = w.integrator_id
         where i.revoked_at is null and w.disabled_at is null
         order by i.id limit $1",
    )
    .bind(integrators::INTEGRATORS_MAX)
    .fetch_all(pool)
    .await
    .map_err(failed("look for webhooks to call"))
}
