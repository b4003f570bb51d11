//! Integrators at the broker: a durable consumer for each, and a user who may read it and do nothing
//! else.
//!
//! The broker knows none of them. For each that connects it asks [`Doorkeeper`], which compares the
//! secret with what stands in PostgreSQL and answers with the permissions. The consumer is made by
//! [`crate::Nats::ensure_integrator`] and by [`KeepConsumers`], from the same row; a revocation
//! deletes it, so that a connection which still stands has nothing left to read.

mod connections;
mod consumers;
mod door;
mod issuer;
mod jwt;
mod replays;

use kontor_postgres::integrators::{EventFilter, Integrator, IntegratorName};
use serde::Serialize;

pub use consumers::KeepConsumers;
pub use door::Doorkeeper;
pub use issuer::{Issuer, IssuerError};
pub use replays::Replays;

use crate::names;

/// What users, consumers and inboxes of integrators begin with: they never collide with Kontor's own.
const PREFIX: &str = "integrator_";
/// What the streams of their replays begin with.
const REPLAY_PREFIX: &str = "REPLAY_";

/// The names under which an integrator exists at the broker. All of them follow from its own name.
#[derive(Clone, Debug, Serialize)]
pub struct BrokerNames {
    /// The user that it enters as.
    pub user: String,
    /// The stream that its consumer reads.
    pub stream: &'static str,
    /// Its durable consumer.
    pub consumer: String,
    /// What its inboxes must begin with.
    pub inbox_prefix: String,
    /// The stream of a replay out of the log, while there is one; its consumer has the same name as
    /// the durable one.
    pub replay_stream: String,
    /// What the subjects of its replay begin with, the last dot included.
    #[serde(skip)]
    pub(crate) replay_subjects: String,
}

impl BrokerNames {
    /// The subjects of all replays.
    const ALL_REPLAYS: &'static str = "replay.>";

    /// The names for an integrator.
    pub fn of(name: &IntegratorName) -> Self {
        let user = format!("{PREFIX}{name}");
        Self {
            stream: names::EVENTS,
            consumer: user.clone(),
            inbox_prefix: format!("_INBOX_{user}"),
            replay_stream: format!("{REPLAY_PREFIX}{name}"),
            replay_subjects: format!("replay.{name}."),
            user,
        }
    }

    /// The integrator whose replay a stream holds.
    fn replayed(stream: &str) -> Option<IntegratorName> {
        stream.strip_prefix(REPLAY_PREFIX)?.parse().ok()
    }

    /// The subjects to which it may publish: questions about its own consumers, of live events and of
    /// a replay, and confirmations.
    fn publishes(&self) -> Vec<String> {
        let consumer = &self.consumer;
        let of = |stream: &str| {
            [
                format!("$JS.API.CONSUMER.INFO.{stream}.{consumer}"),
                format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"),
                format!("$JS.ACK.{stream}.{consumer}.>"),
                // The form that newer servers can be told to use, with domain and account before it.
                format!("$JS.ACK.*.*.{stream}.{consumer}.>"),
            ]
        };
        [self.stream, &self.replay_stream].into_iter().flat_map(of).collect()
    }

    /// The subjects to which it may subscribe: its own inbox.
    fn subscribes(&self) -> Vec<String> {
        vec![format!("{}.>", self.inbox_prefix)]
    }
}

/// The integrator that a user or a consumer of the broker belongs to.
fn integrator_of(user: &str) -> Option<IntegratorName> {
    user.strip_prefix(PREFIX)?.parse().ok()
}

/// The subjects that an integrator's consumer lets through.
pub fn subjects(integrator: &Integrator) -> Vec<String> {
    let tenant = integrator.tenant.as_ref().map_or("*", |tenant| tenant.as_str());
    let subject = |pattern: &String| {
        if pattern == EventFilter::ALL {
            return format!("evt.{tenant}.>");
        }
        format!("evt.{tenant}.{pattern}")
    };
    integrator.events.patterns().iter().map(subject).collect()
}
