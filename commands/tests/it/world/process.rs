//! A process: tasks that can be frozen at any await, or ended there.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    task::JoinSet,
    time::{Instant, Sleep, sleep, sleep_until},
};

use super::{SHARDS, World, database::FOLLOWERS, followers, worker};
use crate::support::{router_on, settings};

/// A running process with all roles.
pub(super) struct Process {
    pub(super) name: String,
    gate: Gate,
    tasks: JoinSet<()>,
}

/// Until when a process stands still.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<Option<Instant>>>);

/// A future that stands still with its process.
struct Gated<F> {
    gate: Gate,
    still: Option<Pin<Box<Sleep>>>,
    inner: Pin<Box<F>>,
}

impl Process {
    /// Starts after a while, with empty caches.
    pub(super) fn start(world: &Arc<World>, name: String, after: Duration) -> Self {
        let limits = kontor_commands::RouterSettings { lanes: 2, ..settings() };
        let router = router_on(world.store(), limits);
        let mut process = Self { name, gate: Gate::default(), tasks: JoinSet::new() };
        for shard in 0..SHARDS {
            let work =
                worker::serve(Arc::clone(world), (shard, process.name.clone(), router.clone()));
            process.spawn(after, work);
        }
        for follower in FOLLOWERS {
            let work = followers::follow(Arc::clone(world), follower, process.name.clone());
            process.spawn(after, work);
        }
        process
    }

    fn spawn(&mut self, after: Duration, work: impl Future<Output = ()> + Send + 'static) {
        let gate = self.gate.clone();
        let inner = Box::pin(async move {
            sleep(after).await;
            work.await;
        });
        self.tasks.spawn(Gated { gate, still: None, inner });
    }

    /// Lets it stand still, wherever it is.
    pub(super) fn freeze(&self, pause: Duration) {
        *self.gate.0.lock().unwrap() = Some(Instant::now() + pause);
    }

    /// Ends it, wherever it is.
    pub(super) async fn kill(mut self) {
        self.tasks.abort_all();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
        }
    }
}

impl<F: Future<Output = ()>> Future for Gated<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let until = *self.gate.0.lock().unwrap();
        if let Some(until) = until.filter(|until| Instant::now() < *until) {
            let still = self.still.insert(Box::pin(sleep_until(until)));
            if still.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
        self.still = None;
        self.inner.as_mut().poll(context)
    }
}
