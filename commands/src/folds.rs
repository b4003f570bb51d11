//! The state of any stream by the name of its aggregate, for those who look at the log from outside:
//! checks, viewers, exports. The router itself knows its aggregates by type.

mod covered;

use std::collections::HashMap;

use kontor_domain::{Decider, EventDecodeError, Recorded, UpcastError, Upcasters, tenant::Tenant};
use serde_json::Value;

pub use self::covered::{COVER, CoveredFold, Sight};

use crate::router::{RouterBuilder, guarded, type_of};

/// Something that every aggregate is made known to, so that their list stands in one place.
pub trait Registry: Sized {
    /// Makes an aggregate known under its `TYPE`.
    #[must_use]
    fn register<A: Decider>(self) -> Self;
}

impl Registry for RouterBuilder {
    fn register<A: Decider>(self) -> Self {
        Self::register::<A>(self)
    }
}

/// Folds streams of all aggregates of this build. `tenant` is always part of it.
#[derive(Clone)]
pub struct Folds {
    known: HashMap<&'static str, Known>,
}

/// What can be done with the events and commands of an aggregate.
#[derive(Clone, Copy)]
struct Known {
    start: fn() -> Box<dyn Fold>,
    start_covered: fn() -> CoveredFold,
    /// A payload and a command with what belongs to people covered; none when it cannot be read.
    payload: fn(&Recorded) -> Option<Value>,
    command: fn(&Value) -> Option<Value>,
}

/// A stream that is being folded, event by event.
pub trait Fold: Send {
    /// Applies the stream's next event as it is stored. After an error the state means nothing any
    /// more.
    ///
    /// # Errors
    /// [`FoldError`].
    fn apply(&mut self, event: &Recorded) -> Result<(), FoldError>;

    /// The state as JSON. It holds what the events hold, personal data included.
    ///
    /// # Errors
    /// When the state has no JSON, which is a defect of its type.
    fn state(&self) -> Result<serde_json::Value, serde_json::Error>;
}

/// Why an event could not be applied. The text never repeats data of the event.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// This build cannot read it.
    #[error("{0}")]
    Undecodable(EventDecodeError),
    /// This build cannot bring it to its newest form.
    #[error("{0}")]
    Upcast(UpcastError),
    /// The aggregate panicked.
    #[error("{0}")]
    Defect(String),
}

impl Folds {
    /// Knows `tenant` and nothing else yet.
    pub fn new() -> Self {
        Self { known: HashMap::new() }.register::<Tenant>()
    }

    /// A fresh stream of an aggregate; `None` when this build has no such aggregate.
    pub fn start(&self, stream_type: &str) -> Option<Box<dyn Fold>> {
        self.known.get(stream_type).map(|known| (known.start)())
    }

    /// As [`Folds::start`], with states that are told with and without what belongs to people.
    pub fn start_covered(&self, stream_type: &str) -> Option<CoveredFold> {
        self.known.get(stream_type).map(|known| (known.start_covered)())
    }

    /// The payload of an event as everybody may see it: its personal fields are covered, opened or
    /// not. A form that this build does not know is covered whole.
    pub fn covered_payload(&self, event: &Recorded) -> Value {
        let known = self.known.get(event.stream_type.as_str());
        known.and_then(|known| (known.payload)(event)).unwrap_or_else(|| COVER.into())
    }

    /// A command as everybody may see it, by the rule of [`Folds::covered_payload`].
    pub fn covered_command(&self, aggregate: &str, command: &Value) -> Value {
        let known = self.known.get(aggregate);
        known.and_then(|known| (known.command)(command)).unwrap_or_else(|| COVER.into())
    }

    /// The names of all aggregates, in order.
    pub fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self.known.keys().copied().collect();
        names.sort_unstable();
        names
    }
}

impl Default for Folds {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Folds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Folds").field(&self.names()).finish()
    }
}

impl Registry for Folds {
    fn register<A: Decider>(mut self) -> Self {
        let known = Known {
            start: || Box::new(Folding(A::default())),
            start_covered: CoveredFold::new::<A>,
            payload: covered::payload::<A>,
            command: covered::command::<A>,
        };
        self.known.insert(type_of::<A>(), known);
        self
    }
}

struct Folding<A>(A);

impl<A: Decider> Fold for Folding<A> {
    fn apply(&mut self, event: &Recorded) -> Result<(), FoldError> {
        let parts = Upcasters::current().upcast(event.clone());
        for part in parts.map_err(|failure| FoldError::Upcast(failure.0))? {
            let fact = part.body::<A::Fact>().map_err(FoldError::Undecodable)?;
            guarded::<A, _>("while its history was applied", || self.0.apply(fact))
                .map_err(|error| FoldError::Defect(error.to_string()))?;
        }
        Ok(())
    }

    fn state(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::to_value(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use kontor_domain::{Actor, Metadata, account::Account};
    use uuid::Uuid;

    use super::*;
    use crate::clock;

    pub(super) fn event(event_type: &str, schema_version: i32, payload: &str) -> Recorded {
        let id = Uuid::nil();
        let actor = Actor::System { name: "test".to_owned() };
        Recorded {
            position: 1,
            tenant: kontor_domain::TenantId::try_from("demo".to_owned()).unwrap_or_else(|_| {
                unreachable!("the slug is sound");
            }),
            stream_type: "account".to_owned(),
            stream_id: id,
            version: 1,
            event_id: id,
            event_type: event_type.to_owned(),
            schema_version,
            payload: payload.to_owned(),
            metadata: Metadata {
                actor,
                command_id: id,
                correlation_id: id,
                causation_id: None,
                trace: None,
            },
            occurred_at: clock::now(),
            recorded_at: clock::now(),
        }
    }

    #[test]
    fn a_stream_is_folded_by_the_name_of_its_aggregate() {
        let folds = Folds::new().register::<Account>();
        assert_eq!(folds.names(), ["account", "tenant"]);
        let Some(mut fold) = folds.start("account") else { panic!("account is known") };
        let payload = r#"{"display_name":"Анна","language":"ru","origin":{"kind":"api"}}"#;
        assert!(fold.apply(&event("account.registered", 1, payload)).is_ok());
        assert_eq!(
            fold.state().ok().map(|state| state["holder"]["language"].clone()),
            Some("ru".into())
        );
        assert!(folds.start("booking").is_none());
    }

    #[test]
    fn what_cannot_be_read_is_named_without_its_data() {
        let folds = Folds::new().register::<Account>();
        for (name, version, payload) in [
            ("account.registered", 1, r#"{"display_name":{"secret":1}}"#),
            ("account.registered", 99, "{}"),
            ("meter.registered", 1, "{}"),
        ] {
            let Some(mut fold) = folds.start("account") else { panic!("account is known") };
            let Err(error) = fold.apply(&event(name, version, payload)) else {
                panic!("{name} {version} was read")
            };
            let text = error.to_string();
            assert!(text.contains(name) && !text.contains("secret"), "{text}");
        }
    }
}
