//! NATS: the command bus, the worker shards and the event relay.
//!
//! NATS is transport. What was promised stands in PostgreSQL: a whole JetStream store can be lost
//! and is made again by [`Nats::ensure`] and the [`Relay`].
//!
//! - [`NatsSender`] puts commands into the stream `COMMANDS` and waits for their outcomes.
//! - [`Workers`] take them out, shard by shard, and give them to the router.
//! - [`Relay`] carries the log into the stream `EVENTS`.
//! - [`Doorkeeper`] lets integrators in, [`KeepConsumers`] keeps what they read, and [`Replays`] gives
//!   them what that does not hold any more.
//! - [`Nats::publish_seal`] puts seals of the credit ledgers into the stream `SEALS`.
//! - [`Nats::forward_head`] and [`Nats::follow_head`] tell followers that the log has grown.

mod connection;
mod error;
pub mod figures;
mod head;
pub mod integrators;
pub mod names;
mod relay;
mod reply;
mod seals;
mod sender;
mod settings;
mod streams;
mod workers;

pub use connection::{Nats, ShardBacklog};
pub use error::{Difference, NatsError};
pub use integrators::{BrokerNames, Doorkeeper, Issuer, IssuerError, KeepConsumers, Replays};
pub use relay::Relay;
pub use reply::{FailureKind, Reply};
pub use sender::NatsSender;
pub use settings::{NatsAuth, NatsSettings, StreamSettings};
pub use workers::{WorkerSettings, Workers};
