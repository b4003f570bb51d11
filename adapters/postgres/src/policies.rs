//! Policies at work: their memory and their orders in the transaction that moves their checkpoint,
//! and the dispatcher that sends what is due.

mod dispatch;
mod mark;
mod memory;
mod orders;
mod retire;
pub mod scheduled;

use std::sync::Arc;

use async_trait::async_trait;
use kontor_commands::policy::{AnyPolicy, Audience, Instance, PolicyError};
use kontor_domain::Recorded;
use kontor_projections::{ApplyError, Projection};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

pub use self::dispatch::{DispatchSettings, Dispatched, Dispatcher};
pub use self::retire::{PolicyRetirementError, retire};
use self::{mark::Mark, memory::Memory, orders::Orders};

/// How many instances of a tenant are called at a time when an event concerns all of them. The page's
/// transaction holds all of them, some milliseconds for each thousand.
const TENANT_BATCH: i64 = 1_000;

/// A policy as a follower of the log whose effect is in the database, and therefore exactly once.
pub struct PolicyEffect {
    policy: Arc<dyn AnyPolicy>,
}

impl PolicyEffect {
    /// The effect of a policy.
    pub fn new(policy: Arc<dyn AnyPolicy>) -> Self {
        Self { policy }
    }
}

#[async_trait]
impl Projection for PolicyEffect {
    fn name(&self) -> &'static str {
        self.policy.name()
    }

    fn version(&self) -> i32 {
        self.policy.version()
    }

    fn event_types(&self) -> &'static [&'static str] {
        self.policy.event_types()
    }

    /// Makes the mark. The first page that has something for the policy comes too late for that: it
    /// may come long after the policy began, and would count as the past.
    async fn begin(&self, db: &mut PgConnection) -> Result<(), ApplyError> {
        Mark::find(db, self.policy.name(), self.policy.version()).await?;
        Ok(())
    }

    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError> {
        let (name, version) = (self.policy.name(), self.policy.version());
        let mark = Mark::find(db, name, version).await?;
        let mut page = Page {
            policy: &*self.policy,
            memory: Memory::new(name, version),
            orders: Orders::new(name, version, mark),
        };
        for event in events {
            page.see(db, event).await?;
        }
        page.memory.write(db).await?;
        page.orders.pass_mark(db, events.last().map_or(0, |event| event.position)).await?;
        Ok(())
    }
}

/// A page of events on its way through a policy.
struct Page<'a> {
    policy: &'a dyn AnyPolicy,
    memory: Memory,
    orders: Orders,
}

impl Page<'_> {
    async fn see(&mut self, db: &mut PgConnection, event: &Recorded) -> Result<(), ApplyError> {
        match self.policy.audience(event)? {
            Audience::Nobody => Ok(()),
            Audience::One(key) => {
                let state = self.memory.state(db, (&event.tenant, key)).await?;
                self.call(db, event, (key, state)).await
            }
            Audience::Tenant => {
                // What the page changed so far is among the instances that are called.
                self.memory.write(db).await?;
                let mut after = None;
                loop {
                    let batch = self.memory.batch(db, &event.tenant, (after, TENANT_BATCH)).await?;
                    let Some((last, _)) = batch.last() else { return Ok(()) };
                    after = Some(*last);
                    for (key, state) in batch {
                        self.call(db, event, (key, Some(state))).await?;
                    }
                    self.memory.write(db).await?;
                }
            }
        }
    }

    async fn call(
        &mut self,
        db: &mut PgConnection,
        event: &Recorded,
        (key, state): (Uuid, Option<Value>),
    ) -> Result<(), ApplyError> {
        let instance = Instance { tenant: &event.tenant, key };
        let reaction = self.policy.react(state.as_ref(), instance, event).map_err(refused)?;
        if reaction.state != state {
            self.memory.keep((&event.tenant, key), reaction.state, event.position);
        }
        self.orders.carry_out(db, (event, key), reaction.orders).await
    }
}

fn refused(error: PolicyError) -> ApplyError {
    ApplyError::Event(Box::new(error))
}
