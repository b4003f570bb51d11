//! From what somebody typed into the search to the place in the log.

use kontor_domain::Recorded;
use kontor_postgres::{
    DatabaseError, EventReader,
    inspect::{self, Scope},
};
use sqlx::PgPool;
use uuid::Uuid;

use super::operator::Operator;
use crate::problem::Problem;

/// How much of the log around the time in an event's id is searched: more than is written while a
/// command waits for the log, and a matter of milliseconds.
const NEAR: Scope = Scope::Near { positions: 100_000 };

/// A place in the log.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) tenant: String,
    pub(super) stream_type: String,
    pub(super) stream_id: Uuid,
    /// The version that the id names; none for a whole aggregate.
    pub(super) version: Option<i64>,
}

/// What a search came to.
pub(super) enum Found {
    Place(Place),
    Nothing,
    /// It is neither an id nor a position.
    Unreadable,
}

/// Finds an aggregate, a command or an event by its id, or an event by its position. What belongs to
/// another tenant is not there.
pub(super) async fn find(pool: &PgPool, operator: &Operator, text: &str) -> Result<Found, Problem> {
    let text = text.trim();
    let place = match (text.parse::<Uuid>(), text.parse::<i64>()) {
        (Ok(id), _) => by_id(pool, id).await,
        (Err(_), Ok(position)) if position < 1 => Ok(None),
        (Err(_), Ok(position)) => {
            let event = EventReader::new(pool.clone()).event(position).await;
            event.map(|event| event.map(Place::of_event))
        }
        (Err(_), Err(_)) => return Ok(Found::Unreadable),
    };
    let place = place.map_err(|err| Problem::internal(&err))?;
    Ok(match place.filter(|place| operator.may_see(&place.tenant)) {
        Some(place) => Found::Place(place),
        None => Found::Nothing,
    })
}

async fn by_id(pool: &PgPool, id: Uuid) -> Result<Option<Place>, DatabaseError> {
    if let Some(first) = inspect::stream(pool, id, 0, 1).await?.into_iter().next() {
        return Ok(Some(Place { version: None, ..Place::of_event(first) }));
    }
    if let Some((tenant, receipt)) = inspect::receipts(pool, id).await?.into_iter().next() {
        let version = match &receipt.outcome {
            kontor_commands::Outcome::Accepted(accepted) => Some(accepted.version),
            kontor_commands::Outcome::Refused { .. } => None,
        };
        return Ok(Some(Place {
            tenant: tenant.to_string(),
            stream_type: receipt.stream_type,
            stream_id: receipt.stream_id,
            version: version.filter(|version| *version > 0),
        }));
    }
    Ok(inspect::event(pool, id, NEAR).await?.map(Place::of_event))
}

impl Place {
    fn of_event(event: Recorded) -> Self {
        Self {
            tenant: event.tenant.to_string(),
            stream_type: event.stream_type,
            stream_id: event.stream_id,
            version: Some(event.version),
        }
    }
}
