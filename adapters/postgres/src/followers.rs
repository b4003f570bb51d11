//! The runtime of everything that follows the log: projections, whose effect is inside the database
//! and therefore exactly once, and reactors, whose effect is outside and at least once.
//!
//! A follower holds a lease, reads the log in pages and moves its checkpoint under the lease's
//! epoch. [`Follower::run`] is a thin loop over [`Follower::step`], which tests drive by hand.

mod checkpoint;
mod isolate;
mod parking;
mod place;
mod project;
mod react;
mod rebuild;
mod run;
mod settings;

use std::{collections::HashSet, sync::Arc};

use kontor_projections::{ApplyError, Projection, Reactor, ReactorError};
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{
    checkpoint::{Checkpoint, State},
    place::Place,
};
pub use self::{rebuild::rebuild, settings::FollowerSettings};
use crate::{
    DatabaseError, EventReader, KeptLease, Leases, Page, Segment,
    error::chain,
    generations::{Generation, GenerationError},
};

/// A follower of the log.
pub struct Follower {
    pool: PgPool,
    reader: EventReader,
    leases: Leases,
    settings: FollowerSettings,
    work: Work,
    /// Unknown until a projection's generation was looked up.
    place: Option<Place>,
    stop: CancellationToken,
    held: Option<Held>,
    /// Failed steps in a row.
    failures: u32,
}

/// What a follower does with a page.
#[derive(Clone)]
enum Work {
    Projection(Arc<dyn Projection>),
    Reactor(Arc<dyn Reactor>),
}

impl Work {
    fn name(&self) -> &'static str {
        match self {
            Self::Projection(projection) => projection.name(),
            Self::Reactor(reactor) => reactor.name(),
        }
    }

    fn event_types(&self) -> &'static [&'static str] {
        match self {
            Self::Projection(projection) => projection.event_types(),
            Self::Reactor(reactor) => reactor.event_types(),
        }
    }
}

/// What a follower knows while it holds its lease.
struct Held {
    lease: KeptLease,
    checkpoint: Checkpoint,
    /// The streams that stand in the dead letters. Only the holder adds to them, so this copy may
    /// hold a stream too many for a moment (an operator skipped its last event), never one too few.
    parked: HashSet<Uuid>,
    /// The size of the next page.
    limit: u32,
    /// The next page, read while the last one was applied.
    prefetched: Option<tokio::task::JoinHandle<Result<Page, DatabaseError>>>,
    heartbeat_at: Instant,
    parked_look_at: Instant,
}

/// What one step did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Another process holds the lease.
    Standby,
    /// The lease or the checkpoint was taken over, or the process stops; the step changed nothing.
    Lost,
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
enum Halt {
    /// The checkpoint is not ours any more.
    Fenced,
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

impl Follower {
    /// A follower that folds events into a read model, exactly once. It fills the newest generation
    /// of the projection's version, which it makes when there is none; without generations, the plain
    /// tables.
    pub fn projection(
        pool: PgPool,
        projection: Arc<dyn Projection>,
        settings: FollowerSettings,
    ) -> Self {
        Self::new(pool, Work::Projection(projection), None, settings)
    }

    /// A follower that fills a part of one generation of a read model.
    pub fn generation(
        pool: PgPool,
        projection: Arc<dyn Projection>,
        generation: &Generation,
        segment: Segment,
        settings: FollowerSettings,
    ) -> Self {
        let place = Place::of(projection.name(), generation, segment);
        Self::new(pool, Work::Projection(projection), Some(place), settings)
    }

    /// A follower that carries events to the outside, at least once and in order.
    pub fn reactor(pool: PgPool, reactor: Arc<dyn Reactor>, settings: FollowerSettings) -> Self {
        let place = Place::plain(reactor.name(), reactor.version());
        Self::new(pool, Work::Reactor(reactor), Some(place), settings)
    }

    fn new(pool: PgPool, work: Work, place: Option<Place>, settings: FollowerSettings) -> Self {
        Self {
            reader: EventReader::new(pool.clone()).read_by(settings.upcasters),
            leases: settings.leases(&pool),
            pool,
            settings,
            work,
            place,
            stop: CancellationToken::new(),
            held: None,
            failures: 0,
        }
    }

    /// The follower's name.
    pub fn name(&self) -> &'static str {
        self.work.name()
    }

    /// Does the next piece of work: takes the lease when it is free, retries parked events that are
    /// due, then reads and carries out one page. Cancelling it is safe; the page is then repeated.
    ///
    /// # Errors
    /// [`FollowerError`]; call it again after a pause.
    pub async fn step(&mut self) -> Result<Step, FollowerError> {
        let Some(mut held) = self.take_held().await? else { return Ok(Step::Standby) };
        // The clock first: a process that stood still does not touch what is another's by now.
        if !held.lease.is_held() || held.lease.ending().is_cancelled() {
            self.part_with(held).await;
            return Ok(Step::Lost);
        }
        match self.step_held(&mut held).await {
            Ok(step) => {
                self.failures = 0;
                self.held = Some(held);
                Ok(step)
            }
            Err(Halt::Fenced) => {
                tracing::warn!(follower = self.name(), "The follower was fenced and starts again");
                self.give_up(held).await;
                Ok(Step::Lost)
            }
            Err(Halt::Stopped) => {
                self.held = Some(held);
                Ok(Step::Lost)
            }
            Err(Halt::Failed(error)) => {
                self.failures = self.failures.saturating_add(1);
                held.prefetched = None;
                // A page that takes too long succeeds in smaller pieces.
                held.limit = (held.limit / 2).max(1);
                held.checkpoint.note_error(&self.pool, &chain(&error)).await;
                self.held = Some(held);
                Err(error)
            }
        }
    }

