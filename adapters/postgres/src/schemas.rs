//! Which forms of events the log holds, and whether this build can read all of them.
//!
//! The forms stand in a small table that is complete up to a position; only the log behind it is
//! looked through, in portions that are kept. So a start costs next to nothing however long the log
//! is, and the first look at a long one can be interrupted and goes on where it was.

use std::fmt;

use kontor_domain::Upcasters;
use sqlx::{FromRow, PgPool};

use crate::{DatabaseError, error::failed};

/// The positions that one statement looks through: a few hundred milliseconds of a log that is not
/// in memory, far below the limit of a statement.
const PORTION_POSITIONS: i64 = 100_000;

/// The most forms that an error names; more say nothing more.
const NAMED_MAX: usize = 10;

/// A type and version of event that the log holds.
#[derive(Clone, Debug, Eq, FromRow, PartialEq)]
pub struct SeenSchema {
    /// The type.
    pub event_type: String,
    /// The version of its payload's schema.
    pub schema_version: i32,
    /// Where the first of them stands.
    pub first_position: i64,
}

/// Why a build must not work on a log.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The log holds what this build cannot read.
    #[error(
        "the log holds events that this build cannot read: {0}; start the build that wrote them, or a newer one"
    )]
    Unreadable(UnreadableSchemas),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// Forms that cannot be read, in order of type and version.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnreadableSchemas(pub Vec<SeenSchema>);

impl fmt::Display for UnreadableSchemas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, schema) in self.0.iter().take(NAMED_MAX).enumerate() {
            let SeenSchema { event_type, schema_version, first_position } = schema;
            let comma = if number > 0 { ", " } else { "" };
            write!(
                f,
                "{comma}`{event_type}` version {schema_version} (first at position {first_position})"
            )?;
        }
        match self.0.len().saturating_sub(NAMED_MAX) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Checks that every form of event in the log can be read by these upcasters. Returns how many forms
/// there are.
///
/// # Errors
/// [`SchemaError`].
pub async fn check(pool: &PgPool, upcasters: &Upcasters) -> Result<usize, SchemaError> {
    advance(pool).await?;
    let seen = seen(pool).await?;
    let count = seen.len();
    let unreadable: Vec<SeenSchema> = seen
        .into_iter()
        .filter(|schema| !upcasters.can_read(&schema.event_type, schema.schema_version))
        .collect();
    if unreadable.is_empty() {
        return Ok(count);
    }
    Err(SchemaError::Unreadable(UnreadableSchemas(unreadable)))
}

/// Looks the rest of the log through. Several processes may do so at once; they only repeat work.
///
/// # Errors
/// When the database fails; what was looked through until then counts.
pub async fn advance(pool: &PgPool) -> Result<(), DatabaseError> {
    while look_further(pool).await.map_err(failed("look through the log for forms of events"))? {}
    Ok(())
}

/// The forms that the table knows, in order of type and version.
///
/// # Errors
/// When the database fails.
pub async fn seen(pool: &PgPool) -> Result<Vec<SeenSchema>, DatabaseError> {
    sqlx::query_as(
        "select event_type, schema_version, first_position from event_schemas
         order by event_type, schema_version",
    )
    .fetch_all(pool)
    .await
    .map_err(failed("read the forms of events"))
}

/// One portion, in one statement and therefore on one state of the log: the mark never passes an
/// event that was not looked at. Whether there was anything.
async fn look_further(pool: &PgPool) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query(
        "with mark as (select position from event_schemas_scan),
         portion as materialized (
             select e.position, e.event_type, e.schema_version from events e, mark
             where e.position > mark.position and e.position <= mark.position + $1
         ),
         found as (
             insert into event_schemas as s (event_type, schema_version, first_position)
             select event_type, schema_version, min(position) from portion
             group by event_type, schema_version
             order by event_type, schema_version
             on conflict (event_type, schema_version) do update
                 set first_position = excluded.first_position
                 where s.first_position > excluded.first_position
         )
         update event_schemas_scan set position = reached.position
         from (select max(position) as position from portion) reached
         where reached.position > event_schemas_scan.position",
    )
    .bind(PORTION_POSITIONS)
    .execute(pool)
    .await?;
    Ok(moved.rows_affected() > 0)
}
