//! The contract that every aggregate fulfils, on top of the traits of `cqrs-es`.

use std::{collections::BTreeMap, error::Error, sync::Arc};

use chrono::{DateTime, NaiveDate, Offset, TimeZone, Utc};
use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    Actor, EventSchema, Language, TenantId,
    credit_ledger::CreditRules,
    meter::MeterRules,
    tenant::{ReadingReminders, TenantKind},
};

/// A command as an aggregate receives it: the order itself, who gave it, when, and in which tenant.
///
/// The aggregate reads nothing else, so the same `Issued` on the same state always decides the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Issued<C> {
    /// The id of the aggregate that is asked.
    pub id: Uuid,
    /// When the command was issued, by the clock of the adapter that accepted it.
    pub at: DateTime<Utc>,
    /// Who gave it, as the adapter authenticated them.
    pub actor: Actor,
    /// The settings of the tenant it belongs to.
    pub tenant: Arc<TenantFacts>,
    /// What is asked.
    pub command: C,
}

/// What a decision may know of its tenant; a copy of the tenant's state, at most a second old.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantFacts {
    /// The tenant's slug.
    pub id: TenantId,
    /// Whether a `tenant.created` event exists; commands of other aggregates are refused until it does.
    pub exists: bool,
    /// The line of business.
    pub kind: TenantKind,
    /// The language that replies start in.
    pub language: Language,
    /// The time zone in which its days and months begin and end.
    pub time_zone: chrono_tz::Tz,
    /// How readings are taken.
    pub meter_rules: MeterRules,
    /// How customers are reminded of readings.
    pub reading_reminders: ReadingReminders,
    /// What credits are worth and how many there may be.
    pub credit_rules: CreditRules,
}

impl TenantFacts {
    /// The day of an instant on the tenant's calendar.
    pub fn local_day(&self, at: DateTime<Utc>) -> NaiveDate {
        let utc = at.naive_utc();
        let offset = self.time_zone.offset_from_utc_datetime(&utc).fix();
        // Only the very first and last day of the calendar have no local day: they keep their own.
        utc.checked_add_offset(offset).unwrap_or(utc).date()
    }
}

/// An aggregate that decides without side effects.
///
/// `cqrs_es::Aggregate::handle` is implemented by writing what [`Decider::decide`] returned to the
/// sink; the router calls `decide` and `apply` directly.
pub trait Decider:
    Aggregate<
        Services = (),
        Command = Issued<<Self as Decider>::Order>,
        Event = <Self as Decider>::Fact,
        Error = <Self as Decider>::Reason,
    > + Clone
    + 'static
{
    /// The commands, tagged by `type` in snake case on the wire.
    type Order: Serialize + DeserializeOwned + Clone + Send + Sync + 'static;
    /// The events.
    type Fact: EventBody;
    /// Why a command is refused.
    type Reason: Refusal;

    /// Decides what a command leads to, without changing `self`.
    ///
    /// An empty list means that everything asked for already holds.
    ///
    /// # Errors
    /// The refusal that tells the sender what stands against the command and what would be right.
    fn decide(&self, issued: Issued<Self::Order>) -> Result<Vec<Self::Fact>, Self::Reason>;

    /// The person whom the personal fields of this aggregate's events are about, as the id of
    /// their account; `id` is the aggregate's own.
    ///
    /// Asked of the state after a decision. An aggregate whose events have
    /// [personal fields](EventBody::personal_fields) must name somebody: the log refuses to keep
    /// such a field that belongs to nobody.
    fn subject(&self, id: Uuid) -> Option<Uuid> {
        let _ = id;
        None
    }

    /// Where the JSON of a command says something about a person, as JSON pointers: by the rule of
    /// [`EventBody::personal_fields`]. Whoever looks at a command sees these fields covered, and
    /// all of it while nobody has said which they are.
    fn personal_fields(order: &Self::Order) -> Option<&'static [&'static str]> {
        let _ = order;
        None
    }
}

/// The body of every `cqrs_es::Aggregate::handle`: decides, and writes what was decided to the sink.
pub(crate) async fn decide_into<A: Decider>(
    aggregate: &mut A,
    issued: Issued<A::Order>,
    sink: &EventSink<A>,
) -> Result<(), A::Reason> {
    for event in aggregate.decide(issued)? {
        sink.write(event, aggregate).await;
    }
    Ok(())
}

/// Implements `cqrs_es::DomainEvent` by the name and version that [`EventBody`] gives.
macro_rules! domain_event {
    ($event:ty) => {
        impl cqrs_es::DomainEvent for $event {
            fn event_type(&self) -> String {
                $crate::EventBody::wire_type(self).to_owned()
            }

            fn event_version(&self) -> String {
                $crate::EventBody::schema_version(self).to_string()
            }
        }
    };
}
pub(crate) use domain_event;

