//! Takes a command to its aggregate: load, decide, append, and once more when another writer was
//! faster.
//!
//! The router knows no aggregate by name except `tenant`, whose state every decision may read.

mod attempt;
mod baselines;
mod decision;
mod error;
mod handler;
mod lanes;
mod parse;
mod tenants;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, Utc};
use kontor_domain::{Decider, TenantId, tenant::Tenant};
use tracing::Instrument;
use uuid::Uuid;

pub(crate) use decision::guarded;
pub use error::RouteError;

use self::{
    baselines::Baselines,
    handler::{Handle, Handler, TenantHandler},
    lanes::Lanes,
    tenants::Tenants,
};
use crate::{Envelope, EventStore, Outcome, clock};

/// Carries out commands. Cheap to clone: all clones share their caches.
#[derive(Clone)]
pub struct Router {
    inner: Arc<Inner>,
}

struct Inner {
    handlers: HashMap<&'static str, Box<dyn Handle>>,
    core: Core,
}

/// What the handlers of all aggregates share.
struct Core {
    store: Arc<dyn EventStore>,
    settings: RouterSettings,
    lanes: Lanes,
    tenants: Tenants,
}

/// A command that has been carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Routed {
    /// What became of it.
    pub outcome: Outcome,
    /// The outcome had been recorded before; nothing happened this time.
    pub replayed: bool,
}

/// The limits of a [`Router`].
#[derive(Clone, Copy, Debug)]
pub struct RouterSettings {
    /// The clock that deadlines are held against.
    pub now: fn() -> DateTime<Utc>,
    /// How many aggregates of each type stay in memory. Ten thousand meters take a few megabytes,
    /// and one that fell out costs one read.
    pub baselines_max: usize,
    /// How old the copy of a tenant's settings may be that a decision reads.
    pub tenant_facts_max_age: Duration,
    /// How many tenants' settings stay in memory.
    pub tenants_max: usize,
    /// The most events that one command may lead to: a batch of the log stays a matter of
    /// milliseconds for everybody else.
    pub events_per_command_max: usize,
    /// The largest payload of one event in bytes: events carry figures and names, never files.
    pub payload_bytes_max: usize,
    /// The largest sum of the payloads of one command in bytes; well below what the log takes in
    /// one append, so that the log's own limit is never met.
    pub command_bytes_max: usize,
    /// How many locks keep the commands of one aggregate apart. Aggregates share them by hash; with
    /// 512 commands at work one in sixteen waits for a stranger, and all take half a megabyte.
    pub lanes: usize,
    /// The pause before the second attempt after a conflict; it doubles with every further one and
    /// is jittered. Zero only yields to other tasks.
    pub conflict_pause: Duration,
}

impl Default for RouterSettings {
    fn default() -> Self {
        Self {
            now: clock::now,
            baselines_max: 10_000,
            tenant_facts_max_age: Duration::from_secs(1),
            tenants_max: 10_000,
            events_per_command_max: 1000,
            payload_bytes_max: 64 * 1024,
            command_bytes_max: 512 * 1024,
            lanes: 8192,
            conflict_pause: Duration::from_millis(2),
        }
    }
}

/// Collects the aggregates of a [`Router`].
pub struct RouterBuilder {
    store: Arc<dyn EventStore>,
    settings: RouterSettings,
    makers: Vec<(&'static str, MakeHandler)>,
}

type MakeHandler = fn(&RouterSettings) -> Box<dyn Handle>;

impl Router {
    /// How often a command is decided on before its sender is told that the aggregate is
    /// contended: every conflict means that another command went through, so five in a row need
    /// five faster writers in other processes.
    pub const ATTEMPTS_MAX: u32 = 5;

    /// Starts a router over an event store. The aggregate `tenant` is always part of it.
    pub fn builder(store: Arc<dyn EventStore>) -> RouterBuilder {
        RouterBuilder { store, settings: RouterSettings::default(), makers: Vec::new() }
    }

    /// Carries out a command and returns what became of it; a refusal is an outcome, not an error.
    ///
    /// The command id makes it safe to repeat: whatever happened before, including a lost answer,
    /// the same envelope leads to one effect and one outcome.
    ///
    /// # Errors
    /// [`RouteError`]; [`RouteError::is_transient`] tells whether the same command may succeed
    /// later.
    pub async fn route(&self, envelope: Envelope) -> Result<Routed, RouteError> {
        let Inner { handlers, core } = &*self.inner;
        let handler =
            handlers.get(envelope.aggregate.as_str()).ok_or(RouteError::UnknownAggregate)?;
        let span = tracing::info_span!(
            "route",
            tenant = %envelope.tenant,
            command.id = %envelope.command_id,
            correlation.id = %envelope.correlation_id,
            trace.id = envelope.trace_id(),
            aggregate.type = %envelope.aggregate,
            aggregate.id = %envelope.id,
        );
        async {
            let routed = handler.handle(core, &envelope).await?;
            let replayed = routed.replayed;
            match &routed.outcome {
                Outcome::Accepted(accepted) => {
                    tracing::debug!(version = accepted.version, replayed, "command accepted");
                }
                Outcome::Refused { refusal } => {
                    tracing::debug!(code = refusal.code, replayed, "command refused");
                }
            }
            Ok(routed)
        }
        .instrument(span)
        .await
    }

    /// Drops from memory what is known about people who were erased, named by tenant and account.
    /// What is in the log stays; it is read again without them.
    pub fn forget_subjects(&self, subjects: &HashSet<(TenantId, Uuid)>) {
        for handler in self.inner.handlers.values() {
            handler.forget_subjects(subjects);
        }
    }
}

impl RouterBuilder {
    /// Adds an aggregate under its `TYPE`.
    #[must_use]
    pub fn register<A: Decider>(mut self) -> Self {
        self.makers.push((A::TYPE, |settings| {
            Box::new(Handler::<A>::new(Arc::new(Baselines::new(settings.baselines_max))))
        }));
        self
    }

    /// Replaces the limits.
    #[must_use]
    pub fn settings(mut self, settings: RouterSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Finishes the router.
    pub fn build(self) -> Router {
        let Self { store, settings, makers } = self;
        let mut handlers: HashMap<&'static str, Box<dyn Handle>> =
            makers.into_iter().map(|(kind, make)| (kind, make(&settings))).collect();
        let baselines = Arc::new(Baselines::new(settings.baselines_max));
        handlers.insert(type_of::<Tenant>(), Box::new(TenantHandler::new(Arc::clone(&baselines))));
        let tenants = Tenants::new(baselines, &settings);
        let core = Core { store, settings, lanes: Lanes::new(settings.lanes), tenants };
        Router { inner: Arc::new(Inner { handlers, core }) }
    }
}

/// An aggregate's type, through the bound that reaches `cqrs-es` without naming it.
pub(crate) fn type_of<A: Decider>() -> &'static str {
    A::TYPE
}
