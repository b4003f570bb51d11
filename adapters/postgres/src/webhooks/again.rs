//! One event that an operator wants to be delivered again.

use chrono::{DateTime, Utc};
use kontor_domain::Recorded;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::{
    DatabaseError, EventReader,
    error::failed,
    integrators::{Integrator, IntegratorName},
};

/// Why an event is not delivered again.
#[derive(Debug, thiserror::Error)]
pub enum RedeliverError {
    /// It is none of those that the integrator sees.
    #[error("{name} does not receive this event: {why}")]
    NotIts {
        /// The integrator.
        name: IntegratorName,
        /// What stands against it.
        why: &'static str,
    },
    /// It happened before the webhook began.
    #[error(
        "the webhook begins behind position {start}, and the event stands at {position}; \
         `kontor integrator replay {name} --from-position {position}` lets it begin there"
    )]
    Before {
        /// The integrator.
        name: IntegratorName,
        /// Where the event stands.
        position: i64,
        /// Where the webhook began.
        start: i64,
    },
    /// The webhook is not that far.
    #[error(
        "the webhook has come to position {reached} only and gets the event at {position} by itself"
    )]
    Ahead {
        /// Where the event stands.
        position: i64,
        /// How far the webhook is.
        reached: i64,
    },
    /// Too much waits already.
    #[error(
        "{waiting} events wait for {name} already; try again when they are delivered \
         (`kontor integrator deliveries {name}`)"
    )]
    Full {
        /// The integrator.
        name: IntegratorName,
        /// How many.
        waiting: i64,
    },
    /// There is no such event, or this build cannot read it.
    #[error("there is no event at position {0} that this build can read")]
    NoEvent(i64),
    /// It was revoked.
    #[error("it is not in force any more")]
    NotFound,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// The most events that may wait before an order for one more is refused; what comes from the log is
/// bounded below that.
const WAITING_MAX: i64 = 10_000;

/// Where a webhook stands, locked against whoever delivers.
struct Place {
    start: Option<i64>,
    reached: i64,
    waiting: i64,
}

/// Delivers one event again, whatever became of it; later ones of its stream that wait queue behind it.
///
/// # Errors
/// [`RedeliverError`]; nothing was changed.
pub async fn redeliver_event(
    pool: &PgPool,
    integrator: &Integrator,
    position: i64,
    now: DateTime<Utc>,
) -> Result<(), RedeliverError> {
    let page = EventReader::new(pool.clone()).page(position - 1, 1, &[]).await?;
    let parts: Vec<&Recorded> = page.events.iter().filter(|it| it.position == position).collect();
    let first = parts.first().ok_or(RedeliverError::NoEvent(position))?;
    let name = || integrator.name.clone();
    if integrator.tenant.as_ref().is_some_and(|tenant| *tenant != first.tenant) {
        return Err(RedeliverError::NotIts { name: name(), why: "it is another tenant's" });
    }
    if !parts.iter().any(|part| integrator.events.matches(&part.event_type)) {
        return Err(RedeliverError::NotIts { name: name(), why: "its filter leaves the type out" });
    }
    let mut tx = pool.begin().await.map_err(failed("begin to deliver an event again"))?;
    let place = lock(&mut tx, integrator.id).await?.ok_or(RedeliverError::NotFound)?;
    if let Some(start) = place.start.filter(|start| position <= *start) {
        return Err(RedeliverError::Before { name: name(), position, start });
    }
    if position > place.reached {
        return Err(RedeliverError::Ahead { position, reached: place.reached });
    }
    if place.waiting >= WAITING_MAX {
        return Err(RedeliverError::Full { name: name(), waiting: place.waiting });
    }
    insert(&mut tx, integrator.id, (first, now)).await?;
    tx.commit().await.map_err(failed("commit an order about a webhook"))?;
    Ok(())
}

async fn lock(db: &mut PgConnection, integrator_id: Uuid) -> Result<Option<Place>, DatabaseError> {
    // The epoch of one that was revoked belongs to nobody.
    let place: Option<(Option<i64>, i64)> = sqlx::query_as(
        "update webhooks set revision = revision + 1
         where integrator_id = $1 and epoch < $2 returning start_position, position",
    )
    .bind(integrator_id)
    .bind(i64::MAX)
    .fetch_optional(&mut *db)
    .await
    .map_err(failed("lock a webhook"))?;
    let Some((start, reached)) = place else { return Ok(None) };
    let waiting = sqlx::query_scalar(
        "select count(*) from webhook_deliveries where integrator_id = $1 and state = 'pending'",
    )
    .bind(integrator_id)
    .fetch_one(db)
    .await
    .map_err(failed("count what waits for a webhook"))?;
    Ok(Some(Place { start, reached, waiting }))
}

async fn insert(
    db: &mut PgConnection,
    integrator_id: Uuid,
    (event, now): (&Recorded, DateTime<Utc>),
) -> Result<(), DatabaseError> {
    sqlx::query(
        "insert into webhook_deliveries (integrator_id, position, stream_id, event_id, event_type,
             state, attempts, next_at, first_at)
         values ($1, $2, $3, $4, $5, 'pending', 0, $6, $6)
         on conflict (integrator_id, position) do update
             set state = 'pending', attempts = 0, next_at = excluded.next_at,
                 first_at = excluded.first_at",
    )
    .bind(integrator_id)
    .bind(event.position)
    .bind(event.stream_id)
    .bind(event.event_id)
    .bind(&event.event_type)
    .bind(now)
    .execute(db)
    .await
    .map_err(failed("set an event aside to be delivered again"))?;
    Ok(())
}
