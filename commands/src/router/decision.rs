//! What an aggregate decides on a command, made ready for the log, with panics kept inside.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kontor_domain::{Decider, EventBody, Issued, RefusalDocument};
use uuid::Uuid;

use super::{RouteError, RouterSettings};
use crate::NewEvent;

/// A decision, not yet in the log.
pub(super) enum Decision<A> {
    /// Events, and the state once they are committed. No events: everything asked for holds.
    Accept { events: Vec<NewEvent>, next: Option<A> },
    /// The business says no.
    Refuse(RefusalDocument),
}

impl<A: Decider> Decision<A> {
    /// Lets a state decide. The state itself stays as it is, whatever happens.
    pub(super) fn of(
        state: &A,
        issued: Issued<A::Order>,
        settings: &RouterSettings,
    ) -> Result<Self, RouteError> {
        let facts = match guarded::<A, _>("while deciding", || state.decide(issued))? {
            Ok(facts) => facts,
            Err(reason) => {
                return RefusalDocument::from_refusal(&reason)
                    .map(Self::Refuse)
                    .map_err(|error| RouteError::Defect(format!("a refusal is no JSON: {error}")));
            }
        };
        if facts.is_empty() {
            return Ok(Self::Accept { events: Vec::new(), next: None });
        }
        if facts.len() > settings.events_per_command_max {
            return Err(RouteError::LimitExceeded(format!(
                "{} events, at most {} are taken from one command",
                facts.len(),
                settings.events_per_command_max
            )));
        }
        let events = facts
            .iter()
            .map(|fact| new_event(fact, settings.payload_bytes_max))
            .collect::<Result<Vec<_>, _>>()?;
        let size = events.iter().map(|event| event.payload.len()).sum::<usize>();
        if size > settings.command_bytes_max {
            return Err(RouteError::LimitExceeded(format!(
                "{size} bytes of events, at most {} are taken from one command",
                settings.command_bytes_max
            )));
        }
        // Applied before they are appended: events that the aggregate cannot apply must never
        // reach the log, where they would make it unreadable for good.
        let next = guarded::<A, _>("while its new events were applied", || {
            let mut next = state.clone();
            for fact in facts {
                next.apply(fact);
            }
            next
        })?;
        Ok(Self::Accept { events, next: Some(next) })
    }
}

fn new_event<F: EventBody>(fact: &F, payload_bytes_max: usize) -> Result<NewEvent, RouteError> {
    let payload = fact.to_payload().map_err(|error| {
        RouteError::Defect(format!("`{}` is no JSON: {error}", fact.wire_type()))
    })?;
    if payload.len() > payload_bytes_max {
        return Err(RouteError::LimitExceeded(format!(
            "`{}` of {} bytes, an event has at most {payload_bytes_max}",
            fact.wire_type(),
            payload.len()
        )));
    }
    Ok(NewEvent {
        event_id: Uuid::now_v7(),
        event_type: fact.wire_type(),
        schema_version: fact.schema_version(),
        payload,
        personal_fields: fact.personal_fields(),
    })
}

/// Runs code of an aggregate. A panic becomes a [`RouteError::Defect`]: it must not take the
/// worker's task down, which serves other aggregates too.
pub(crate) fn guarded<A: Decider, T>(
    when: &str,
    code: impl FnOnce() -> T,
) -> Result<T, RouteError> {
    // Nothing that the closure changed outlives a panic: states are cloned before they change.
    catch_unwind(AssertUnwindSafe(code)).map_err(|panic| {
        // A formatted message may carry data of the command; the panic hook has told it already.
        let said = panic.downcast_ref::<&'static str>().copied().unwrap_or("see the panic message");
        RouteError::Defect(format!("`{}` panicked {when}: {said}", A::TYPE))
    })
}
