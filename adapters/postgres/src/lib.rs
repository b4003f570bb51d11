//! PostgreSQL: the event log with its appender, leases, the follower runtime, the inbox and the
//! dead letters.
//!
//! The log's guarantee is made in one place, the function `append_events` (migration 0002): positions
//! are gapless and in commit order, and a command id has one effect. Everything else builds on it.

mod backoff;
pub mod checkouts;
pub mod command_dead_letters;
mod connection;
pub mod dead_letters;
pub mod denied;
pub mod erasure;
mod error;
pub mod figures;
pub mod followers;
pub mod generations;
pub mod housekeeping;
pub mod inbox;
pub mod inspect;
pub mod integrators;
pub mod journal;
pub mod leases;
pub mod letters;
mod log;
mod matching;
pub mod members;
pub mod observe;
pub mod pauses;
pub mod payment_methods;
pub mod policies;
pub mod schemas;
pub mod seals;
mod subjects;
pub mod transfer;
pub mod verify;
pub mod webhooks;

pub use connection::{
    MigrateError, PendingMigration, connect, connect_bounded, migrate, pending_migrations,
};
pub use error::DatabaseError;
pub use followers::{
    Follower, FollowerError, FollowerSettings, ReadModel, ReadModelSettings, Step,
};
pub use generations::{Generation, GenerationError, Standing};
pub use inbox::{Inbox, InboxSettings};
pub use leases::{KeptLease, Lease, LeaseGuard, Leases};
pub use log::{
    AppenderSettings, EventLog, EventReader, InvalidAppend, NoSuchSegment, Page, SEGMENTS_MAX,
    Segment, limits,
};
pub use members::{Members, ProcessInfo};
pub use policies::{DispatchSettings, Dispatched, Dispatcher, PolicyEffect};
pub use subjects::{KEYS_FORGOTTEN_AFTER, MasterKeyError, MasterKeys, Vault, VaultError};
