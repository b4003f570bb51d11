//! A fresh replay of the log into a scratch schema, to compare a read model with.

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use kontor_domain::Recorded;
use kontor_projections::{ApplyError, Projection};
use sqlx::PgPool;

use super::{
    GenerationError,
    schema::{enter, make},
};
use crate::{DatabaseError, EventReader, Vault, error::failed};

/// Positions per page: as many as a follower takes at most while it catches up.
const PAGE: u32 = 2_000;

/// Why a replay ended early. The scratch schema is left as it is.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The schema or its tables could not be made.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A page could not be applied.
    #[error("the events at {first} to {last} cannot be applied")]
    Apply {
        /// The first position of the page.
        first: i64,
        /// Its last one.
        last: i64,
        /// Why.
        #[source]
        source: ApplyError,
    },
    /// An event cannot be brought to its newest form.
    #[error("the event at position {position} cannot be brought to its newest form")]
    Unreadable {
        /// Where it stands.
        position: i64,
    },
    /// The projection panicked.
    #[error("the projection panicked at the events {first} to {last}")]
    Panicked {
        /// The first position of the page.
        first: i64,
        /// Its last one.
        last: i64,
    },
    /// The log ends before the position that was asked for.
    #[error("the log ends at {head}, before position {wanted}")]
    LogEnds {
        /// The log's last position.
        head: i64,
        /// What was asked for.
        wanted: i64,
    },
}

/// Makes the projection's tables in the new schema `schema` and applies the log up to exactly
/// `up_to_position`.
///
/// Nothing else is touched: no checkpoint, no dead letter, no view. Who calls it drops the schema
/// afterwards.
///
/// # Errors
/// [`ReplayError`]; among others when the schema exists already.
pub async fn replay_into(
    (pool, vault): (&PgPool, &Vault),
    projection: &dyn Projection,
    schema: &str,
    up_to_position: i64,
) -> Result<(), ReplayError> {
    let reader = EventReader::opened(pool.clone(), vault.clone());
    let head = reader.head().await?;
    if head < up_to_position {
        return Err(ReplayError::LogEnds { head, wanted: up_to_position });
    }
    let mut tx = pool.begin().await.map_err(failed("begin a replay"))?;
    make(&mut tx, projection, schema).await?;
    tx.commit().await.map_err(failed("commit the tables of a replay"))?;
    let types = projection.event_types();
    let mut after = 0;
    let mut page = reader.page(after, limit(up_to_position - after), types).await?;
    while after < up_to_position {
        let last = page.last_position.unwrap_or(up_to_position).min(up_to_position);
        if let Some(position) = page.unreadable.first().copied().filter(|it| *it <= last) {
            return Err(ReplayError::Unreadable { position });
        }
        let events: Vec<Recorded> =
            page.events.into_iter().filter(|event| event.position <= last).collect();
        // The next page is read while this one is applied.
        let (applied, read) = tokio::join!(
            apply(pool, projection, schema, &events),
            reader.page(last, limit(up_to_position - last), types),
        );
        applied?;
        (after, page) = (last, read?);
    }
    Ok(())
}

fn limit(left: i64) -> u32 {
    u32::try_from(left).map_or(PAGE, |left| left.clamp(1, PAGE))
}

async fn apply(
    pool: &PgPool,
    projection: &dyn Projection,
    schema: &str,
    events: &[Recorded],
) -> Result<(), ReplayError> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return Ok(()) };
    let (first, last) = (first.position, last.position);
    let mut tx = pool.begin().await.map_err(failed("begin a page of a replay"))?;
    enter(&mut tx, schema).await?;
    match AssertUnwindSafe(projection.apply(&mut tx, events)).catch_unwind().await {
        Ok(Ok(())) => {}
        Ok(Err(source)) => return Err(ReplayError::Apply { first, last, source }),
        Err(_) => return Err(ReplayError::Panicked { first, last }),
    }
    tx.commit().await.map_err(failed("commit a page of a replay"))?;
    Ok(())
}
