//! What the follower runtime runs: projections with their effect inside the database, and reactors
//! with their effect outside of it.

use async_trait::async_trait;
use kontor_domain::Recorded;
use sqlx::PgConnection;

/// Folds events into a read model's rows.
#[async_trait]
pub trait Projection: Send + Sync + 'static {
    /// The name of its checkpoint; never changes once released.
    fn name(&self) -> &'static str;

    /// The version of its rows; a change of `apply` or of the tables needs a new one.
    fn version(&self) -> i32;

    /// The event types it wants; the others only move its checkpoint.
    fn event_types(&self) -> &'static [&'static str];

    /// Applies a page of events, in order of position, in the transaction that also moves the
    /// checkpoint. Pages hold 1 to 2,000 events of the wanted types; fold them in memory and write
    /// sets, not rows.
    ///
    /// # Errors
    /// [`ApplyError`]. The runtime rolls the page back, finds the event that fails by applying one
    /// at a time, and parks its stream.
    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError>;

    /// Deletes all rows of the read model, for a rebuild from position 0.
    ///
    /// # Errors
    /// When the database fails.
    async fn clear(&self, db: &mut PgConnection) -> Result<(), sqlx::Error>;
}

/// Why a page could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// An event cannot be read or does not fit the rows; retrying alone will not help.
    #[error("the event cannot be applied")]
    Event(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database failed.
    #[error("the read model's rows cannot be written")]
    Database(#[from] sqlx::Error),
}

impl From<kontor_domain::EventDecodeError> for ApplyError {
    fn from(err: kontor_domain::EventDecodeError) -> Self {
        Self::Event(Box::new(err))
    }
}

/// Carries events to the outside, at least once and in order.
#[async_trait]
pub trait Reactor: Send + Sync + 'static {
    /// The name of its checkpoint; never changes once released.
    fn name(&self) -> &'static str;

    /// The version of what it does.
    fn version(&self) -> i32;

    /// The event types it wants; empty means all.
    fn event_types(&self) -> &'static [&'static str];

    /// Carries out a page of events. The checkpoint moves after it returns, so a crash in between
    /// repeats the page.
    ///
    /// # Errors
    /// [`ReactorError`]: the page is repeated after a pause that grows with jitter.
    async fn react(&self, events: &[Recorded]) -> Result<(), ReactorError>;
}

/// Why a page could not be carried out.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct ReactorError {
    /// What was tried.
    pub what: String,
    /// Why it failed.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}
