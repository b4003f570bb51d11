//! Private PostgreSQL and nats-server processes, for a start on one machine and for the tests.
//!
//! The engines listen on 127.0.0.1 only, with a generated password that is kept beside their data
//! in a file only its owner reads. Every engine runs under a small shell supervisor in a process
//! group of its own: Ctrl-C on the terminal does not reach it, and it is stopped in order as soon
//! as the process that started it is gone, however that one ended.
//!
//! All functions outside [`testing`] block; call them before the runtime starts or from
//! `tokio::task::spawn_blocking`.

mod account;
mod binaries;
mod error;
mod lock;
mod nats;
mod port;
mod postgres;
mod secret;
mod supervisor;
pub mod testing;

pub use binaries::{NatsBinary, PostgresBinaries};
pub use error::EngineError;
pub use lock::DataLock;
pub use nats::{NatsOptions, PrivateNats};
pub use port::port_holder;
pub use postgres::{PostgresOptions, PrivatePostgres};
