//! How a step ends.

use kontor_projections::{ApplyError, ReactorError};

use crate::{DatabaseError, generations::GenerationError};

/// What one step did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Another process holds the lease, or another version has the place.
    Standby,
    /// The lease or the checkpoint was taken over, or the process stops; the step changed nothing.
    Lost,
    /// An operator paused the follower.
    Paused,
    /// Nothing new in the log.
    Idle,
    /// The checkpoint moved.
    Advanced {
        /// To this position.
        position: i64,
        /// Past so many events of the wanted types.
        events: usize,
        /// More may stand behind it.
        more: bool,
    },
}

/// Why a step failed. The page is repeated.
#[derive(Debug, thiserror::Error)]
pub enum FollowerError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The database failed under the projection; no event is to blame.
    #[error("the projection cannot write")]
    Apply(#[source] ApplyError),
    /// The projection's generation could not be found or made.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// The reactor could not carry out the page.
    #[error("the reactor failed")]
    React(#[source] ReactorError),
    /// The reactor panicked.
    #[error("the reactor panicked")]
    Panicked,
    /// An event of a reactor's page cannot be brought to its newest form. The outside must not see
    /// the old one, so the reactor waits for a build that can.
    #[error("the event at position {position} cannot be brought to its newest form")]
    Unreadable {
        /// Where it stands.
        position: i64,
    },
    /// So many streams are parked that the projection as a whole must be wrong; it stands still
    /// until an operator skips, or a new build retries.
    #[error("{limit} streams are parked, the projection stands still")]
    TooManyParked {
        /// The bound.
        limit: usize,
    },
}

/// How a part of a step ends early.
pub(super) enum Halt {
    /// The checkpoint is not ours any more.
    Fenced,
    /// Another version has the place, or asks for it.
    Superseded,
    /// The process stops.
    Stopped,
    /// It failed.
    Failed(FollowerError),
}

impl<E: Into<FollowerError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}
