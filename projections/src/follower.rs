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

    /// The version of its rows. A change of what `apply` writes or of the tables needs a new one:
    /// processes of that version then build a new generation beside the one that is read.
    fn version(&self) -> i32;

    /// The event types it wants; the others only move its checkpoint.
    fn event_types(&self) -> &'static [&'static str];

    /// The tables of a generation; each is read under this name, wherever the generation's schema is.
    ///
    /// None: the rows are in plain tables that migrations made. Such a projection has no generations
    /// and is never built anew; it is for effects that must not come twice, such as those of a
    /// policy.
    fn tables(&self) -> &'static [&'static str] {
        &[]
    }

    /// Makes [`Projection::tables`] with their indexes. Names are without a schema: the runtime sets
    /// the search path to that of the generation, here and for every page.
    fn tables_sql(&self) -> &'static str {
        ""
    }

    /// Called in a transaction of its own whenever a follower takes the projection's place, before its
    /// first page; what it does when the place is taken again must be nothing.
    ///
    /// # Errors
    /// [`ApplyError`]; the follower tries again.
    async fn begin(&self, db: &mut PgConnection) -> Result<(), ApplyError> {
        let _unused = db;
        Ok(())
    }

    /// Applies a page of events in the transaction that also moves the checkpoint. The events of one
    /// stream come in order. Those of different streams may overtake each other, because a stream can
    /// be parked and a generation filled in segments; so a row belongs to one stream, or is a sum, which
    /// comes out the same in any order. Pages hold 1 to
    /// 2,000 events of the wanted types; fold them in memory and write sets, not rows.
    ///
    /// # Errors
    /// [`ApplyError`]. The runtime rolls the page back, finds the event that fails by applying one
    /// at a time, and parks its stream.
    async fn apply(&self, db: &mut PgConnection, events: &[Recorded]) -> Result<(), ApplyError>;
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

    /// Looks after the outside while nothing is new: at the start and every few seconds, with the
    /// position up to which everything was carried out.
    ///
    /// # Errors
    /// [`ReactorError`]: it is called again after a pause that grows with jitter.
    async fn tend(&self, _position: i64) -> Result<(), ReactorError> {
        Ok(())
    }
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
