//! Upcasters: how events that were recorded long ago are read by this build.
//!
//! A stored event never changes. When its schema has to, its old form gets an upcaster, which turns
//! it into any number of events of newer forms: none (it lost its meaning), one (changed, or under
//! another name) or several (split). Chains are followed until every event is one that this build
//! knows. The log's reader does so in one place, so that aggregates, followers and the relay see
//! the newest forms alone.

mod defect;
mod steps;

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt,
    sync::LazyLock,
};

use serde_json::Value;
use uuid::Uuid;

pub use self::{
    defect::UpcasterDefect,
    steps::{Fields, Upcaster},
};
use crate::{
    EventBody, Recorded, account::AccountEvent, accounting_period::AccountingPeriodEvent,
    billing::BillingEvent, credit_ledger::CreditLedgerEvent, meter::MeterEvent,
    payment::PaymentEvent, product::ProductEvent, provider_statement::ProviderStatementEvent,
    reconciliation::ReconciliationEvent, tenant::TenantEvent,
};

/// The longest chain of upcasters: far more versions than an event has in its life. A sound registry
/// never meets it; it keeps one with a cycle from running for ever.
const CHAIN_STEPS_MAX: usize = 64;

/// The most events that one stored event may become; an upcaster splits a fact, it does not import.
const PARTS_MAX: usize = 100;

/// A type of event on the wire with the version of its payload's schema.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EventSchema {
    /// The type, such as `meter.reading_submitted`.
    pub event_type: &'static str,
    /// The version of the payload's schema, from 1.
    pub version: i32,
}

impl EventSchema {
    /// A type with a version.
    pub const fn new(event_type: &'static str, version: i32) -> Self {
        Self { event_type, version }
    }
}

