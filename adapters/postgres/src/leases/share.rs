//! The share of one process: what it wants, what the others have, and what follows from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sqlx::PgPool;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    balance::{Member, Snapshot},
    heart::Turn,
    milliseconds,
};
use crate::{DatabaseError, error::failed, members::ProcessInfo};

/// How long a process counts as wanting what it asked for, unless it asks again: longer than the
/// pause of anybody who stands by, shorter than the pauses of work that keeps failing here and may
/// succeed elsewhere.
const WANT_MEMORY: Duration = Duration::from_secs(5);
/// A lease that others wanted and did not take stays with who took it instead for this many times the
/// time to live: it would come back the same way.
const STAY_TTLS: u32 = 20;
/// The most processes that are looked at; nobody runs so many on one database.
const MEMBERS_MAX: i64 = 1_000;

/// The share of one process. Clones are the same share.
#[derive(Clone, Debug)]
pub(crate) struct Share(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    info: ProcessInfo,
    ttl: Duration,
    state: Mutex<State>,
    /// The wants that stood in the table before the last look.
    published: watch::Sender<BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct State {
    wants: BTreeMap<String, Want>,
    /// The wants of the last beat.
    beaten: BTreeSet<String>,
    seen: Option<Snapshot>,
    /// Since when a lease that is wanted here has been free.
    free_since: BTreeMap<String, Instant>,
}

#[derive(Debug)]
struct Want {
    asked_at: Instant,
    stop: CancellationToken,
}

impl Share {
    pub(crate) fn new(info: ProcessInfo, ttl: Duration) -> Self {
        let (published, _) = watch::channel(BTreeSet::new());
        Self(Arc::new(Inner { info, ttl, state: Mutex::default(), published }))
    }

    /// Notes that the process wants a lease. Returns whether that is news to the others.
    pub(super) fn want(&self, name: &str, stop: &CancellationToken) -> bool {
        let want = Want { asked_at: Instant::now(), stop: stop.clone() };
        self.state().wants.insert(name.to_owned(), want);
        !self.0.published.borrow().contains(name)
    }

    /// Waits until the others can know that the process wants a lease, and it has seen them since.
    pub(super) async fn published(&self, name: &str) {
        let mut published = self.0.published.subscribe();
        // The sender lives as long as this share.
        drop(published.wait_for(|names| names.contains(name)).await);
    }

    /// Whether the table says something else than what the process wants now.
    pub(super) fn has_news(&self, held: &[String]) -> bool {
        let mut state = self.state();
        let wants = state.live_wants(held);
        wants != state.beaten
    }

    /// Shows that the process lives and what it wants.
    pub(super) async fn beat(
        &self,
        pool: &PgPool,
        owner: &str,
        held: Vec<String>,
    ) -> Result<(), DatabaseError> {
        let wants = self.state().live_wants(&held);
        let names: Vec<&str> = wants.iter().map(String::as_str).collect();
        self.write(pool, owner, &names).await?;
        self.state().beaten = wants;
        Ok(())
    }

    async fn write(&self, pool: &PgPool, owner: &str, wants: &[&str]) -> Result<(), DatabaseError> {
        let info = &self.0.info;
        // Inserts again what was swept while this process stood still.
        sqlx::query(
            "insert into processes (owner, roles, host, pid, version, wants, seen_at, expires_at)
             select $1, $2, $3, $4, $5, $6, now.at, now.at + $7 * interval '1 millisecond'
             from (select clock_timestamp() as at) as now
             on conflict (owner) do update
                 set wants = excluded.wants, seen_at = excluded.seen_at,
                     expires_at = excluded.expires_at",
        )
        .bind(owner)
        .bind(&info.roles)
        .bind(&info.host)
        .bind(i64::from(info.pid))
        .bind(&info.version)
        .bind(wants)
        .bind(milliseconds(self.0.ttl))
        .execute(pool)
        .await
        .map_err(failed("show that this process lives"))?;
        Ok(())
    }

    /// Reads who is there and who holds what.
    pub(super) async fn look(&self, pool: &PgPool) -> Result<(), DatabaseError> {
        let beaten = self.state().beaten.clone();
        let members: Vec<(String, Vec<String>)> = sqlx::query_as(
            "select owner, wants from processes where expires_at > clock_timestamp()
             order by started_at limit $1",
        )
        .bind(MEMBERS_MAX)
        .fetch_all(pool)
        .await
        .map_err(failed("read the processes"))?;
        let leases: Vec<(String, String)> =
            sqlx::query_as("select name, owner from leases where expires_at > clock_timestamp()")
                .fetch_all(pool)
                .await
                .map_err(failed("read the leases"))?;
        let mut seen = Snapshot::default();
        for (owner, wants) in members {
            let member = Member { wants: wants.into_iter().collect(), holds: BTreeSet::new() };
            seen.members.insert(owner, member);
        }
        for (name, owner) in leases {
            match seen.members.get_mut(&owner) {
                Some(member) => member.holds.insert(name),
                None => seen.foreign.insert(name),
            };
        }
        self.state().look(seen);
        self.0.published.send_replace(beaten);
        Ok(())
    }

    /// Whether this process should take a lease now, by the last look.
    pub(super) fn turn(&self, owner: &str, name: &str, held: &[String]) -> Option<Turn> {
        let now = Instant::now();
        let (seen, free_since) = self.state().seen(name);
        let mut seen = seen?;
        if seen.is_held_by_another(owner, name) {
            return None;
        }
        seen.set_holds(owner, held);
        if seen.is_turn(owner, name) {
            return Some(Turn { stays_until: None });
        }
        // It is the turn of others; unless they had their time.
        let overdue = now.saturating_duration_since(free_since?) >= self.0.ttl;
        overdue.then(|| Turn { stays_until: Some(now + self.0.ttl * STAY_TTLS) })
    }

    /// The leases that should go to others, by the last look.
    pub(super) fn surplus(&self, owner: &str, held: &[String]) -> Vec<String> {
        let Some(mut seen) = self.state().seen.clone() else { return Vec::new() };
        seen.set_holds(owner, held);
        seen.surplus(owner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What the process wants: what it holds, and what it asked for a moment ago and may still take.
    fn live_wants(&mut self, held: &[String]) -> BTreeSet<String> {
        let now = Instant::now();
        self.wants.retain(|_, want| {
            let age = now.saturating_duration_since(want.asked_at);
            age < WANT_MEMORY && !want.stop.is_cancelled()
        });
        self.wants.keys().chain(held).cloned().collect()
    }

    /// What the last look saw, and since when a lease has been free.
    fn seen(&self, name: &str) -> (Option<Snapshot>, Option<Instant>) {
        (self.seen.clone(), self.free_since.get(name).copied())
    }

    fn look(&mut self, seen: Snapshot) {
        let now = Instant::now();
        let is_free = |name: &String| {
            let mut members = seen.members.values();
            !seen.foreign.contains(name) && !members.any(|member| member.holds.contains(name))
        };
        self.free_since.retain(|name, _| self.beaten.contains(name) && is_free(name));
        for name in self.beaten.iter().filter(|name| is_free(name)) {
            self.free_since.entry(name.clone()).or_insert(now);
        }
        self.seen = Some(seen);
    }
}
