//! Streams as their aggregates see them.

use std::collections::HashSet;

use futures::TryStreamExt;
use kontor_commands::{Fold, FoldError};
use kontor_domain::Recorded;
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{Check, Verifier};
use crate::{DatabaseError, error::failed, log::recorded};

/// How many streams are read in one statement: short streams are the rule, and a statement for each
/// would be one round trip for each.
const STREAMS: usize = 200;

/// Whole streams, one after the other. The rows come as they are needed, never all at once.
const HISTORIES: &str = "
    select position, tenant, stream_type, stream_id, version, event_id, event_type, schema_version,
           payload::text, metadata, occurred_at, recorded_at
    from events
    where stream_id = any($1) and position <= $2
    order by stream_id, version, position";

/// The stream whose events are coming in.
struct Open {
    stream: Uuid,
    fold: Option<Box<dyn Fold>>,
    version: i64,
}

/// Folds the streams that end in a page, as far as the sample holds them.
pub(super) async fn check(
    verifier: &mut Verifier<'_>,
    ended: &[Uuid],
) -> Result<(), DatabaseError> {
    let sample = verifier.options.sample;
    let wanted: HashSet<Uuid> =
        ended.iter().filter(|stream| is_sampled(stream, sample)).copied().collect();
    let wanted: Vec<Uuid> = wanted.into_iter().collect();
    for streams in wanted.chunks(STREAMS) {
        fold_streams(verifier, streams).await?;
        verifier.findings.looked(Check::Folds, streams.len());
    }
    Ok(())
}

/// The same streams at every call, whatever else is in the log.
fn is_sampled(stream: &Uuid, sample: u16) -> bool {
    let bytes = stream.as_bytes();
    u16::from_be_bytes([bytes[14], bytes[15]]).is_multiple_of(sample.max(1))
}

async fn fold_streams(verifier: &mut Verifier<'_>, streams: &[Uuid]) -> Result<(), DatabaseError> {
    let Verifier { db, vault, findings, folds, head, .. } = verifier;
    let mut rows = sqlx::query(HISTORIES).bind(streams).bind(*head).fetch(db);
    let mut open: Option<Open> = None;
    while let Some(row) = rows.try_next().await.map_err(failed("read a stream"))? {
        findings.looked(Check::Readable, 1);
        let place = place(&row).map_err(failed("read the place of an event"))?;
        let Ok(mut event) = recorded(&row) else {
            let what = "its columns cannot be read".to_owned();
            findings.damage(Check::Readable, format!("position {}", place.0), what);
            close(&mut open, place.1);
            continue;
        };
        vault.open(std::slice::from_mut(&mut event)).await?;
        if open.as_ref().is_none_or(|open| open.stream != event.stream_id) {
            let fold = folds.start(&event.stream_type);
            if fold.is_none() {
                let what = format!("this build has no aggregate {}", event.stream_type);
                findings.damage(Check::Readable, format!("position {}", event.position), what);
            }
            open = Some(Open { stream: event.stream_id, fold, version: 0 });
        }
        if let Some(open) = &mut open
            && let Some((check, what)) = open.apply(&event)
        {
            let place = format!("position {} (stream {})", event.position, event.stream_id);
            findings.damage(check, place, what);
        }
    }
    Ok(())
}

fn place(row: &PgRow) -> Result<(i64, Uuid), sqlx::Error> {
    Ok((row.try_get(0)?, row.try_get(3)?))
}

/// The rest of a stream with an event that cannot be read means nothing.
fn close(open: &mut Option<Open>, stream: Uuid) {
    match open {
        Some(open) if open.stream == stream => open.fold = None,
        Some(_) | None => *open = Some(Open { stream, fold: None, version: 0 }),
    }
}

impl Open {
    /// Applies the next event; what is wrong with it, when something is. Only the first fault of a
    /// stream is told: what follows it has no meaning.
    fn apply(&mut self, event: &Recorded) -> Option<(Check, String)> {
        let before = std::mem::replace(&mut self.version, event.version);
        let fold = self.fold.as_mut()?;
        if event.version == before {
            self.fold = None;
            return Some((Check::Versions, format!("version {} stands twice", event.version)));
        }
        let error = fold.apply(event).err()?;
        self.fold = None;
        let check = match error {
            FoldError::Undecodable(_) | FoldError::Upcast(_) => Check::Readable,
            FoldError::Defect(_) => Check::Folds,
        };
        Some((check, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_a_part_and_one_is_everything() {
        let streams: Vec<Uuid> = (0..1_000).map(|_| Uuid::now_v7()).collect();
        assert!(streams.iter().all(|stream| is_sampled(stream, 1) && is_sampled(stream, 0)));
        let part = streams.iter().filter(|stream| is_sampled(stream, 10)).count();
        assert!((20..300).contains(&part), "{part}");
    }
}
