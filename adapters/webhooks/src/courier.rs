//! The work for one webhook, piece by piece: what is due, then what is new.

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use kontor_commands::clock;
use kontor_domain::Recorded;
use kontor_postgres::{
    DatabaseError, EventReader, KeptLease, Vault, VaultError,
    webhooks::{self, Claimed, Job, Outcome, PROBE_EVERY, Place, Queue, Report, SigningSecret},
};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::{
    call::Caller,
    delivery::{Item, Origin, Route, give_up},
    piece::{Care, Piece},
    schedule::DISABLED_AFTER,
};

/// The positions of the log in one piece of work: what is sent twice at most after a crash.
const PAGE: u32 = 50;
/// The most events that are tried again in one piece of work.
const DUE_MAX: u32 = 20;
/// The calls of all webhooks of a process at a time.
const CALLS_MAX: usize = 32;
/// With so many streams waiting, nothing new is taken: the webhook as a whole is in trouble.
const PARKED_STREAMS_MAX: usize = 100;
/// The same for events: each is a row that is read again.
const PARKED_EVENTS_MAX: i64 = 5_000;
/// While fewer streams wait than this, a row of failures may be their own fault: events of other streams
/// are tried as they come, and not in turn.
const DOUBTFUL_STREAMS: usize = 3;
/// Why a webhook is disabled after days of failing.
const FAILING_FOR_DAYS: &str = "nothing was accepted for 5 days";

/// Why a piece of work was not done; it is done again.
#[derive(Debug, thiserror::Error)]
pub enum CourierError {
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A secret does not open.
    #[error("the secrets of the webhook cannot be read")]
    Secret(#[from] VaultError),
    /// There is no secret.
    #[error("the webhook has no secret; `kontor integrator rotate-secret` makes one")]
    NoSecret,
    /// This build is older than the event.
    #[error("no upcaster reads the event at position {0}; is this build older than the log?")]
    Unreadable(i64),
}

/// When to go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// At once.
    More,
    /// Not before this instant.
    At(DateTime<Utc>),
    /// When the log grows.
    Idle,
    /// When the webhook was looked up anew: it was moved, revoked, disabled, or is another's.
    Stop,
}

/// What couriers share. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Means {
    pub(crate) pool: PgPool,
    pub(crate) vault: Vault,
    pub(crate) caller: Caller,
    pub(crate) schemas: Option<Arc<str>>,
    calls: Arc<Semaphore>,
}

impl Means {
    pub(crate) fn new(pool: PgPool, vault: Vault, caller: Caller) -> Self {
        Self { pool, vault, caller, schemas: None, calls: Arc::new(Semaphore::new(CALLS_MAX)) }
    }
}

/// Delivers the events of one webhook.
#[derive(Debug)]
pub struct Courier {
    means: Means,
    job: Job,
    /// Where the webhook stands, as it was last written; none before the first look.
    stands: Option<Claimed>,
}

impl Courier {
    /// A courier for one webhook.
    pub fn new(pool: PgPool, vault: Vault, caller: Caller, job: Job) -> Self {
        Self::with(Means::new(pool, vault, caller), job)
    }

    pub(crate) fn with(means: Means, job: Job) -> Self {
        Self { means, job, stands: None }
    }

    /// Does the next piece of work under a lease of the webhook.
    ///
    /// # Errors
    /// [`CourierError`]; what was sent may be sent again.
    pub async fn step(&mut self, lease: &KeptLease) -> Result<Next, CourierError> {
        let id = self.job.integrator.id;
        let claimed = match self.stands.take() {
            Some(claimed) => claimed,
            None => match webhooks::claim(&self.means.pool, id, lease.lease().epoch).await? {
                Some(claimed) => claimed,
                None => return Ok(Next::Stop),
            },
        };
        // Put back by whatever ends well.
        let next = self.piece(lease, claimed).await?;
        if next != Next::Stop && self.stands.is_none() {
            self.stands = Some(claimed);
        }
        Ok(next)
    }

    async fn piece(&mut self, lease: &KeptLease, claimed: Claimed) -> Result<Next, CourierError> {
        let (pool, id, now) = (&self.means.pool, self.job.integrator.id, clock::now());
        if let Some(until) = claimed.wait_until.filter(|until| *until > now) {
            return Ok(Next::At(until));
        }
        let queue = webhooks::queue(pool, id).await?;
        if claimed.is_outage() {
            return self.probe(lease, claimed, &queue).await;
        }
        if let Some(next_at) = queue.next_at {
            let due = webhooks::due(pool, id, now, DUE_MAX).await?;
            if !due.is_empty() {
                let due = due.iter().map(|due| (due.position, Origin::Due(due.attempts)));
                let report = self.again(lease, due.collect()).await?;
                return self.write(lease, claimed, report).await;
            }
            if !has_room(&queue) {
                return Ok(Next::At(next_at));
            }
        }
        match self.page((lease, &queue.streams), claimed, Care::Usual).await? {
            Some(report) => self.write(lease, claimed, report).await,
            None => Ok(queue.next_at.map_or(Next::Idle, Next::At)),
        }
    }