impl fmt::Display for EventSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` version {}", self.event_type, self.version)
    }
}

/// The events of all aggregates as this build reads and writes them. A new aggregate gets a line.
pub fn known_schemas() -> Vec<EventSchema> {
    [
        TenantEvent::SCHEMAS,
        AccountEvent::SCHEMAS,
        BillingEvent::SCHEMAS,
        AccountingPeriodEvent::SCHEMAS,
        MeterEvent::SCHEMAS,
        CreditLedgerEvent::SCHEMAS,
        PaymentEvent::SCHEMAS,
        ProductEvent::SCHEMAS,
        ProviderStatementEvent::SCHEMAS,
        ReconciliationEvent::SCHEMAS,
    ]
    .concat()
}

/// The upcasters of everything that was ever released, oldest first. A changed event gets a line
/// here and a file in `tests/corpus`.
fn released() -> Vec<Upcaster> {
    vec![]
}

/// How stored events become events that this build knows.
#[derive(Debug)]
pub struct Upcasters {
    known: HashSet<(&'static str, i32)>,
    /// The upcasters by the type that they read.
    steps: HashMap<&'static str, Vec<Upcaster>>,
}

/// Why a stored event cannot be brought to its newest form. It never quotes the payload.
#[derive(Debug, thiserror::Error)]
pub enum UpcastError {
    /// The payload is no JSON.
    #[error("the payload of `{event_type}` version {version} is no JSON")]
    Json {
        /// The type found.
        event_type: String,
        /// The version found.
        version: i32,
        /// What the JSON reader said.
        #[source]
        source: serde_json::Error,
    },
    /// The payload is not what the upcaster expects.
    #[error("the upcaster of {schema} does not understand the payload: {reason}")]
    Payload {
        /// The stored form.
        schema: EventSchema,
        /// What is wrong with it.
        reason: String,
    },
    /// The upcaster made what it does not declare, or too much, or ran in a circle.
    #[error("the upcaster of {schema} is wrong: {reason}")]
    Defect {
        /// The stored form.
        schema: EventSchema,
        /// What it did.
        reason: &'static str,
    },
}

/// An event between two steps.
struct Part {
    schema: EventSchema,
    event_id: Uuid,
    payload: Value,
}

impl Upcasters {
    /// The upcasters of this build.
    pub fn current() -> &'static Self {
        static CURRENT: LazyLock<Upcasters> =
            LazyLock::new(|| Upcasters::new(known_schemas(), released()));
        &CURRENT
    }

    /// Upcasters towards the known schemas. Whether they fit together, [`Upcasters::defects`] says.
    pub fn new(known: impl IntoIterator<Item = EventSchema>, steps: Vec<Upcaster>) -> Self {
        let known = known.into_iter().map(|schema| (schema.event_type, schema.version)).collect();
        let mut by_type: HashMap<&'static str, Vec<Upcaster>> = HashMap::new();
        for step in steps {
            by_type.entry(step.from.event_type).or_default().push(step);
        }
        Self { known, steps: by_type }
    }

    /// Every form that was ever released: those that are known, and those that have an upcaster.
    pub fn released_schemas(&self) -> Vec<EventSchema> {
        let known =
            self.known.iter().map(|(event_type, version)| EventSchema::new(event_type, *version));
        known
            .chain(self.all_steps().map(|step| step.from))
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Whether an event of this type and version can be read: it is known, or its upcasters lead to
    /// events that are.
    pub fn can_read(&self, event_type: &str, version: i32) -> bool {
        let mut seen = HashSet::new();
        let mut open = vec![(event_type, version)];
        while let Some(key) = open.pop() {
            if self.known.contains(&key) {
                continue;
            }
            let Some(step) = self.step(key.0, key.1) else { return false };
            if seen.insert(key) {
                open.extend(step.into.iter().map(|into| (into.event_type, into.version)));
            }
        }
        // Two ways to one form are as good as one, but a circle arrives nowhere.
        self.circle_from(event_type, version).is_none()
    }

    /// The types under which events of the wanted types may stand in the log, for the reader's
    /// query. The wanted types are among them.
    pub fn stored_types<'a>(&self, wanted: &[&'a str]) -> Vec<&'a str> {
        let mut types: BTreeSet<&'a str> = wanted.iter().copied().collect();
        loop {
            let more: Vec<&'static str> = self
                .all_steps()
                .filter(|step| !types.contains(step.from.event_type))
                .filter(|step| step.into.iter().any(|into| types.contains(into.event_type)))
                .map(|step| step.from.event_type)
                .collect();
            if more.is_empty() {
                return types.into_iter().collect();
            }
            types.extend(more);
        }
    }

    /// The newest forms of a stored event: itself when no upcaster speaks of it, which includes
    /// events that nobody knows.
    ///
    /// All parts keep place and circumstances. A single one keeps the event's id; several get ids
    /// derived from it, the same ones whenever and wherever the event is read.
    ///
    /// # Errors
    /// [`UpcastError`], with the event as it is stored.
    pub fn upcast(&self, event: Recorded) -> Result<Vec<Recorded>, Box<(UpcastError, Recorded)>> {
        let Some(step) = self.step(&event.event_type, event.schema_version) else {
            return Ok(vec![event]);
        };
        match self.parts(step.from, &event) {
            Ok(parts) => Ok(parts.into_iter().map(|part| part.record(&event)).collect()),
            Err(error) => Err(Box::new((error, event))),
        }
    }

    fn step(&self, event_type: &str, version: i32) -> Option<&Upcaster> {
        self.steps.get(event_type)?.iter().find(|step| step.from.version == version)
    }

    fn all_steps(&self) -> impl Iterator<Item = &Upcaster> {
        self.steps.values().flatten()
    }

    fn parts(&self, schema: EventSchema, event: &Recorded) -> Result<Vec<Part>, UpcastError> {
        let payload = serde_json::from_str(&event.payload).map_err(|source| UpcastError::Json {
            event_type: event.event_type.clone(),
            version: event.schema_version,
            source,
        })?;
        let first = Part { schema, event_id: event.event_id, payload };
        let mut done = Vec::new();
        // A stack, so that the parts come out in the order in which the upcasters name them.
        let mut open = vec![(first, 0)];
        while let Some((part, depth)) = open.pop() {
            let Some(step) = self.step(part.schema.event_type, part.schema.version) else {
                done.push(part);
                continue;
            };
            let defect = |reason| UpcastError::Defect { schema, reason };
            if depth >= CHAIN_STEPS_MAX {
                return Err(defect("its chain does not end"));
            }
            let next = step.carry_out(part.event_id, part.payload)?;
            if open.len() + done.len() + next.len() > PARTS_MAX {
                return Err(defect("it makes too many events"));
            }
            open.extend(next.into_iter().rev().map(|part| (part, depth + 1)));
        }
        Ok(done)
    }
}

impl Part {
    fn record(self, stored: &Recorded) -> Recorded {
        Recorded {
            event_id: self.event_id,
            event_type: self.schema.event_type.to_owned(),
            schema_version: self.schema.version,
            payload: self.payload.to_string(),
            position: stored.position,
            tenant: stored.tenant.clone(),
            stream_type: stored.stream_type.clone(),
            stream_id: stored.stream_id,
            version: stored.version,
            metadata: stored.metadata.clone(),
            occurred_at: stored.occurred_at,
            recorded_at: stored.recorded_at,
        }
    }
}

#[cfg(test)]
mod tests;
