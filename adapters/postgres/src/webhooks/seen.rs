//! The webhooks as an operator looks at them: how each is, what it answered last, when it is called
//! next.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use kontor_commands::clock;
use sqlx::{FromRow, PgPool, Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    Webhook, list,
    progress::{PROBE_EVERY, is_outage},
};
use crate::{DatabaseError, error::failed};

/// The answers that are shown of each.
const ANSWERS_SHOWN: i64 = 5;

/// A webhook as it is looked at.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The webhook.
    pub webhook: Webhook,
    /// Failed attempts since the last success.
    pub failures: i32,
    /// How long its oldest event has been waiting, also while it is disabled.
    pub waiting_seconds: f64,
    /// When it is called next, as far as anybody can tell: none when nothing waits for it, or while it
    /// is disabled.
    pub next_at: Option<DateTime<Utc>>,
    /// What it answered last, the newest first.
    pub answers: Vec<Answered>,
}

/// What became of one attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answered {
    /// When it began.
    pub at: DateTime<Utc>,
    /// The status of the answer, when there was one.
    pub status: Option<i16>,
    /// What went wrong; none after a success.
    pub failure: Option<String>,
}

impl Seen {
    /// Whether the other side is down, as far as the attempts tell.
    pub fn is_outage(&self) -> bool {
        is_outage(self.failures)
    }

    fn new(webhook: Webhook, waits: &Waits, answers: Vec<Answered>, now: DateTime<Utc>) -> Self {
        Self {
            next_at: next_at(&webhook, waits, now),
            failures: waits.failures,
            waiting_seconds: waits.waiting_seconds,
            webhook,
            answers,
        }
    }
}

/// What waits for a webhook.
#[derive(Clone, Copy, Debug, Default, FromRow)]
struct Waits {
    integrator_id: Uuid,
    failures: i32,
    /// When the first event of some stream is due.
    due_at: Option<DateTime<Utc>>,
    waiting_seconds: f64,
}

/// As the courier goes on; see `adapters/webhooks`.
fn next_at(webhook: &Webhook, waits: &Waits, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let is_wanted = waits.due_at.is_some() || webhook.behind > 0;
    if webhook.disabled_at.is_some() || !is_wanted {
        return None;
    }
    let due_at = if is_outage(waits.failures) {
        webhook.last_attempt_at.map(|at| at + PROBE_EVERY)
    } else {
        waits.due_at.filter(|_| webhook.behind == 0)
    };
    let pause = webhook.wait_until.unwrap_or(now);
    Some(due_at.unwrap_or(now).max(pause).max(now))
}

/// The webhooks in force, by name, with their last answers.
///
/// # Errors
/// When the database fails.
pub async fn seen(pool: &PgPool) -> Result<Vec<Seen>, DatabaseError> {
    let (webhooks, waits, mut answers) =
        tokio::try_join!(list(pool), waits(pool), last_answers(pool))?;
    let now = clock::now();
    let seen = webhooks.into_iter().map(|webhook| {
        let id = webhook.integrator.id;
        let waits = waits.get(&id).copied().unwrap_or_default();
        Seen::new(webhook, &waits, answers.remove(&id).unwrap_or_default(), now)
    });
    Ok(seen.collect())
}

/// What waits for each. Of a stream only the first event has a turn; the others wait behind it.
async fn waits(pool: &PgPool) -> Result<HashMap<Uuid, Waits>, DatabaseError> {
    let rows: Vec<Waits> = sqlx::query_as(
        "select w.integrator_id, w.failures, heads.due_at,
                coalesce(greatest(0, extract(epoch from clock_timestamp()
                    - least(heads.first_at, e.recorded_at))), 0)::float8 as waiting_seconds
         from webhooks w
         left join lateral (
             select min(next_at) as due_at, min(first_at) as first_at
             from (
                 select distinct on (stream_id) next_at, first_at from webhook_deliveries
                 where integrator_id = w.integrator_id and state = 'pending'
                 order by stream_id, position
             ) each
         ) heads on true
         left join lateral (
             select recorded_at from events where position = w.position + 1
         ) e on true",
    )
    .fetch_all(pool)
    .await
    .map_err(failed("read what waits for webhooks"))?;
    Ok(rows.into_iter().map(|waits| (waits.integrator_id, waits)).collect())
}

async fn last_answers(pool: &PgPool) -> Result<HashMap<Uuid, Vec<Answered>>, DatabaseError> {
    let rows = sqlx::query(
        "select w.integrator_id, a.at, a.status, a.failure
         from webhooks w
         join lateral (
             select id, at, status, failure from webhook_attempts
             where integrator_id = w.integrator_id order by id desc limit $1
         ) a on true
         order by a.id desc",
    )
    .bind(ANSWERS_SHOWN)
    .fetch_all(pool)
    .await
    .map_err(failed("read what webhooks answered"))?;
    let mut answers: HashMap<Uuid, Vec<Answered>> = HashMap::new();
    for row in rows {
        let (integrator_id, answered) =
            answered(&row).map_err(failed("read what webhooks answered"))?;
        answers.entry(integrator_id).or_default().push(answered);
    }
    Ok(answers)
}

fn answered(row: &PgRow) -> Result<(Uuid, Answered), sqlx::Error> {
    let answered =
        Answered { at: row.try_get(1)?, status: row.try_get(2)?, failure: row.try_get(3)? };
    Ok((row.try_get(0)?, answered))
}
