//! The whole system in one thread and in virtual time: senders, a queue, workers with the real router,
//! a log, a follower, a relay, and a nemesis that lets all of it fail.
//!
//! Everything outside of the router is a small model with the rules of the real thing: leases with
//! epochs by the database's clock, a work queue that delivers again, checkpoints that move in the
//! transaction of the effect. What happens is decided by the seed alone.

mod bus;
mod check;
mod database;
mod events;
mod followers;
mod nemesis;
mod process;
mod senders;
mod worker;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use kontor_commands::{
    EventStore,
    memory::{Faults, MemoryStore},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::time::{Instant, sleep, timeout};

use self::{bus::Queue, database::Database, events::Stream, nemesis::Nemesis, senders::Replies};

/// How long a lease outlives its process.
const LEASE_TTL: Duration = Duration::from_secs(2);
/// How long the nemesis is at work.
const HORIZON: Duration = Duration::from_secs(6);
/// How long the world may take to come to rest afterwards; a world that needs longer stands still.
const PATIENCE: Duration = Duration::from_secs(300);
/// How many processes run, each with all roles.
const PROCESSES: usize = 3;
/// The shards of the queue.
const SHARDS: u32 = 2;

/// The system as it is, or with a part taken out that must be missed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Build {
    /// As it is.
    Sound,
    /// A follower moves its checkpoint without asking for its epoch and its last position.
    WithoutFence,
    /// The stream takes an event behind any other.
    WithoutPredecessor,
    /// The log does not recognise a command that it has carried out.
    WithoutReceipts,
}

/// What everybody shares.
struct World {
    build: Build,
    began: Instant,
    dice: Mutex<StdRng>,
    healed: AtomicBool,
    log: Arc<MemoryStore>,
    database: Database,
    queue: Queue,
    stream: Stream,
    replies: Replies,
    trace: Mutex<Trace>,
}

/// What happened, as a digest, and as text when somebody wants to read it.
#[derive(Default)]
struct Trace {
    digest: DefaultHasher,
    aloud: bool,
}

/// Lives through one world and checks it. Returns a digest of all that happened; panics when something
/// that must be true is not.
pub(crate) fn live_through(seed: u64, build: Build, aloud: bool) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = Arc::new(World::new(seed, build, aloud));
        world.live().await;
        world.trace.lock().unwrap().digest.finish()
    })
}

impl World {
    fn new(seed: u64, build: Build, aloud: bool) -> Self {
        let faults = Faults {
            seed,
            load_fails_per_mille: 20,
            append_fails_before_per_mille: 30,
            append_fails_after_per_mille: 60,
            yields_max: 2,
        };
        Self {
            build,
            began: Instant::now(),
            dice: Mutex::new(StdRng::seed_from_u64(seed)),
            healed: AtomicBool::new(false),
            log: Arc::new(MemoryStore::with_faults(faults)),
            database: Database::default(),
            queue: Queue::default(),
            stream: Stream::default(),
            replies: Replies::default(),
            trace: Mutex::new(Trace { aloud, ..Trace::default() }),
        }
    }

    async fn live(self: &Arc<Self>) {
        let mut nemesis = Nemesis::start(self);
        let commands = senders::commands(self);
        let sending = tokio::spawn(senders::send_all(Arc::clone(self), commands.clone()));
        nemesis.rage(self).await;
        self.healed.store(true, Ordering::SeqCst);
        self.note("all faults end");
        let sent = timeout(PATIENCE, sending).await;
        let outcomes = sent.unwrap_or_else(|_| panic!("senders wait for ever")).unwrap();
        assert!(timeout(PATIENCE, self.rest()).await.is_ok(), "the followers stand still");
        nemesis.end().await;
        check::check(self, &commands, &outcomes);
    }

    /// Waits until every follower has reached the end of the log.
    async fn rest(&self) {
        let head = self.log.events().len();
        while !self.database.has_reached(head) || self.stream.distinct() < head {
            sleep(Duration::from_millis(500)).await;
        }
    }

    fn is_healed(&self) -> bool {
        self.healed.load(Ordering::SeqCst)
    }

    /// A number below `sides`.
    fn throw(&self, sides: u64) -> u64 {
        self.dice.lock().unwrap().random_range(0..sides)
    }

    /// Whether a fault strikes that has this chance.
    fn strikes(&self, per_mille: u64) -> bool {
        let thrown = self.throw(1_000);
        !self.is_healed() && thrown < per_mille
    }

    /// The time that a message or a statement takes.
    async fn travel(&self) {
        let longest = if self.strikes(20) { 1_500 } else { 5 };
        sleep(Duration::from_millis(self.throw(longest))).await;
    }

    /// What the log holds, as the processes read it.
    fn store(self: &Arc<Self>) -> Arc<dyn EventStore> {
        match self.build {
            Build::Sound | Build::WithoutFence | Build::WithoutPredecessor => {
                Arc::<MemoryStore>::clone(&self.log)
            }
            Build::WithoutReceipts => Arc::new(worker::Forgetful::new(Arc::clone(self))),
        }
    }

    #[expect(clippy::print_stdout, reason = "for whoever runs one seed to read it")]
    fn note(&self, what: impl AsRef<str>) {
        let mut trace = self.trace.lock().unwrap();
        let at = self.began.elapsed().as_millis();
        (at, what.as_ref()).hash(&mut trace.digest);
        if trace.aloud {
            println!("{at:>7} ms  {}", what.as_ref());
        }
    }
}
