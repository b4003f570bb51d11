//! Policies (process managers): events in, commands out, now or later.
//!
//! A policy is a pure function: it sees an event and what it remembered of the instance that the
//! event concerns, and says what it remembers from now on and what it orders. It reads no clock (an
//! event carries its time) and no read model, so it can be replayed and tested without anything.
//!
//! Whoever runs it writes memory, orders and checkpoint in one transaction, and sends what is due:
//! each command exactly once in effect, because its id is derived and the log keeps receipts.

pub mod testing;

use chrono::{DateTime, Utc};
use kontor_domain::{Actor, EventDecodeError, Recorded, TenantId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use uuid::Uuid;

use crate::{CommandId, Envelope};

/// The most orders that one event may lead to for one instance.
pub const ORDERS_MAX: usize = 32;

/// The longest key of a scheduled command, in bytes.
pub const KEY_SIZE_MAX: usize = 200;

/// A process manager with its memory.
pub trait Policy: Send + Sync + 'static {
    /// What is remembered of an instance. Its JSON may only grow by optional fields, or the policy
    /// gets a new version.
    type State: Serialize + DeserializeOwned + Default + PartialEq;

    /// The name of its checkpoint and of its commands' ids; never changes once released.
    fn name(&self) -> &'static str;

    /// The version. A new one is replayed from the beginning of the log while the old one goes on
    /// working; what it orders takes effect from where the old one stops.
    fn version(&self) -> i32;

    /// The events it reacts to.
    fn event_types(&self) -> &'static [&'static str];

    /// Which instances an event concerns.
    ///
    /// # Errors
    /// When the event cannot be read.
    fn audience(&self, event: &Recorded) -> Result<Audience, EventDecodeError>;

    /// What an instance remembers and orders after an event. `state` is changed in place; a state
    /// that equals the default is forgotten.
    ///
    /// # Errors
    /// [`PolicyError`]; the event's stream is then parked.
    fn react(
        &self,
        state: &mut Self::State,
        instance: Instance<'_>,
        event: &Recorded,
    ) -> Result<Vec<Order>, PolicyError>;
}

/// An instance of a policy: its tenant and its key there.
#[derive(Clone, Copy, Debug)]
pub struct Instance<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The key, mostly the id of an aggregate.
    pub key: Uuid,
}

/// Which instances an event concerns.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Audience {
    /// None.
    Nobody,
    /// This one, which need not exist yet.
    One(Uuid),
    /// All of the event's tenant that are remembered.
    Tenant,
}

/// What a policy orders.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// A command, at once.
    Send(Directive),
    /// A command at an instant. An earlier one of this key that was not sent yet is replaced.
    Schedule {
        /// Names the timer among those of the policy.
        key: String,
        /// When.
        due_at: DateTime<Utc>,
        /// What.
        directive: Directive,
    },
    /// The scheduled command of this key is not wanted any more. One that is being sent is sent: the
    /// aggregate that gets it must judge by itself.
    Cancel {
        /// The timer.
        key: String,
    },
}

/// A command to an aggregate of the event's tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct Directive {
    /// The aggregate's type.
    pub aggregate: &'static str,
    /// Its id.
    pub id: Uuid,
    /// The command, an object with `type`.
    pub command: Value,
}

