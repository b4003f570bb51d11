//! Takes commands out of the stream, shard by shard, and gives them to the router.
//!
//! A shard is served by the process that holds its lease; the processes share the shards, and take
//! over what one leaves behind. The lease saves work and keeps the order. What keeps the log right
//! even with two owners is the log itself: versions and receipts.

mod dead;
mod delivery;
mod handle;
mod held;
mod in_flight;
mod lanes;
mod session;
mod shard;

use std::{sync::Arc, time::Duration};

use kontor_commands::Router;
use kontor_postgres::{Leases, Members};
use sqlx::PgPool;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{Nats, names};

/// The limits of [`Workers`].
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// The name of this process in the leases; different for every process that runs.
    pub owner: String,
    /// How long a lease outlives its process.
    pub lease_ttl: Duration,
    /// The processes that share the shards; owner and time to live are then those of the member.
    /// Without them the first process keeps what it has.
    pub members: Option<Members>,
    /// How often a process looks for shards that nobody serves.
    pub take_over_pause: Duration,
    /// The most commands of one shard that are taken and not yet done: enough to keep every lane
    /// busy and the log's batches full, few enough to be finished when the process stops.
    pub in_flight_max: usize,
    /// After so many deliveries a command that still fails is set aside as a dead letter. The pauses
    /// between them grow to [`Self::nak_pause_max`]: with the defaults that takes some 8 minutes.
    pub deliveries_max: i64,
    /// After so many deliveries a command is set aside without another attempt: its attempts end
    /// with the process.
    pub unfinished_deliveries_max: i64,
    /// How long a command that meets busy writers is tried again at once, before it goes back.
    pub contended_patience: Duration,
    /// The same while the store fails, which stops everybody alike.
    pub store_patience: Duration,
    /// The pause before the second delivery; it doubles with every further one and is jittered.
    pub nak_pause: Duration,
    /// The longest pause between deliveries.
    pub nak_pause_max: Duration,
    /// How long commands that are being carried out may take to finish when the process stops.
    pub drain_limit: Duration,
    /// The same when a shard goes to another process, and nothing presses.
    pub hand_over_limit: Duration,
}

impl WorkerSettings {
    /// The usual limits for a process of this name.
    pub fn new(owner: impl Into<String>) -> Self {
        Self {
            owner: owner.into(),
            lease_ttl: Duration::from_secs(10),
            members: None,
            take_over_pause: Duration::from_secs(1),
            in_flight_max: 256,
            deliveries_max: 20,
            unfinished_deliveries_max: 100,
            contended_patience: Duration::from_secs(2),
            store_patience: Duration::from_secs(20),
            nak_pause: Duration::from_millis(500),
            nak_pause_max: Duration::from_secs(30),
            drain_limit: Duration::from_secs(20),
            hand_over_limit: Duration::from_secs(20),
        }
    }
}

/// The worker side of the command bus in one process.
#[derive(Clone)]
pub struct Workers {
    shared: Arc<Shared>,
}

struct Shared {
    nats: Nats,
    pool: PgPool,
    leases: Leases,
    router: Router,
    settings: WorkerSettings,
}

impl Workers {
    /// Workers that carry out commands with `router`; leases and dead letters are kept in `pool`.
    pub fn new(nats: Nats, pool: PgPool, router: Router, settings: WorkerSettings) -> Self {
        let leases = settings.members.as_ref().map_or_else(
            || Leases::new(pool.clone(), settings.owner.clone(), settings.lease_ttl),
            Members::leases,
        );
        Self { shared: Arc::new(Shared { nats, pool, leases, router, settings }) }
    }

    /// Serves its share of the shards, until `stop`. Returns when the commands that were being
    /// carried out are done and the leases are given back. It also returns, before `stop`, when the
    /// task of a shard failed: whoever supervises it starts all of them again, so that no shard
    /// stands still while the process lives.
    pub async fn run(self, stop: CancellationToken) {
        let mut shards = JoinSet::new();
        let stop = stop.child_token();
        for shard in 0..names::SHARDS {
            shards.spawn(shard::run(Arc::clone(&self.shared), shard, stop.clone()));
        }
        while let Some(ended) = shards.join_next_with_id().await {
            if let Err(err) = ended {
                tracing::error!(error = %err, "The task of a shard failed");
                stop.cancel();
            }
        }
        self.shared.nats.flush().await;
    }
}
