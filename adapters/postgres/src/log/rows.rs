//! Rows of the log as values.

use kontor_commands::{Accepted, CommandId, Outcome, Receipt};
use kontor_domain::{Metadata, Recorded, RefusalDocument, TenantId, Upcasters};
use sqlx::{PgConnection, Row, postgres::PgRow, types::Json};
use uuid::Uuid;

use crate::{DatabaseError, error::failed};

/// One stream after a version: `$1` stream, `$2` version, `$3` tenant.
pub(super) const STREAM: &str = "
    select position, tenant, stream_type, stream_id, version, event_id, event_type, schema_version,
           payload::text, metadata, occurred_at, recorded_at
    from events
    where stream_id = $1 and version > $2 and tenant = $3
    order by version";

/// Single events: `$1` their positions.
const AT: &str = "
    select position, tenant, stream_type, stream_id, version, event_id, event_type, schema_version,
           payload::text, metadata, occurred_at, recorded_at
    from events
    where position = any($1)
    order by position";

/// How a follower reads: which types it wants, and by which upcasters.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    /// Empty means all.
    pub(super) types: &'a [&'a str],
    pub(super) upcasters: &'static Upcasters,
}

/// Events in their newest forms.
#[derive(Default)]
pub(super) struct Newest {
    pub(super) events: Vec<Recorded>,
    /// The positions of those that no upcaster could read; they stand among the events as stored.
    pub(super) unreadable: Vec<i64>,
}

impl Reading<'_> {
    /// What a follower sees of stored events. An unreadable one is passed on to it, whatever it
    /// wants: only the follower knows what to do about it.
    pub(super) fn newest(self, rows: Vec<Recorded>) -> Newest {
        let mut newest = Newest { events: Vec::with_capacity(rows.len()), unreadable: Vec::new() };
        for row in rows {
            match self.upcasters.upcast(row) {
                Ok(parts) => {
                    newest.events.extend(parts.into_iter().filter(|part| self.wants(part)));
                }
                Err(failure) => {
                    let (error, event) = *failure;
                    tracing::error!(position = event.position, error = %error, "an event cannot be upcast");
                    newest.unreadable.push(event.position);
                    newest.events.push(event);
                }
            }
        }
        newest
    }

    fn wants(self, event: &Recorded) -> bool {
        self.types.is_empty() || self.types.contains(&event.event_type.as_str())
    }
}

/// Reads the events at the given positions as they are stored, inside the caller's transaction.
pub(super) async fn events_at(
    db: &mut PgConnection,
    positions: &[i64],
) -> Result<Vec<Recorded>, DatabaseError> {
    sqlx::query(AT)
        .bind(positions)
        .fetch_all(db)
        .await
        .and_then(|rows| rows.iter().map(recorded).collect())
        .map_err(failed("read single events"))
}

/// One receipt: `$1` tenant, `$2` command.
pub(super) const RECEIPT: &str = "
    select fingerprint, stream_type, stream_id, version, first_position, last_position,
           refusal::text, recorded_at
    from receipts
    where tenant = $1 and command_id = $2";

/// Reads a row of the columns in [`STREAM`], by their order: names would be looked up for each row.
pub(crate) fn recorded(row: &PgRow) -> Result<Recorded, sqlx::Error> {
    let Json(metadata) = row.try_get::<Json<Metadata>, _>(9)?;
    Ok(Recorded {
        position: row.try_get(0)?,
        tenant: tenant(row.try_get(1)?)?,
        stream_type: row.try_get(2)?,
        stream_id: row.try_get(3)?,
        version: row.try_get(4)?,
        event_id: row.try_get(5)?,
        event_type: row.try_get(6)?,
        schema_version: row.try_get(7)?,
        payload: row.try_get(8)?,
        metadata,
        occurred_at: row.try_get(10)?,
        recorded_at: row.try_get(11)?,
    })
}

/// A stored tenant.
pub(crate) fn tenant(slug: String) -> Result<TenantId, sqlx::Error> {
    TenantId::try_from(slug).map_err(decode)
}

fn decode(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

/// Reads a row of the columns in [`RECEIPT`].
pub(crate) fn receipt(command_id: CommandId, row: &PgRow) -> Result<Receipt, sqlx::Error> {
    let stream_id: Uuid = row.try_get(2)?;
    let refusal: Option<String> = row.try_get(6)?;
    let accepted = Accepted {
        id: stream_id,
        version: row.try_get(3)?,
        first_position: row.try_get(4)?,
        last_position: row.try_get(5)?,
    };
    Ok(Receipt {
        command_id,
        fingerprint: fingerprint(row.try_get(0)?)?,
        stream_type: row.try_get(1)?,
        stream_id,
        outcome: outcome(accepted, refusal.as_deref())?,
        recorded_at: row.try_get(7)?,
    })
}

/// A receipt's outcome from its columns.
pub(super) fn outcome(accepted: Accepted, refusal: Option<&str>) -> Result<Outcome, sqlx::Error> {
    match refusal {
        None => Ok(Outcome::Accepted(accepted)),
        Some(json) => {
            let refusal: RefusalDocument = serde_json::from_str(json).map_err(decode)?;
            Ok(Outcome::Refused { refusal })
        }
    }
}

/// A stored fingerprint; always 16 bytes, or the row was not written by the append function.
pub(super) fn fingerprint(bytes: &[u8]) -> Result<[u8; 16], sqlx::Error> {
    bytes.try_into().map_err(decode)
}
