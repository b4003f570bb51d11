//! What one upcaster does.

use std::fmt;

use serde_json::{Map, Value};
use uuid::Uuid;

use super::{EventSchema, Part, UpcastError};

/// The fields of a payload. A value may be sealed (an object with `$sealed`): an upcaster moves and
/// renames it like any other and never looks inside.
pub type Fields = Map<String, Value>;

/// Turns events of one type and version into newer ones.
pub struct Upcaster {
    /// The stored form.
    pub(super) from: EventSchema,
    /// The forms that may come out.
    pub(super) into: Vec<EventSchema>,
    work: Work,
}

type Change = fn(&mut Fields) -> Result<(), String>;
type Split = fn(Fields) -> Result<Vec<(EventSchema, Fields)>, String>;

enum Work {
    Drop,
    Rename,
    Change(Change),
    Split(Split),
}

impl Upcaster {
    /// The event lost its meaning: nobody sees it any more. Its place in log and stream remains.
    pub fn drop(from: EventSchema) -> Self {
        Self { from, into: vec![], work: Work::Drop }
    }

    /// The event has another name, or another version, and the same payload.
    pub fn rename(from: EventSchema, into: EventSchema) -> Self {
        Self { from, into: vec![into], work: Work::Rename }
    }

    /// The event's payload has another shape. `change` says in words without data why a payload
    /// does not fit.
    pub fn change(from: EventSchema, into: EventSchema, change: Change) -> Self {
        Self { from, into: vec![into], work: Work::Change(change) }
    }

    /// The event becomes any number of events, of the declared forms only.
    pub fn split(from: EventSchema, into: &[EventSchema], split: Split) -> Self {
        Self { from, into: into.to_vec(), work: Work::Split(split) }
    }

    /// The events that come next, in order.
    pub(super) fn carry_out(&self, id: Uuid, payload: Value) -> Result<Vec<Part>, UpcastError> {
        let misfit = |reason| UpcastError::Payload { schema: self.from, reason };
        let single = |payload| {
            let schema = self.into.first().copied();
            schema.map(|schema| Part { schema, event_id: id, payload }).into_iter().collect()
        };
        match &self.work {
            Work::Drop => Ok(vec![]),
            Work::Rename => Ok(single(payload)),
            Work::Change(change) => {
                let mut fields = fields(payload).map_err(misfit)?;
                change(&mut fields).map_err(misfit)?;
                Ok(single(Value::Object(fields)))
            }
            Work::Split(split) => {
                let parts = split(fields(payload).map_err(misfit)?).map_err(misfit)?;
                if parts.iter().any(|(schema, _)| !self.into.contains(schema)) {
                    let reason = "it makes an event that it does not declare";
                    return Err(UpcastError::Defect { schema: self.from, reason });
                }
                let alone = parts.len() == 1;
                let numbered = (0_usize..).zip(parts);
                let part = |(number, (schema, fields)): (usize, (EventSchema, Fields))| Part {
                    schema,
                    event_id: if alone { id } else { part_id(id, number) },
                    payload: Value::Object(fields),
                };
                Ok(numbered.map(part).collect())
            }
        }
    }
}

/// The id of one of several parts of an event: derived, so that it is the same at each reading.
fn part_id(event_id: Uuid, number: usize) -> Uuid {
    Uuid::new_v5(&event_id, format!("part:{number}").as_bytes())
}

fn fields(payload: Value) -> Result<Fields, String> {
    match payload {
        Value::Object(fields) => Ok(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err("it is no object".to_owned())
        }
    }
}

impl fmt::Debug for Upcaster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upcaster")
            .field("from", &self.from)
            .field("into", &self.into)
            .finish_non_exhaustive()
    }
}