    /// The lease with what is known under it; `None` while somebody else holds it.
    async fn take_held(&mut self) -> Result<Option<Held>, FollowerError> {
        if let Some(held) = self.held.take() {
            return Ok(Some(held));
        }
        let place = self.place().await?;
        let lease = self.leases.hold(&place.lease_name(), &self.stop).await?;
        let Some(lease) = lease else { return Ok(None) };
        match self.open(&place, &lease).await {
            Ok((checkpoint, parked)) => {
                tracing::info!(
                    follower = self.name(),
                    epoch = checkpoint.epoch,
                    position = checkpoint.position,
                    parked = parked.len(),
                    "The follower {} starts",
                    self.name(),
                );
                let now = Instant::now();
                let limit = self.settings.page_live.max(1);
                Ok(Some(Held {
                    lease,
                    checkpoint,
                    parked,
                    limit,
                    prefetched: None,
                    heartbeat_at: now,
                    parked_look_at: now,
                }))
            }
            // Not kept: the next attempt need not wait for the lease's end, and has a higher epoch.
            Err(Halt::Fenced | Halt::Stopped) => {
                tracing::warn!(follower = self.name(), "The checkpoint has a newer epoch");
                drop(lease.release().await);
                Ok(None)
            }
            Err(Halt::Failed(error)) => {
                self.failures = self.failures.saturating_add(1);
                drop(lease.release().await);
                Err(error)
            }
        }
    }

    async fn place(&mut self) -> Result<Place, FollowerError> {
        let place = match (&self.place, &self.work) {
            (Some(place), _) => place.clone(),
            (None, Work::Projection(projection)) => Place::find(&self.pool, &**projection).await?,
            (None, Work::Reactor(reactor)) => Place::plain(reactor.name(), reactor.version()),
        };
        self.place = Some(place.clone());
        Ok(place)
    }

    async fn open(
        &self,
        place: &Place,
        lease: &KeptLease,
    ) -> Result<(Checkpoint, HashSet<Uuid>), Halt> {
        let checkpoint = Checkpoint::claim(&self.pool, place, lease.lease().epoch).await?;
        let checkpoint = checkpoint.ok_or(Halt::Fenced)?;
        let parked = parking::look(&self.pool, &checkpoint, &self.settings).await?;
        Ok((checkpoint, parked.streams))
    }

    async fn step_held(&mut self, held: &mut Held) -> Result<Step, Halt> {
        if let Work::Projection(projection) = &self.work
            && !held.parked.is_empty()
            && Instant::now() >= held.parked_look_at
        {
            let projection = Arc::clone(projection);
            parking::retry_due(&self.pool, &*projection, held, &self.settings).await?;
            held.parked_look_at = Instant::now() + self.settings.parked_look_every;
        }
        let page = self.next_page(held).await?;
        let Some(last) = page.last_position else {
            return self.idle(held).await;
        };
        held.limit = self.settings.next_limit(held.limit, &page);
        let (events, more) = (page.events.len(), page.full);
        match self.work.clone() {
            Work::Projection(projection) => self.project(held, &*projection, page, last).await?,
            Work::Reactor(reactor) => self.react(held, &*reactor, page, last).await?,
        }
        held.heartbeat_at = Instant::now() + self.settings.heartbeat_every;
        Ok(Step::Advanced { position: last, events, more })
    }

    async fn next_page(&self, held: &mut Held) -> Result<Page, DatabaseError> {
        if let Some(reading) = held.prefetched.take()
            && let Ok(Ok(page)) = reading.await
        {
            return Ok(page);
        }
        // Read anew also when reading ahead failed: that failure is old.
        let (segment, types) = (held.checkpoint.place.segment, self.work.event_types());
        self.reader.page_of(segment, held.checkpoint.position, held.limit, types).await
    }

    /// Starts to read the page behind `after` while the one before it is applied.
    fn prefetch(&self, held: &mut Held, after: i64) {
        let reader = self.reader.clone();
        let (segment, limit) = (held.checkpoint.place.segment, held.limit);
        let types = self.work.event_types();
        held.prefetched =
            Some(tokio::spawn(async move { reader.page_of(segment, after, limit, types).await }));
    }

    async fn idle(&self, held: &mut Held) -> Result<Step, Halt> {
        let now = Instant::now();
        if held.checkpoint.state != State::Live || now >= held.heartbeat_at {
            if let Work::Reactor(reactor) = &self.work {
                self.tend(held, &**reactor).await?;
            }
            if !held.checkpoint.beat(&self.pool, State::Live).await? {
                return Err(Halt::Fenced);
            }
            held.heartbeat_at = now + self.settings.heartbeat_every;
        }
        Ok(Step::Idle)
    }

    /// Gives the lease back, unless the process stops: then [`Self::run`] does, with a last word.
    async fn part_with(&mut self, held: Held) {
        if self.stop.is_cancelled() && held.lease.is_held() {
            self.held = Some(held);
        } else {
            self.give_up(held).await;
        }
    }

    /// Gives the lease back; when that fails it ends by itself.
    async fn give_up(&mut self, held: Held) {
        drop(held.lease.release().await);
    }
}

impl std::fmt::Debug for Follower {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follower")
            .field("name", &self.work.name())
            .field("place", &self.place)
            .field("position", &self.held.as_ref().map(|held| held.checkpoint.position))
            .finish_non_exhaustive()
    }
}
