//! A bounded piece of work: some events of one webhook, the streams side by side.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::{StreamExt, stream};
use kontor_postgres::{KeptLease, webhooks::Report};
use tokio::{sync::Semaphore, time::Instant};
use uuid::Uuid;

use crate::delivery::{Item, Route};

/// The calls of one webhook at a time: an integrator need not be a large one.
const CALLS_OF_ONE_MAX: usize = 4;
/// What is not begun within this time is set aside, so that a piece of work ends and is written down.
const PIECE_TIME: Duration = Duration::from_secs(10);

/// How a failure is taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Care {
    /// As the failure of one event: the other streams go on.
    Usual,
    /// As the failure of the other side, which is down as far as anybody knows: one call at a time,
    /// and none after the first that fails.
    StopAtFailure,
}

/// A piece of work.
pub(crate) struct Piece<'a> {
    route: Route<'a>,
    lease: &'a KeptLease,
    calls: &'a Semaphore,
    ends_at: Instant,
    /// The streams of which something waits already.
    held_back: &'a HashSet<Uuid>,
    care: Care,
    is_stopped: AtomicBool,
}

impl<'a> Piece<'a> {
    /// A piece of work that begins now. `calls` are those of all webhooks of this process.
    pub(crate) fn new(
        route: Route<'a>,
        (lease, calls): (&'a KeptLease, &'a Semaphore),
        held_back: &'a HashSet<Uuid>,
        care: Care,
    ) -> Self {
        let ends_at = Instant::now() + PIECE_TIME;
        Self { route, lease, calls, ends_at, held_back, care, is_stopped: AtomicBool::new(false) }
    }

    /// The streams side by side, the events of each in order.
    pub(crate) async fn run(&self, items: Vec<Item>) -> Report {
        let mut order: BTreeMap<i64, Vec<Item>> = BTreeMap::new();
        let mut first: HashMap<Uuid, i64> = HashMap::new();
        for item in items {
            let lane = *first.entry(item.stream_id).or_insert(item.position);
            order.entry(lane).or_default().push(item);
        }
        let calls_max = match self.care {
            Care::Usual => CALLS_OF_ONE_MAX,
            Care::StopAtFailure => 1,
        };
        let mut lanes = stream::iter(order.into_values().map(|lane| self.lane(lane)))
            .buffer_unordered(calls_max);
        let mut report = Report::default();
        while let Some(lane) = lanes.next().await {
            report.delivered.extend(lane.delivered);
            report.parked.extend(lane.parked);
            report.tried.extend(lane.tried);
            report.wait_until = report.wait_until.max(lane.wait_until);
            report.disable = report.disable.or(lane.disable);
        }
        report.tried.sort_by_key(|tried| tried.at);
        report
    }

    async fn lane(&self, items: Vec<Item>) -> Report {
        let mut report = Report::default();
        let mut goes_on =
            items.first().is_some_and(|item| !self.held_back.contains(&item.stream_id));
        for item in items {
            if goes_on {
                if let Some(is_delivered) = self.attempt(&item, &mut report).await {
                    goes_on = is_delivered;
                    continue;
                }
                goes_on = false;
            }
            item.hold_back(&mut report);
        }
        report
    }

    /// Sends an event when it is its turn; none when it is too late for this piece of work.
    async fn attempt(&self, item: &Item, report: &mut Report) -> Option<bool> {
        let _turn = self.calls.acquire().await.ok()?;
        if !self.may_send() {
            return None;
        }
        let is_delivered = item.attempt(&self.route, report).await;
        if !is_delivered && self.care == Care::StopAtFailure {
            self.is_stopped.store(true, Ordering::Relaxed);
        }
        Some(is_delivered)
    }

    fn may_send(&self) -> bool {
        self.lease.is_held()
            && !self.lease.ending().is_cancelled()
            && !self.is_stopped.load(Ordering::Relaxed)
            && Instant::now() < self.ends_at
    }
}
