//! What can be wrong with a registry of upcasters, found without any event.

use std::collections::HashSet;

use super::{EventSchema, Upcasters};

/// What is wrong with a registry of upcasters.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum UpcasterDefect {
    /// Two upcasters read the same form.
    #[error("{0} has two upcasters")]
    Twice(EventSchema),
    /// A form that this build knows has an upcaster as well.
    #[error("{0} is known as it is and needs no upcaster")]
    KnownAlready(EventSchema),
    /// An upcaster leads to a form that nobody reads.
    #[error("the upcaster of {from} leads to {into}, which nobody reads")]
    LeadsNowhere {
        /// The form it reads.
        from: EventSchema,
        /// The form it makes.
        into: EventSchema,
    },
    /// A chain comes back to where it began.
    #[error("the upcasters of {0} run in a circle")]
    Circle(EventSchema),
}

impl Upcasters {
    /// Everything that is wrong with the registry, in no order; the released one has no defects.
    pub fn defects(&self) -> Vec<UpcasterDefect> {
        let mut defects = Vec::new();
        let mut seen = HashSet::new();
        for step in self.all_steps() {
            let from = step.from;
            if !seen.insert(from) {
                defects.push(UpcasterDefect::Twice(from));
            }
            if self.known.contains(&(from.event_type, from.version)) {
                defects.push(UpcasterDefect::KnownAlready(from));
            }
            for into in &step.into {
                let key = (into.event_type, into.version);
                if !self.known.contains(&key) && self.step(key.0, key.1).is_none() {
                    defects.push(UpcasterDefect::LeadsNowhere { from, into: *into });
                }
            }
            if self.circle_from(from.event_type, from.version) == Some(from) {
                defects.push(UpcasterDefect::Circle(from));
            }
        }
        defects
    }

    /// A form on a circle that the chains of this form run into.
    pub(super) fn circle_from(&self, event_type: &str, version: i32) -> Option<EventSchema> {
        let start = self.step(event_type, version)?.from;
        let mut finished = HashSet::new();
        // Depth first: (form, its next branch). What is on the path and met again closes a circle.
        let mut path = vec![(start, 0)];
        while let Some((form, branch)) = path.pop() {
            let step = self.step(form.event_type, form.version);
            let Some(next) = step.and_then(|step| step.into.get(branch)).copied() else {
                finished.insert(form);
                continue;
            };
            path.push((form, branch + 1));
            if path.iter().any(|(on_path, _)| *on_path == next) {
                return Some(next);
            }
            if !finished.contains(&next) {
                path.push((next, 0));
            }
        }
        None
    }
}