    /// While the other side is down: one event every few minutes, a new one or the one that was tried
    /// longest ago. That counts for no event that waits.
    async fn probe(
        &mut self,
        lease: &KeptLease,
        claimed: Claimed,
        queue: &Queue,
    ) -> Result<Next, CourierError> {
        let now = clock::now();
        let turn_at = claimed.last_attempt_at.map_or(now, |at| at + PROBE_EVERY);
        let is_turn = turn_at <= now;
        if has_room(queue) && (is_turn || queue.streams.len() < DOUBTFUL_STREAMS) {
            let page = self.page((lease, &queue.streams), claimed, Care::StopAtFailure).await?;
            if let Some(report) = page {
                return self.write(lease, claimed, report).await;
            }
        }
        if !is_turn {
            return Ok(Next::At(turn_at));
        }
        let head = webhooks::next_probe(&self.means.pool, self.job.integrator.id).await?;
        let Some(head) = head else { return Ok(Next::Idle) };
        let turn = (head.position, Origin::Probe(head.attempts));
        let report = self.again(lease, vec![turn]).await?;
        self.write(lease, claimed, report).await
    }

    /// Tries events that wait.
    async fn again(
        &self,
        lease: &KeptLease,
        due: Vec<(i64, Origin)>,
    ) -> Result<Report, CourierError> {
        let reader = EventReader::new(self.means.pool.clone());
        let (mut items, mut unwanted) = (Vec::with_capacity(due.len()), Vec::new());
        for (position, origin) in due {
            let page = reader.page(position - 1, 1, &[]).await?;
            if let Some(position) = page.unreadable.first() {
                return Err(CourierError::Unreadable(*position));
            }
            let found = self.items(page.events, origin);
            if found.is_empty() {
                unwanted.push(position);
            }
            items.extend(found);
        }
        let mut report = self.deliver((lease, &HashSet::new()), items, Care::Usual).await?;
        report.delivered.extend(unwanted);
        Ok(report)
    }

    /// Delivers the next page of the log; none when it has no more.
    async fn page(
        &self,
        held: (&KeptLease, &HashSet<Uuid>),
        claimed: Claimed,
        care: Care,
    ) -> Result<Option<Report>, CourierError> {
        let reader = EventReader::new(self.means.pool.clone());
        let page = reader.page(claimed.position, PAGE, &[]).await?;
        if let Some(position) = page.unreadable.first() {
            return Err(CourierError::Unreadable(*position));
        }
        let Some(last) = page.last_position else { return Ok(None) };
        let mut report = self.deliver(held, self.items(page.events, Origin::Log), care).await?;
        report.moved_to = Some(last);
        Ok(Some(report))
    }

    /// The events that this integrator sees; parts of one position together.
    fn items(&self, events: Vec<Recorded>, origin: Origin) -> Vec<Item> {
        let integrator = &self.job.integrator;
        let mut items: Vec<Item> = Vec::with_capacity(events.len());
        for event in events {
            let is_of_tenant =
                integrator.tenant.as_ref().is_none_or(|tenant| *tenant == event.tenant);
            if !is_of_tenant || !integrator.events.matches(&event.event_type) {
                continue;
            }
            match items.last_mut() {
                Some(last) if last.position == event.position => last.parts.push(event),
                _ => items.push(Item::new(event, origin)),
            }
        }
        items
    }

    async fn deliver(
        &self,
        (lease, held_back): (&KeptLease, &HashSet<Uuid>),
        items: Vec<Item>,
        care: Care,
    ) -> Result<Report, CourierError> {
        if items.is_empty() {
            return Ok(Report::default());
        }
        let Means { pool, vault, caller, schemas, calls } = &self.means;
        let id = self.job.integrator.id;
        let signing = webhooks::signing_secrets(pool, vault, id, clock::now()).await?;
        let secrets: Vec<SigningSecret> = signing.into_iter().map(|(secret, _)| secret).collect();
        if secrets.is_empty() {
            return Err(CourierError::NoSecret);
        }
        let route =
            Route { caller, url: &self.job.url, secrets: &secrets, schemas: schemas.as_deref() };
        Ok(Piece::new(route, (lease, calls), held_back, care).run(items).await)
    }

    /// Writes down what came of it.
    async fn write(
        &mut self,
        lease: &KeptLease,
        claimed: Claimed,
        mut report: Report,
    ) -> Result<Next, CourierError> {
        let now = clock::now();
        let all_failed = !report.tried.is_empty() && !report.has_success();
        let for_days = claimed.failing_since.is_some_and(|since| now - since >= DISABLED_AFTER);
        // Days in which nobody called say nothing.
        if all_failed && for_days && claimed.is_outage() {
            report.disable = report.disable.or(Some(FAILING_FOR_DAYS));
        }
        give_up(&mut report, claimed.failing_since);
        let place = Place {
            integrator_id: self.job.integrator.id,
            epoch: lease.lease().epoch,
            position: claimed.position,
            revision: self.job.revision,
        };
        match webhooks::record(&self.means.pool, place, &report, now).await? {
            // Orders that were given meanwhile stand above what was found.
            Outcome::Written(after) if after.revision != self.job.revision => Ok(Next::Stop),
            Outcome::Written(_) if report.disable.is_some() => {
                let (name, reason) = (&self.job.integrator.name, report.disable);
                tracing::warn!(integrator = %name, reason, "the webhook of {name} was disabled");
                Ok(Next::Stop)
            }
            Outcome::Written(after) => {
                self.stands = Some(after);
                Ok(Next::More)
            }
            Outcome::Fenced => Ok(Next::Stop),
        }
    }
}

/// Whether something new may be taken although something waits.
fn has_room(queue: &Queue) -> bool {
    queue.streams.len() < PARKED_STREAMS_MAX && queue.events < PARKED_EVENTS_MAX
}
