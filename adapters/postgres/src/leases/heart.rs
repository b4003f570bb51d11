//! The heartbeat of an owner: one statement renews all leases that it holds.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::PgPool;
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{keep::Hold, milliseconds, share::Share};
use crate::{
    DatabaseError,
    error::{chain, failed},
};

/// Leases are renewed this many times within their time to live, so that two lost renewals in a row
/// do not lose them.
const BEATS_PER_TTL: u32 = 3;
/// How often the share of the others is looked at: a process that comes or goes is noticed within
/// this time. Two small reads, so that a quiet process stays quiet.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a look waits for further requests of the same moment: a process that starts asks for
/// many leases at once.
const GATHER: Duration = Duration::from_millis(5);

/// Renews what an owner holds, and takes part in the sharing.
#[derive(Debug)]
pub(super) struct Heart {
    pool: PgPool,
    owner: Arc<str>,
    ttl: Duration,
    holds: Mutex<BTreeMap<String, Arc<Hold>>>,
    share: Option<Share>,
    wake: Notify,
    stop: CancellationToken,
    stopped: CancellationToken,
}

/// Permission to take a lease.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Turn {
    /// Set when nobody else wanted it though it was their turn: then it stays here for a while.
    pub(super) stays_until: Option<Instant>,
}

impl Heart {
    pub(super) fn new(pool: PgPool, owner: Arc<str>, ttl: Duration, share: Option<Share>) -> Self {
        let (stop, stopped) = (CancellationToken::new(), CancellationToken::new());
        let (holds, wake) = (Mutex::default(), Notify::new());
        Self { pool, owner, ttl, holds, share, wake, stop, stopped }
    }

    /// Whether it is this owner's turn to take the lease; always, for one that shares with nobody.
    pub(super) async fn turn(&self, name: &str, stop: &CancellationToken) -> Option<Turn> {
        let Some(share) = &self.share else { return Some(Turn { stays_until: None }) };
        if share.want(name, stop) {
            self.wake.notify_one();
            // The others must know before this owner takes anything.
            timeout(self.ttl, share.published(name)).await.ok()?;
        }
        share.turn(&self.owner, name, &self.held_names())
    }

    pub(super) fn keep(&self, hold: &Arc<Hold>) {
        self.holds().insert(hold.lease.name.clone(), Arc::clone(hold));
        self.wake.notify_one();
    }

    /// Renews it no more, unless another hold of the same name has taken its place.
    pub(super) fn forget(&self, hold: &Arc<Hold>) {
        let mut holds = self.holds();
        if holds.get(&hold.lease.name).is_some_and(|kept| Arc::ptr_eq(kept, hold)) {
            holds.remove(&hold.lease.name);
        }
    }

    /// Looks at the others at once instead of in a moment.
    pub(super) fn look_soon(&self) {
        self.wake.notify_one();
    }

    /// Ends the beats, and waits until the last one has ended.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        drop(timeout(self.ttl, self.stopped.cancelled()).await);
    }

    /// Beats until it is told to stop.
    pub(super) async fn run(self: Arc<Self>) {
        let _stopped = self.stopped.clone().drop_guard();
        let beat_every = self.ttl / BEATS_PER_TTL;
        let mut beat_at = Instant::now();
        while !self.stop.is_cancelled() {
            self.lose_overdue();
            let news = self.share.as_ref().is_some_and(|share| share.has_news(&self.held_names()));
            if news || Instant::now() >= beat_at {
                // The next beat is counted from before this one, however long it takes.
                beat_at = Instant::now() + beat_every;
                if !self.beat().await {
                    beat_at = Instant::now() + beat_every / BEATS_PER_TTL;
                }
            }
            if let Some(share) = &self.share {
                self.look(share).await;
            }
            self.rest(beat_at).await;
        }
    }

    /// Waits for the next beat or look, or for somebody to call.
    async fn rest(&self, beat_at: Instant) {
        let pause = beat_at.saturating_duration_since(Instant::now());
        let pause = if self.share.is_some() { pause.min(LOOK_EVERY) } else { pause };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = sleep(pause) => {}
            () = self.wake.notified() => sleep(GATHER).await,
        }
    }

    /// One beat: this owner's row first, then its leases, so that nobody holds leases longer than
    /// it counts as a member. `false` when it should be repeated soon.
    async fn beat(&self) -> bool {
        let mut sound = true;
        if let Some(share) = &self.share {
            let beating = share.beat(&self.pool, &self.owner, self.held_names());
            sound = self.in_time(beating).await.is_some();
        }
        let holds: Vec<Arc<Hold>> = self.holds().values().cloned().collect();
        if holds.is_empty() {
            return sound;
        }
        let sent_at = Instant::now();
        let renewed = self.in_time(self.renew(&holds)).await;
        for hold in renewed.iter().flat_map(|_| holds.iter()) {
            if renewed.iter().flatten().any(|name| *name == hold.lease.name) {
                hold.renewed(sent_at + self.ttl);
            } else {
                self.forget(hold);
                hold.lose("was taken over");
            }
        }
        self.lose_overdue();
        sound && renewed.is_some()
    }

    /// What a statement gives, unless it fails or takes until the first lease would run out.
    async fn in_time<T>(
        &self,
        statement: impl Future<Output = Result<T, DatabaseError>>,
    ) -> Option<T> {
        let first = self.holds().values().map(|hold| hold.held_until()).min();
        let limit = first.unwrap_or_else(|| Instant::now() + self.ttl);
        match timeout_at(limit, statement).await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "The leases could not be renewed");
                None
            }
            Err(_) => None,
        }
    }

    async fn renew(&self, holds: &[Arc<Hold>]) -> Result<Vec<String>, DatabaseError> {
        let names: Vec<&str> = holds.iter().map(|hold| hold.lease.name.as_str()).collect();
        let epochs: Vec<i64> = holds.iter().map(|hold| hold.lease.epoch).collect();
        sqlx::query_scalar(
            "update leases as l set expires_at = clock_timestamp() + $4 * interval '1 millisecond'
             from unnest($2::text[], $3::bigint[]) as held (name, epoch)
             where l.name = held.name and l.epoch = held.epoch and l.owner = $1
             returning l.name",
        )
        .bind(&*self.owner)
        .bind(names)
        .bind(epochs)
        .bind(milliseconds(self.ttl))
        .fetch_all(&self.pool)
        .await
        .map_err(failed("renew the leases"))
    }

    /// Gives up what may have expired. It may still be free, but it is not known to be held.
    fn lose_overdue(&self) {
        let overdue: Vec<Arc<Hold>> =
            self.holds().values().filter(|hold| !hold.is_held()).cloned().collect();
        for hold in overdue {
            self.forget(&hold);
            hold.lose("ran out");
        }
    }

    async fn look(&self, share: &Share) {
        match timeout(self.ttl, share.look(&self.pool)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(error = chain(&error), "The other processes cannot be seen");
                return;
            }
            Err(_) => return,
        }
        for name in share.surplus(&self.owner, &self.held_names()) {
            let hold = self.holds().get(&name).cloned();
            if let Some(hold) = hold.filter(|hold| hold.may_go()) {
                tracing::info!(lease = name, "The lease {name} goes to a process with less work");
                hold.ask_back();
            }
        }
    }

    fn held_names(&self) -> Vec<String> {
        let staying =
            |(name, hold): (&String, &Arc<Hold>)| (!hold.is_ending()).then(|| name.clone());
        self.holds().iter().filter_map(staying).collect()
    }

    fn holds(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Hold>>> {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
