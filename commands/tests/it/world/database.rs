//! The tables beside the log: leases, checkpoints, a read model, under a clock that jumps.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use kontor_domain::Recorded;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Build, LEASE_TTL, World, check::change};

/// The checkpoint of the read model.
const TOTALS: &str = "totals";
/// The checkpoint of the relay.
pub(super) const RELAY: &str = "relay";
/// All followers.
pub(super) const FOLLOWERS: [&str; 2] = [TOTALS, RELAY];

#[derive(Default)]
pub(super) struct Database {
    tables: Mutex<Tables>,
}

#[derive(Default)]
pub(super) struct Tables {
    /// How far the clock is off, in milliseconds.
    pub(super) clock_offset_ms: i64,
    pub(super) leases: BTreeMap<String, LeaseRow>,
    checkpoints: BTreeMap<&'static str, CheckpointRow>,
    /// The read model: how often each tally was changed, and what it comes to.
    pub(super) totals: BTreeMap<Uuid, (i64, i64)>,
}

#[derive(Default)]
pub(super) struct LeaseRow {
    pub(super) owner: String,
    pub(super) epoch: i64,
    pub(super) expires_at_ms: i64,
}

#[derive(Clone, Copy, Default)]
struct CheckpointRow {
    position: i64,
    epoch: i64,
}

/// The statement failed; whether it had its effect is unknown.
#[derive(Debug)]
pub(super) struct Failed;

/// A lease as its holder knows it.
#[derive(Clone)]
pub(super) struct Session {
    world: Arc<World>,
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) epoch: i64,
    held_until: Arc<Mutex<Instant>>,
}

impl World {
    /// One transaction. It may fail before it begins, and after it was committed.
    pub(super) async fn transact<T>(
        &self,
        work: impl FnOnce(&mut Tables, i64) -> T,
    ) -> Result<T, Failed> {
        self.travel().await;
        if self.strikes(20) {
            return Err(Failed);
        }
        let done = self.with_tables(work);
        self.travel().await;
        if self.strikes(20) {
            return Err(Failed);
        }
        Ok(done)
    }

    /// The same at once and without faults, for what happens to the database itself.
    #[expect(clippy::significant_drop_tightening, reason = "the tables are what is locked")]
    pub(super) fn with_tables<T>(&self, work: impl FnOnce(&mut Tables, i64) -> T) -> T {
        let mut tables = self.database.tables.lock().unwrap();
        let elapsed = i64::try_from(self.began.elapsed().as_millis()).unwrap();
        let now_ms = elapsed + tables.clock_offset_ms;
        work(&mut tables, now_ms)
    }

    /// Takes a lease when it is free by the database's clock.
    pub(super) async fn acquire(self: &Arc<Self>, name: &str, owner: &str) -> Option<Session> {
        let held_until = Instant::now() + LEASE_TTL;
        let acquiring = self.transact(|tables, now_ms| {
            let row = tables.leases.entry(name.to_owned()).or_default();
            (row.expires_at_ms <= now_ms).then(|| {
                row.owner = owner.to_owned();
                row.epoch += 1;
                row.expires_at_ms = now_ms + ttl_ms();
                row.epoch
            })
        });
        let epoch = acquiring.await.ok().flatten()?;
        self.note(format!("{owner} takes {name} under epoch {epoch}"));
        Some(Session {
            world: Arc::clone(self),
            owner: owner.to_owned(),
            name: name.to_owned(),
            epoch,
            held_until: Arc::new(Mutex::new(held_until)),
        })
    }

    /// Takes a follower's checkpoint over under a newer epoch. Returns its position.
    pub(super) async fn claim(&self, name: &'static str, epoch: i64) -> Option<i64> {
        let claiming = self.transact(|tables, _| {
            let row = tables.checkpoints.entry(name).or_default();
            (row.epoch < epoch).then(|| {
                row.epoch = epoch;
                row.position
            })
        });
        claiming.await.ok().flatten()
    }

    /// Moves a checkpoint together with its effect. `false` when it is not where its holder left it,
    /// under the holder's epoch.
    pub(super) async fn advance(
        &self,
        session: &Session,
        name: &'static str,
        (from, page): (i64, &[Recorded]),
    ) -> Result<bool, Failed> {
        let fenced = self.build != Build::WithoutFence;
        self.transact(|tables, _| {
            let row = tables.checkpoints.entry(name).or_default();
            if fenced && (row.epoch, row.position) != (session.epoch, from) {
                return false;
            }
            row.position = page.last().map_or(from, |event| event.position);
            if name == TOTALS {
                for event in page {
                    let (changes, total) = tables.totals.entry(event.stream_id).or_default();
                    *changes += 1;
                    *total += change(event);
                }
            }
            true
        })
        .await
    }
}

impl Database {
    /// Whether all followers are at this position.
    pub(super) fn has_reached(&self, head: usize) -> bool {
        let tables = self.tables.lock().unwrap();
        let position = |name| tables.checkpoints.get(name).map_or(0, |row| row.position);
        FOLLOWERS.iter().all(|name| usize::try_from(position(name)).unwrap() == head)
    }
}

impl Session {
    /// Whether the lease is certainly held, by the holder's own clock.
    pub(super) fn is_held(&self) -> bool {
        Instant::now() < *self.held_until.lock().unwrap()
    }

    /// Renews the lease when it is time. `false` when it is lost.
    pub(super) async fn keep(&self) -> bool {
        if !self.is_held() {
            return false;
        }
        let sent_at = Instant::now();
        if *self.held_until.lock().unwrap() - sent_at > LEASE_TTL * 2 / 3 {
            return true;
        }
        let renewing = self.world.transact(|tables, now_ms| {
            let row = tables.leases.entry(self.name.clone()).or_default();
            let mine = row.epoch == self.epoch && row.owner == self.owner;
            if mine {
                row.expires_at_ms = now_ms + ttl_ms();
            }
            mine
        });
        match renewing.await {
            Ok(true) => *self.held_until.lock().unwrap() = sent_at + LEASE_TTL,
            Ok(false) => return false,
            Err(Failed) => {}
        }
        self.is_held()
    }
}

fn ttl_ms() -> i64 {
    i64::try_from(Duration::as_millis(&LEASE_TTL)).unwrap()
}
