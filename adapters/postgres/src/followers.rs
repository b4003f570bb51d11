//! The runtime of everything that follows the log: projections, whose effect is inside the database
//! and therefore exactly once, and reactors, whose effect is outside and at least once.
//!
//! A follower holds a lease, reads the log in pages and moves its checkpoint under the lease's
//! epoch. [`Follower::run`] is a thin loop over [`Follower::step`], which tests drive by hand.

mod checkpoint;
mod isolate;
mod orders;
mod others;
mod outcome;
mod parking;
mod place;
mod project;
mod react;
mod read_model;
mod run;
mod settings;
mod skim;
mod succession;

use std::{collections::HashSet, sync::Arc};

use kontor_projections::{Projection, Reactor};
use sqlx::PgPool;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::{
    checkpoint::{Checkpoint, State},
    orders::Order,
    outcome::Halt,
    place::Place,
    skim::Skimmed,
};
pub use self::{
    others::{OtherFollower, list_others},
    outcome::{FollowerError, Step},
    read_model::{FollowerPanicked, ReadModel, ReadModelSettings},
    settings::FollowerSettings,
    succession::{HandOverError, hand_over},
};
use crate::{
    DatabaseError, EventReader, KeptLease, Leases, Page, Segment, Vault, error::chain,
    generations::Generation,
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
    /// How far the log was read past the checkpoint without an event for this follower.
    skimmed: Option<Skimmed>,
    /// The size of the next page.
    limit: u32,
    /// The next page, read while the last one was applied.
    prefetched: Option<tokio::task::JoinHandle<Result<Page, DatabaseError>>>,
    heartbeat_at: Instant,
    parked_look_at: Instant,
    order: Order,
    order_look_at: Instant,
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
        let reader = match (&settings.vault, &work) {
            (Some(vault), _) => EventReader::opened(pool.clone(), vault.clone()),
            (None, Work::Projection(_)) => EventReader::opened(pool.clone(), Vault::locked()),
            (None, Work::Reactor(_)) => EventReader::new(pool.clone()),
        };
        Self {
            reader: reader.read_by(settings.upcasters),
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
            Err(Halt::Superseded) => {
                tracing::info!(follower = self.name(), "Another version takes this one's place");
                self.give_up(held).await;
                Ok(Step::Standby)
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
                    skimmed: None,
                    limit,
                    prefetched: None,
                    heartbeat_at: now,
                    parked_look_at: now,
                    order: Order::Go,
                    order_look_at: now,
                }))
            }
            Err(Halt::Superseded) => {
                drop(lease.release().await);
                Ok(None)
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
        if let Work::Reactor(_) = &self.work
            && !succession::settle(&self.pool, &self.leases, place).await?
        {
            return Err(Halt::Superseded);
        }
        let checkpoint = Checkpoint::claim(&self.pool, place, lease.lease().epoch).await?;
        let checkpoint = checkpoint.ok_or(Halt::Fenced)?;
        if let Work::Projection(projection) = &self.work {
            project::begin(&self.pool, &**projection).await?;
        }
        let parked = parking::look(&self.pool, &checkpoint, &self.settings).await?;
        Ok((checkpoint, parked.streams))
    }

    async fn step_held(&mut self, held: &mut Held) -> Result<Step, Halt> {
        if Instant::now() >= held.order_look_at {
            held.order = orders::look(&self.pool, &held.checkpoint.place).await?;
            held.order_look_at = Instant::now() + self.settings.orders_look_every;
        }
        match held.order {
            Order::Go => {}
            Order::Pause => return self.pause(held).await,
            Order::GiveWay => return Err(Halt::Superseded),
        }
        if let Work::Projection(projection) = &self.work
            && !held.parked.is_empty()
            && Instant::now() >= held.parked_look_at
        {
            let projection = Arc::clone(projection);
            parking::retry_due(&self.pool, &self.reader, &*projection, held, &self.settings)
                .await?;
            held.parked_look_at = Instant::now() + self.settings.parked_look_every;
        }
        let page = self.next_page(held).await?;
        let Some(last) = page.last_position else {
            return self.idle(held).await;
        };
        held.limit = self.settings.next_limit(held.limit, &page);
        let (events, more) = (page.events.len(), page.full);
        if held.may_skim(&page) {
            self.skim(held, last).await?;
            return Ok(Step::Advanced { position: last, events, more });
        }
        match self.work.clone() {
            Work::Projection(projection) => self.project(held, &*projection, page, last).await?,
            Work::Reactor(reactor) => self.react(held, &*reactor, page, last).await?,
        }
        held.skimmed = None;
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
        self.reader.page_of(segment, held.read_up_to(), held.limit, types).await
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
        self.write_skimmed(held).await?;
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
