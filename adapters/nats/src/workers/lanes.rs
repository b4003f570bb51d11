//! The lanes of one shard: an aggregate's commands go through one lane, in order; the lanes work
//! side by side.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::{AbortHandle, JoinSet},
};

use super::{
    Shared,
    delivery::Delivery,
    handle::{Settled, handle},
    held::Held,
    in_flight::{Entry, InFlight},
    session::{FENCED_PAUSE, Session},
};
use crate::names;

/// The lanes of a shard. With 8 shards in one process 256 commands are at work at once, which is
/// where the log's group commit stops gaining.
const LANES: u32 = 32;

pub(super) struct Lanes {
    entrances: Vec<mpsc::Sender<Job>>,
    tasks: JoinSet<()>,
    in_flight: InFlight,
    reporter: AbortHandle,
}

struct Job {
    delivery: Delivery,
    entry: Entry,
    place: OwnedSemaphorePermit,
}

/// A lane is gone though nobody stopped it.
#[derive(Debug, thiserror::Error)]
#[error("a lane of the shard has failed")]
pub(super) struct LaneFailed;

impl Lanes {
    pub(super) fn start(shared: &Arc<Shared>, session: &Session) -> Self {
        let in_flight = InFlight::default();
        let mut tasks = JoinSet::new();
        let mut entrances = Vec::new();
        for _ in 0..LANES {
            // Never full: there are no more jobs than places in flight.
            let (entrance, jobs) = mpsc::channel(shared.settings.in_flight_max);
            tasks.spawn(work(Arc::clone(shared), jobs, session.clone()));
            entrances.push(entrance);
        }
        let reporter = tokio::spawn(in_flight.clone().report(shared.nats.clone())).abort_handle();
        Self { entrances, tasks, in_flight, reporter }
    }

    /// Queues a delivery behind the others of its aggregate.
    pub(super) fn put(
        &self,
        delivery: Delivery,
        place: OwnedSemaphorePermit,
    ) -> Result<(), LaneFailed> {
        let Some(entry) = self.in_flight.enter(delivery.sequence, delivery.ack_subject()) else {
            // The server was impatient; the earlier delivery of this command is still at work.
            return Ok(());
        };
        let lane = names::hash(delivery.address.as_bytes()) % LANES;
        let entrance = usize::try_from(lane).ok().and_then(|lane| self.entrances.get(lane));
        let entrance = entrance.ok_or(LaneFailed)?;
        entrance.try_send(Job { delivery, entry, place }).map_err(|_| LaneFailed)
    }

    /// Lets the lanes finish what they have, up to `limit`.
    pub(super) async fn finish(mut self, limit: Duration) {
        self.entrances.clear();
        let finished = tokio::time::timeout(limit, async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Err(err) = ended {
                    tracing::error!(error = %err, "A lane failed");
                }
            }
        });
        if finished.await.is_err() {
            tracing::warn!("Some commands were not finished; they will be delivered again");
        }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        self.reporter.abort();
    }
}

async fn work(shared: Arc<Shared>, mut jobs: mpsc::Receiver<Job>, session: Session) {
    let mut held = Held::default();
    while let Some(Job { delivery, entry, place }) = jobs.recv().await {
        let (address, sequence) = (delivery.address.as_str(), delivery.sequence);
        if session.is_fenced() {
            delivery.return_after(FENCED_PAUSE).await;
        } else if let Some(pause) = held.wait(address, sequence) {
            delivery.return_after(pause).await;
            held.hold(address, sequence, pause);
        } else {
            match handle(&shared, &delivery, &session).await {
                Settled::Done => held.release(address, sequence),
                Settled::Returned(pause) => held.hold(address, sequence, pause),
            }
        }
        drop(entry);
        drop(place);
    }
}