/// An event with its name on the wire, kept apart from its payload.
///
/// The names are mapped by an explicit `match`, so that renaming a Rust type can never rename a
/// stored event.
pub trait EventBody: DomainEvent + 'static {
    /// Everything that [`EventBody::from_wire`] reads. Older forms become these by upcasters.
    const SCHEMAS: &'static [EventSchema];

    /// The full type on the wire, such as `meter.reading_submitted`.
    fn wire_type(&self) -> &'static str;

    /// The version of the payload's schema, from 1.
    fn schema_version(&self) -> i32;

    /// The payload as JSON text, without the type's name around it.
    ///
    /// # Errors
    /// When a payload type cannot be represented as JSON, which is a defect of the type.
    fn to_payload(&self) -> Result<String, serde_json::Error>;

    /// Where the payload says something about a person, as JSON pointers (RFC 6901). Each of these
    /// fields is a [`Personal`](crate::Personal) value: the log encrypts it with that person's key.
    ///
    /// What counts: whatever names, describes, locates or reaches a natural person, and free text,
    /// in which anything may stand. What does not: ids that Kontor made, figures, dates and choices,
    /// which say nothing without the former.
    fn personal_fields(&self) -> &'static [&'static str] {
        &[]
    }

    /// Reads a recorded event of this aggregate.
    ///
    /// # Errors
    /// [`EventDecodeError`] when the type or version is unknown, or the payload does not fit it.
    fn from_wire(
        wire_type: &str,
        schema_version: i32,
        payload: &str,
    ) -> Result<Self, EventDecodeError>;
}

/// Why a recorded event could not be read.
#[derive(Debug, thiserror::Error)]
pub enum EventDecodeError {
    /// No event of that name and version is known to this build.
    #[error("no event `{wire_type}` of schema version {schema_version} is known")]
    Unknown {
        /// The name found.
        wire_type: String,
        /// The version found.
        schema_version: i32,
    },
    /// The payload does not have the shape that its type and version promise.
    #[error("payload of `{wire_type}` does not fit its type")]
    Payload {
        /// The name found.
        wire_type: String,
        /// What the JSON reader said.
        #[source]
        source: serde_json::Error,
    },
}

impl EventDecodeError {
    /// No event of that name and version is known.
    pub(crate) fn unknown(wire_type: &str, schema_version: i32) -> Self {
        Self::Unknown { wire_type: wire_type.to_owned(), schema_version }
    }
}

/// Reads the payload of an event whose name and version are known.
pub(crate) fn decode_payload<T: DeserializeOwned>(
    wire_type: &str,
    payload: &str,
) -> Result<T, EventDecodeError> {
    serde_json::from_str(payload)
        .map_err(|source| EventDecodeError::Payload { wire_type: wire_type.to_owned(), source })
}

/// A reason to refuse a command: an enum whose JSON carries `code` (snake case) and the figures.
pub trait Refusal: Error + Serialize + Clone + PartialEq + Send + Sync + 'static {}

/// A refusal as it travels in outcomes, receipts, problem documents and replies.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RefusalDocument {
    /// A stable name in snake case, such as `reading_below_last`.
    pub code: String,
    /// One English sentence that says what is wrong and what would be right.
    pub message: String,
    /// The figures behind the sentence, by name; clients word their own texts from them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, serde_json::Value>,
}

impl RefusalDocument {
    /// A refusal without figures.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), details: BTreeMap::new() }
    }

    /// The same refusal with one more figure.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    /// Turns an aggregate's refusal into its document: `code` and figures from its JSON, the
    /// sentence from its `Display`.
    ///
    /// # Errors
    /// When the refusal does not serialise to an object with a `code`, which is a defect of its type.
    pub fn from_refusal<R: Refusal>(refusal: &R) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Tagged {
            code: String,
            #[serde(flatten)]
            details: BTreeMap<String, serde_json::Value>,
        }
        let tagged: Tagged = serde_json::from_value(serde_json::to_value(refusal)?)?;
        Ok(Self { code: tagged.code, message: refusal.to_string(), details: tagged.details })
    }

    /// Reads the document back as the aggregate's own refusal, to word it in another language.
    ///
    /// # Errors
    /// When the code or its figures are not of that aggregate.
    pub fn to_refusal<R: DeserializeOwned>(&self) -> Result<R, serde_json::Error> {
        let mut object: serde_json::Map<String, serde_json::Value> =
            self.details.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        object.insert("code".to_owned(), self.code.clone().into());
        serde_json::from_value(object.into())
    }
}

#[cfg(test)]
mod tests;
