//! Which webhooks need somebody: for monitoring, `kontor check` and the operations page.

use serde::Serialize;
use sqlx::{FromRow, PgPool};

use crate::{DatabaseError, error::failed};

/// An event that waits longer than this is late: the first retries are over by then.
pub const LATE_AFTER_SECONDS: f64 = 900.0;
/// The most webhooks that [`troubled`] names.
const NAMED_MAX: i64 = 50;

/// All webhooks in figures.
#[derive(Clone, Copy, Debug, Default, FromRow, PartialEq, Serialize)]
pub struct Summary {
    /// Those that are called.
    pub active: i64,
    /// Those of them for which nothing succeeded since some failure.
    pub failing: i64,
    /// Those that were disabled, by whomever.
    pub disabled: i64,
    /// Those of them that were disabled without anybody's order.
    pub disabled_by_kontor: i64,
    /// Events that wait.
    pub pending: i64,
    /// Events that were given up.
    pub failed: i64,
    /// How long the oldest event of an active webhook has been waiting.
    pub oldest_seconds: f64,
}

/// A webhook that needs somebody.
#[derive(Clone, Debug, FromRow, PartialEq, Serialize)]
pub struct Troubled {
    /// The integrator's name.
    pub name: String,
    /// Why nothing is delivered, when it is disabled.
    pub disabled_reason: Option<String>,
    /// Whether it was disabled by an operator.
    pub by_operator: bool,
    /// What went wrong last.
    pub last_failure: Option<String>,
    /// Events that wait.
    pub pending: i64,
    /// Events that were given up.
    pub failed: i64,
    /// How long its oldest event has been waiting.
    pub oldest_seconds: f64,
}

/// Each webhook in force with what waits for it. An event behind the checkpoint has been waiting since
/// the log took it, one that is parked since it was set aside.
macro_rules! each_webhook {
    ($rest:literal) => {
        concat!(
            "with each as (
                 select i.name, w.disabled_at, w.disabled_by, w.disabled_reason, w.failing_since,
                        w.last_failure, coalesce(d.pending, 0) as pending,
                        coalesce(d.failed, 0) as failed,
                        greatest(0, extract(epoch from clock_timestamp()
                            - least(d.first_at, e.recorded_at)))::float8 as waiting_seconds
                 from webhooks w
                 join integrators i on i.id = w.integrator_id
                 left join lateral (
                     select count(*) filter (where state = 'pending') as pending,
                            count(*) filter (where state = 'failed') as failed,
                            min(first_at) filter (where state = 'pending') as first_at
                     from webhook_deliveries where integrator_id = w.integrator_id
                 ) d on true
                 left join lateral (
                     select recorded_at from events where position = w.position + 1
                 ) e on true
                 where i.revoked_at is null
             ) ",
            $rest
        )
    };
}

/// Counts all webhooks and what waits for them.
///
/// # Errors
/// When the database fails.
pub async fn summary(pool: &PgPool) -> Result<Summary, sqlx::Error> {
    sqlx::query_as(each_webhook!(
        "select count(*) filter (where disabled_at is null) as active,
                count(*) filter (where disabled_at is null and failing_since is not null)
                    as failing,
                count(*) filter (where disabled_at is not null) as disabled,
                count(*) filter (where disabled_by = 'kontor') as disabled_by_kontor,
                coalesce(sum(pending), 0)::bigint as pending,
                coalesce(sum(failed), 0)::bigint as failed,
                coalesce(max(waiting_seconds) filter (where disabled_at is null), 0)::float8
                    as oldest_seconds
         from each"
    ))
    .fetch_one(pool)
    .await
}

/// The webhooks that need somebody: disabled ones, those with late events, and those that gave events
/// up; by name.
///
/// # Errors
/// When the database fails.
pub async fn troubled(pool: &PgPool) -> Result<Vec<Troubled>, DatabaseError> {
    sqlx::query_as(each_webhook!(
        "select name, disabled_reason, coalesce(disabled_by = 'operator', false) as by_operator,
                last_failure, pending, failed, coalesce(waiting_seconds, 0)::float8 as oldest_seconds
         from each
         where disabled_at is not null or failed > 0 or waiting_seconds > $1
         order by name limit $2"
    ))
    .bind(LATE_AFTER_SECONDS)
    .bind(NAMED_MAX)
    .fetch_all(pool)
    .await
    .map_err(failed("look for webhooks in trouble"))
}
