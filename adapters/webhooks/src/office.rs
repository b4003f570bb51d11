//! A courier for each webhook that this process has its share of.

use std::{collections::HashMap, sync::Arc, time::Duration};

use kontor_commands::clock;
use kontor_postgres::{
    KeptLease, Leases, Vault,
    webhooks::{self, Job},
};
use sqlx::PgPool;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    call::Caller,
    courier::{Courier, Means, Next},
};

/// How often the webhooks are looked at: an order of an operator holds after that time.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The pause after a failure of our own, and between two questions for a lease.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest wait for something new: it must not depend on a poke alone.
const IDLE_MAX: Duration = Duration::from_secs(5);
/// How long the calls under way get when the process stops; the lease ends them otherwise.
const STOP_TIME: Duration = Duration::from_secs(20);

/// Delivers to all webhooks, together with other processes that do.
#[derive(Clone, Debug)]
pub struct Office {
    means: Means,
    leases: Leases,
    head: watch::Receiver<i64>,
}

struct Desk {
    job: watch::Sender<Job>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Office {
    /// An office that shares webhooks by `leases` and is woken by `head`.
    pub fn new(
        (pool, vault): (PgPool, Vault),
        caller: Caller,
        leases: Leases,
        head: watch::Receiver<i64>,
    ) -> Self {
        Self { means: Means::new(pool, vault, caller), leases, head }
    }

    /// Names the address below which the schemas of events are served.
    #[must_use]
    pub fn with_schemas(mut self, url: &str) -> Self {
        self.means.schemas = Some(Arc::from(url));
        self
    }

    /// Delivers until it is stopped.
    pub async fn run(self, stop: CancellationToken) {
        let mut desks: HashMap<Uuid, Desk> = HashMap::new();
        while !stop.is_cancelled() {
            match webhooks::jobs(&self.means.pool).await {
                Ok(jobs) => self.arrange(jobs, &mut desks, &stop),
                Err(err) => tracing::warn!(error = %err, "webhooks cannot be looked up"),
            }
            // Whether it was stopped is asked above.
            stop.run_until_cancelled(sleep(LOOK_EVERY)).await;
        }
        let ended = futures::future::join_all(desks.into_values().map(|desk| desk.task));
        if timeout(STOP_TIME, ended).await.is_err() {
            tracing::warn!("calls of webhooks were under way at the end; they are made again");
        }
    }

    /// Opens a desk for each webhook, and closes those that nobody needs any more.
    fn arrange(&self, jobs: Vec<Job>, desks: &mut HashMap<Uuid, Desk>, stop: &CancellationToken) {
        desks.retain(|id, desk| {
            let is_wanted = jobs.iter().any(|job| job.integrator.id == *id);
            if !is_wanted {
                desk.stop.cancel();
            }
            is_wanted && !desk.task.is_finished()
        });
        for job in jobs {
            if let Some(desk) = desks.get(&job.integrator.id) {
                desk.job.send_if_modified(|present| {
                    let is_new = *present != job;
                    present.clone_from(&job);
                    is_new
                });
                continue;
            }
            let id = job.integrator.id;
            let (sender, receiver) = watch::channel(job);
            let stop = stop.child_token();
            let task = tokio::spawn(self.clone().serve(id, receiver, stop.clone()));
            desks.insert(id, Desk { job: sender, stop, task });
        }
    }

    async fn serve(mut self, id: Uuid, mut job: watch::Receiver<Job>, stop: CancellationToken) {
        let name = format!("webhook/{id}");
        while !stop.is_cancelled() {
            match self.leases.hold(&name, &stop).await {
                Ok(Some(kept)) => {
                    self.work(&kept, &mut job).await;
                    if let Err(err) = kept.release().await {
                        tracing::debug!(error = %err, "the lease of a webhook ends by itself");
                    }
                }
                Ok(None) => {}
                Err(err) => tracing::warn!(error = %err, "no lease of a webhook can be had"),
            }
            stop.run_until_cancelled(sleep(PAUSE)).await;
        }
    }

    /// Works until the lease ends.
    async fn work(&mut self, kept: &KeptLease, job: &mut watch::Receiver<Job>) {
        while !kept.ending().is_cancelled() {
            let present = job.borrow_and_update().clone();
            let name = present.integrator.name.clone();
            let mut courier = Courier::with(self.means.clone(), present);
            while !kept.ending().is_cancelled() && !job.has_changed().unwrap_or(true) {
                let Some(done) = kept.active().run_until_cancelled(courier.step(kept)).await else {
                    return;
                };
                let (next, is_stopped) = match done {
                    Ok(Next::Stop) => (None, true),
                    Ok(next) => (Some(next), false),
                    Err(err) => {
                        tracing::warn!(integrator = %name, error = %err, "a webhook has to wait");
                        (None, false)
                    }
                };
                tokio::select! {
                    () = self.pause(next) => {}
                    _ = job.changed() => break,
                    () = kept.ending().cancelled() => return,
                }
                if is_stopped {
                    break;
                }
            }
        }
    }

    async fn pause(&mut self, next: Option<Next>) {
        match next {
            Some(Next::More) => {}
            Some(Next::Idle) => {
                // Pokes may have ended: then the wait alone decides.
                match timeout(IDLE_MAX, self.head.changed()).await {
                    Ok(Ok(())) | Err(_) => {}
                    Ok(Err(_)) => sleep(PAUSE).await,
                }
            }
            Some(Next::At(at)) => {
                let left = (at - clock::now()).to_std().unwrap_or_default().min(IDLE_MAX);
                tokio::select! {
                    () = sleep(left) => {}
                    Ok(()) = self.head.changed() => {}
                }
            }
            Some(Next::Stop) | None => sleep(PAUSE).await,
        }
    }
}