/// Why a policy cannot react.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The event cannot be read.
    #[error("the event cannot be read")]
    Event(#[from] EventDecodeError),
    /// What it remembered cannot be read by this version, or cannot be written.
    #[error("the state of the instance does not fit this version of the policy")]
    State(#[source] serde_json::Error),
    /// A command cannot be written as JSON.
    #[error("a command cannot be written as JSON")]
    Command(#[source] serde_json::Error),
    /// It orders too much, or under a key that is none.
    #[error("the policy's orders are refused: {0}")]
    Orders(&'static str),
}

impl Directive {
    /// A command to an aggregate.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn new(
        aggregate: &'static str,
        id: Uuid,
        command: &impl Serialize,
    ) -> Result<Self, PolicyError> {
        let command = serde_json::to_value(command).map_err(PolicyError::Command)?;
        Ok(Self { aggregate, id, command })
    }
}

/// What an instance remembers and orders after an event, as JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct Reaction {
    /// What is remembered; none when there is nothing to remember.
    pub state: Option<Value>,
    /// What is ordered, in order.
    pub orders: Vec<Order>,
}

/// A policy without its type of memory, as it is run.
pub trait AnyPolicy: Send + Sync + 'static {
    /// See [`Policy::name`].
    fn name(&self) -> &'static str;
    /// See [`Policy::version`].
    fn version(&self) -> i32;
    /// See [`Policy::event_types`].
    fn event_types(&self) -> &'static [&'static str];
    /// See [`Policy::audience`].
    ///
    /// # Errors
    /// When the event cannot be read.
    fn audience(&self, event: &Recorded) -> Result<Audience, EventDecodeError>;
    /// See [`Policy::react`]. The bounds of orders are checked here.
    ///
    /// # Errors
    /// [`PolicyError`].
    fn react(
        &self,
        state: Option<&Value>,
        instance: Instance<'_>,
        event: &Recorded,
    ) -> Result<Reaction, PolicyError>;
}

impl<P: Policy> AnyPolicy for P {
    fn name(&self) -> &'static str {
        Policy::name(self)
    }

    fn version(&self) -> i32 {
        Policy::version(self)
    }

    fn event_types(&self) -> &'static [&'static str] {
        Policy::event_types(self)
    }

    fn audience(&self, event: &Recorded) -> Result<Audience, EventDecodeError> {
        Policy::audience(self, event)
    }

    fn react(
        &self,
        state: Option<&Value>,
        instance: Instance<'_>,
        event: &Recorded,
    ) -> Result<Reaction, PolicyError> {
        let mut state = match state {
            Some(state) => P::State::deserialize(state).map_err(PolicyError::State)?,
            None => P::State::default(),
        };
        let orders = Policy::react(self, &mut state, instance, event)?;
        check(&orders)?;
        let state = if state == P::State::default() {
            None
        } else {
            Some(serde_json::to_value(&state).map_err(PolicyError::State)?)
        };
        Ok(Reaction { state, orders })
    }
}

fn check(orders: &[Order]) -> Result<(), PolicyError> {
    if orders.len() > ORDERS_MAX {
        return Err(PolicyError::Orders("there are too many"));
    }
    let fits = |key: &str| (1..=KEY_SIZE_MAX).contains(&key.len()) && !key.contains('\0');
    let all_fit = orders.iter().all(|order| match order {
        Order::Send(_) => true,
        Order::Schedule { key, .. } | Order::Cancel { key } => fits(key),
    });
    if all_fit {
        Ok(())
    } else {
        Err(PolicyError::Orders("a key is empty, too long or holds U+0000"))
    }
}

/// The id of the command that a policy orders: the same whenever the event is seen again, by any
/// version of the policy.
pub fn command_id(policy: &str, event_id: Uuid, instance: Uuid, number: usize) -> CommandId {
    Uuid::new_v5(&event_id, format!("policy:{policy}:{instance}:{number}").as_bytes())
}

/// The command of a policy, ready to be sent at `now`. It stays valid for `valid_for` from then on:
/// a scheduled command that found the workers down for a day is still to be judged by its aggregate.
pub fn envelope(
    (policy, command_id): (&str, CommandId),
    (tenant, aggregate, id): (TenantId, &str, Uuid),
    command: Value,
    (correlation_id, causation_id): (Uuid, Uuid),
    (now, valid_for): (DateTime<Utc>, chrono::Duration),
) -> Envelope {
    let actor = Actor::System { name: format!("policy/{policy}") };
    let mut envelope = Envelope::new(command_id, (tenant, aggregate, id), command, actor, now);
    envelope.correlation_id = correlation_id;
    envelope.causation_id = Some(causation_id);
    envelope.deadline = now + valid_for;
    envelope
}

#[cfg(test)]
mod tests;
