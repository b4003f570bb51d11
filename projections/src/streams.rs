//! Folding a page of events into rows of one stream each.

use std::collections::HashMap;

use kontor_domain::{EventBody, Recorded};
use uuid::Uuid;

use crate::{
    ApplyError,
    columns::{Shape, event_error},
};

/// A row that is folded from the events of one stream.
pub(crate) trait StreamRow: Sized {
    /// The events of the stream.
    type Fact: EventBody;

    /// The stream it is folded from.
    fn stream_id(&self) -> Uuid;

    /// The stream version of its last event.
    fn version(&self) -> i64;

    /// The row after one more fact; none when a fact other than the opening one finds no row.
    fn after(row: Option<Self>, event: &Recorded, fact: Self::Fact) -> Option<Self>;
}

/// The streams of a page whose rows stand in the table already, because the page does not begin
/// with their first event.
pub(crate) fn continued(events: &[Recorded]) -> Vec<Uuid> {
    let mut first: HashMap<Uuid, i64> = HashMap::new();
    for event in events {
        first.entry(event.stream_id).or_insert(event.version);
    }
    first.into_iter().filter(|(_, version)| *version > 1).map(|(id, _)| id).collect()
}

/// Folds a page over the rows that were read for it; events that a row holds already are passed by.
/// A page holds all parts of a stored event, so the rows as they were read decide: of two parts the
/// second has the version that the first left in its row.
pub(crate) fn fold<R: StreamRow>(
    loaded: Vec<R>,
    events: &[Recorded],
) -> Result<Vec<R>, ApplyError> {
    let held: HashMap<Uuid, i64> =
        loaded.iter().map(|row| (row.stream_id(), row.version())).collect();
    let mut rows: HashMap<Uuid, R> = loaded.into_iter().map(|row| (row.stream_id(), row)).collect();
    for event in events {
        if held.get(&event.stream_id).is_some_and(|version| *version >= event.version) {
            continue;
        }
        let row = R::after(rows.remove(&event.stream_id), event, event.body()?);
        rows.insert(event.stream_id, row.ok_or_else(|| no_row(event))?);
    }
    Ok(rows.into_values().collect())
}

/// The refusal of an event whose row was never opened.
pub(crate) fn no_row(event: &Recorded) -> ApplyError {
    event_error(Shape(format!(
        "`{}` at position {} finds no row of stream {}",
        event.event_type, event.position, event.stream_id
    )))
}
