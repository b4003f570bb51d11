//! A small aggregate that refuses, does nothing, exaggerates and panics on demand.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use kontor_domain::{Decider, EventBody, EventDecodeError, EventSchema, Issued, Refusal};
use serde::{Deserialize, Serialize};

/// A number that may never fall below zero.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Tally {
    pub(crate) total: i64,
    pub(crate) changes: i64,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum TallyOrder {
    /// Adds to the number; zero changes nothing.
    Add { amount: i64 },
    /// Takes from the number, but never more than there is.
    Take { amount: i64 },
    /// Adds one as many times, with a note of as many bytes each.
    Burst { count: usize, note_bytes: usize },
    /// Panics while deciding.
    PanicInDecide,
    /// Decides on an event that panics when applied.
    PanicInApply,
    /// Needs an existing tenant that is called a salon.
    OnlyInSalons,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum TallyFact {
    Changed { by: i64, note: String },
    Cursed {},
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub(crate) enum TallyReason {
    #[error("there are {total} after {changes} changes, not {asked}")]
    NotEnough { total: i64, changes: i64, asked: i64 },
    #[error("this happens in salons only")]
    NoSalon,
}

impl Refusal for TallyReason {}

impl Decider for Tally {
    type Order = TallyOrder;
    type Fact = TallyFact;
    type Reason = TallyReason;

    fn decide(&self, issued: Issued<TallyOrder>) -> Result<Vec<TallyFact>, TallyReason> {
        let changed = |by| TallyFact::Changed { by, note: String::new() };
        match issued.command {
            TallyOrder::Add { amount: 0 } => Ok(Vec::new()),
            TallyOrder::Add { amount } => Ok(vec![changed(amount)]),
            TallyOrder::Take { amount } if amount > self.total => Err(TallyReason::NotEnough {
                total: self.total,
                changes: self.changes,
                asked: amount,
            }),
            TallyOrder::Take { amount } => Ok(vec![changed(-amount)]),
            TallyOrder::Burst { count, note_bytes } => {
                Ok(vec![TallyFact::Changed { by: 1, note: "x".repeat(note_bytes) }; count])
            }
            TallyOrder::PanicInDecide => panic!("the tally is cursed"),
            TallyOrder::PanicInApply => Ok(vec![changed(1), TallyFact::Cursed {}]),
            TallyOrder::OnlyInSalons => {
                match issued.tenant.kind == kontor_domain::tenant::TenantKind::Salon {
                    true => Ok(vec![changed(1)]),
                    false => Err(TallyReason::NoSalon),
                }
            }
        }
    }
}

impl Aggregate for Tally {
    const TYPE: &'static str = "tally";
    type Command = Issued<TallyOrder>;
    type Event = TallyFact;
    type Error = TallyReason;
    type Services = ();

    async fn handle(
        &mut self,
        command: Issued<TallyOrder>,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), TallyReason> {
        for fact in self.decide(command)? {
            sink.write(fact, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, fact: TallyFact) {
        match fact {
            TallyFact::Changed { by, note: _ } => {
                self.total += by;
                self.changes += 1;
            }
            TallyFact::Cursed {} => panic!("{} changes are too many", self.changes),
        }
    }
}

impl DomainEvent for TallyFact {
    fn event_type(&self) -> String {
        self.wire_type().to_owned()
    }

    fn event_version(&self) -> String {
        self.schema_version().to_string()
    }
}

impl EventBody for TallyFact {
    const SCHEMAS: &'static [EventSchema] =
        &[EventSchema::new("tally.changed", 1), EventSchema::new("tally.cursed", 1)];

    fn wire_type(&self) -> &'static str {
        match self {
            Self::Changed { .. } => "tally.changed",
            Self::Cursed {} => "tally.cursed",
        }
    }

    fn schema_version(&self) -> i32 {
        1
    }

    fn to_payload(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    fn from_wire(
        wire_type: &str,
        schema_version: i32,
        payload: &str,
    ) -> Result<Self, EventDecodeError> {
        let wire_type = wire_type.to_owned();
        match (wire_type.as_str(), schema_version) {
            ("tally.changed" | "tally.cursed", 1) => serde_json::from_str(payload)
                .map_err(|source| EventDecodeError::Payload { wire_type, source }),
            _ => Err(EventDecodeError::Unknown { wire_type, schema_version }),
        }
    }
}
