//! The log in order of position: gaps, predecessors, receipts of events, and which streams end where.

use kontor_domain::Metadata;
use sqlx::{FromRow, Row};
use uuid::Uuid;

use super::{Check, Verifier, folds, receipts};
use crate::{DatabaseError, error::failed};

/// How many events are looked at in one statement: some milliseconds of work and a few hundred
/// kilobytes, because payloads stay in the database.
const PAGE: i64 = 2_000;

/// The most repeated event ids that are asked for.
const REPEATED_MAX: i64 = 20;

/// A page with the event before each in its stream, and whether its stream ends with it. If every
/// event but the first of a stream has its predecessor, the versions are consecutive.
const EVENTS: &str = "
    select e.position, e.tenant, e.stream_type, e.stream_id, e.version, e.metadata::text as metadata,
           e.recorded_at, p.position as before_position, p.tenant as before_tenant,
           p.stream_type as before_type,
           not exists (
               select from events l
               where l.stream_id = e.stream_id and l.version > e.version and l.position <= $2
           ) as is_last
    from (
        select position, tenant, stream_type, stream_id, version, metadata, recorded_at
        from events where position > $1 and position <= $2 order by position limit $3
    ) e
    left join lateral (
        select position, tenant, stream_type from events b
        where b.stream_id = e.stream_id and b.version = e.version - 1
        limit 1
    ) p on true
    order by e.position";

/// An event without its payload, and the one before it in its stream.
#[derive(Debug, FromRow)]
pub(super) struct Place {
    pub(super) position: i64,
    pub(super) tenant: String,
    pub(super) stream_type: String,
    pub(super) stream_id: Uuid,
    version: i64,
    metadata: String,
    pub(super) recorded_at: chrono::DateTime<chrono::Utc>,
    before_position: Option<i64>,
    before_tenant: Option<String>,
    before_type: Option<String>,
    is_last: bool,
}

impl Place {
    pub(super) fn name(&self) -> String {
        format!("position {}", self.position)
    }

    /// The command behind the event; `None` when the metadata cannot be read.
    pub(super) fn command_id(&self) -> Option<Uuid> {
        serde_json::from_str::<Metadata>(&self.metadata).ok().map(|metadata| metadata.command_id)
    }
}

/// Walks through the log once. Streams are folded where they end, so each is folded once.
pub(super) async fn check(verifier: &mut Verifier<'_>) -> Result<(), DatabaseError> {
    let mut last = verifier.options.from - 1;
    let total = verifier.head - last;
    loop {
        let page: Vec<Place> = sqlx::query_as(EVENTS)
            .bind(last)
            .bind(verifier.head)
            .bind(PAGE)
            .fetch_all(&mut verifier.db)
            .await
            .map_err(failed("read a page of the log"))?;
        if page.is_empty() {
            break;
        }
        for place in &page {
            check_position(verifier, place, last);
            check_predecessor(verifier, place);
            last = place.position;
        }
        for check in [Check::Positions, Check::Versions, Check::Streams] {
            verifier.findings.looked(check, page.len());
        }
        receipts::check_page(verifier, &page).await?;
        let ended: Vec<Uuid> =
            page.iter().filter(|place| place.is_last).map(|place| place.stream_id).collect();
        folds::check(verifier, &ended).await?;
        let done = last + 1 - verifier.options.from;
        verifier.tell(Check::Positions, done, total);
    }
    if last != verifier.head && verifier.head >= verifier.options.from {
        let (place, what) = (format!("position {}", verifier.head), "it is not there any more");
        verifier.findings.damage(Check::Positions, place, what.to_owned());
    }
    Ok(())
}

fn check_position(verifier: &mut Verifier<'_>, place: &Place, last: i64) {
    let expected = last + 1;
    if place.position != expected {
        let until = place.position - 1;
        let missing = if until == expected {
            format!("position {expected}")
        } else {
            format!("positions {expected} to {until}")
        };
        let what = format!("missing: {} follows {last}", place.position);
        verifier.findings.damage(Check::Positions, missing, what);
    }
    if place.command_id().is_none() {
        let what = "its metadata cannot be read".to_owned();
        verifier.findings.damage(Check::Readable, place.name(), what);
    }
}

fn check_predecessor(verifier: &mut Verifier<'_>, place: &Place) {
    let findings = &mut verifier.findings;
    let (stream, version) = (place.stream_id, place.version);
    match place.before_position {
        None if version == 1 => {}
        None => {
            let what = format!(
                "stream {stream} has version {version} but no version {} before it",
                version - 1
            );
            findings.damage(Check::Versions, place.name(), what);
        }
        Some(before) if before > place.position => {
            let what = format!(
                "version {version} of stream {stream} stands before version {} at position {before}",
                version - 1
            );
            findings.damage(Check::Versions, place.name(), what);
        }
        Some(_) => {}
    }
    let foreign = |before: &Option<String>, own: &str| {
        before.as_ref().filter(|before| before.as_str() != own).cloned()
    };
    if let Some(before) = foreign(&place.before_tenant, &place.tenant) {
        let what = format!("stream {stream} belonged to tenant {before}, now to {}", place.tenant);
        findings.damage(Check::Streams, place.name(), what);
    }
    if let Some(before) = foreign(&place.before_type, &place.stream_type) {
        let what = format!("stream {stream} was a {before}, now a {}", place.stream_type);
        findings.damage(Check::Streams, place.name(), what);
    }
}

/// Looks for event ids that stand twice, within the part of the log that is checked.
pub(super) async fn check_ids(verifier: &mut Verifier<'_>) -> Result<(), DatabaseError> {
    let (from, head) = (verifier.options.from, verifier.head);
    verifier.tell(Check::EventIds, 0, 0);
    let repeated = sqlx::query(
        "select event_id, min(position), max(position) from events
         where position >= $1 and position <= $2
         group by event_id having count(*) > 1
         order by 2 limit $3",
    )
    .bind(from)
    .bind(head)
    .bind(REPEATED_MAX)
    .fetch_all(&mut verifier.db)
    .await
    .map_err(failed("look for repeated event ids"))?;
    for row in &repeated {
        let read = || -> Result<(Uuid, i64, i64), sqlx::Error> {
            Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
        };
        let (id, first, last) = read().map_err(failed("read a repeated event id"))?;
        let what = format!("event id {id} stands at position {first} already");
        verifier.findings.damage(Check::EventIds, format!("position {last}"), what);
    }
    let count = usize::try_from((head + 1 - from).max(0)).unwrap_or(usize::MAX);
    verifier.findings.looked(Check::EventIds, count);
    Ok(())
}
