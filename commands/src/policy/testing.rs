//! Tests of policies as given / when / then, without a database.

use std::collections::BTreeMap;

use kontor_domain::{Recorded, TenantId};
use serde_json::Value;
use uuid::Uuid;

use super::{AnyPolicy, Audience, Instance, Order};

/// A policy with what it remembers after the events given so far.
pub struct Scenario<'a> {
    policy: &'a dyn AnyPolicy,
    states: BTreeMap<(TenantId, Uuid), Value>,
    ordered: Vec<Order>,
}

impl<'a> Scenario<'a> {
    /// A policy that has seen nothing.
    pub fn of(policy: &'a dyn AnyPolicy) -> Self {
        Self { policy, states: BTreeMap::new(), ordered: Vec::new() }
    }

    /// With events that lie in the past: their orders are of no interest.
    #[must_use]
    pub fn given(mut self, events: impl IntoIterator<Item = Recorded>) -> Self {
        for event in events {
            self.see(&event);
        }
        self.ordered.clear();
        self
    }

    /// With the event whose orders are looked at.
    #[must_use]
    pub fn when(mut self, event: Recorded) -> Self {
        self.ordered.clear();
        self.see(&event);
        self
    }

    /// Compares what was ordered.
    ///
    /// # Panics
    /// When it is something else.
    #[track_caller]
    pub fn then_orders(self, expected: &[Order]) -> Self {
        assert_eq!(self.ordered, expected);
        self
    }

    /// Compares how many instances are remembered.
    ///
    /// # Panics
    /// When there are others.
    #[track_caller]
    pub fn then_remembers(self, instances: usize) -> Self {
        assert_eq!(self.states.len(), instances, "{:?}", self.states);
        self
    }

    fn see(&mut self, event: &Recorded) {
        let wanted = self.policy.event_types().contains(&event.event_type.as_str());
        assert!(wanted, "the policy does not ask for `{}`", event.event_type);
        let keys: Vec<Uuid> = match self.policy.audience(event) {
            Ok(Audience::Nobody) => vec![],
            Ok(Audience::One(key)) => vec![key],
            Ok(Audience::Tenant) => {
                let of_tenant = self.states.keys().filter(|(tenant, _)| *tenant == event.tenant);
                of_tenant.map(|(_, key)| *key).collect()
            }
            Err(error) => panic!("`{}` has no audience: {error}", event.event_type),
        };
        for key in keys {
            let place = (event.tenant.clone(), key);
            let instance = Instance { tenant: &event.tenant, key };
            let reaction = match self.policy.react(self.states.get(&place), instance, event) {
                Ok(reaction) => reaction,
                Err(error) => panic!("no reaction to `{}`: {error}", event.event_type),
            };
            match reaction.state {
                Some(state) => drop(self.states.insert(place, state)),
                None => drop(self.states.remove(&place)),
            }
            self.ordered.extend(reaction.orders);
        }
    }
}
