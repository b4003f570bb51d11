//! Kontor with everything running: commands through JetStream, all read models and the relay.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, bail, ensure};
use async_trait::async_trait;
use kontor_commands::{CommandSender, Envelope, Sent};
use kontor_nats::{Nats, NatsSender, NatsSettings, Relay, WorkerSettings, Workers};
use kontor_postgres::{DispatchSettings, Dispatcher, Follower, FollowerSettings, PolicyEffect};
use kontor_projections::checkpoints;
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    drive::Contender,
    in_process::{Kontor, accepted},
    workload::{Reading, Workload},
};

/// How long a caller waits for an outcome before the run counts it as failed.
const OUTCOME_WAIT: Duration = Duration::from_secs(30);
/// How long followers may take to catch up with the fastest run.
const CATCH_UP_MAX: Duration = Duration::from_secs(300);
/// How long all parts may take to stop.
const STOP_MAX: Duration = Duration::from_secs(30);
/// The checkpoint of the relay.
const RELAY: &str = "relay";

/// All roles but the edges, in this process.
pub(crate) struct Running {
    pub(crate) kontor: Kontor,
    pub(crate) sender: SendsCommands,
    tasks: JoinSet<()>,
    stop: CancellationToken,
}

/// The caller's side: sends commands and waits for their outcomes.
#[derive(Clone)]
pub(crate) struct SendsCommands {
    sender: NatsSender,
    workload: Workload,
}

/// How far followers were behind when a run ended, and how long they took to catch up.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub(crate) struct CatchUp {
    pub(crate) events_behind: i64,
    pub(crate) milliseconds: u64,
}

impl Running {
    pub(crate) async fn start(kontor: Kontor, nats_url: String) -> anyhow::Result<Self> {
        let nats = connect(nats_url).await?;
        nats.ensure().await?;
        let stop = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let workers = Workers::new(
            nats.clone(),
            kontor.pool.clone(),
            kontor.router.clone(),
            WorkerSettings::new("bench"),
        );
        tasks.spawn(workers.run(stop.clone()));
        let pokes = nats.clone();
        let (head, stop_pokes) = (kontor.head.clone(), stop.clone());
        tasks.spawn(async move { pokes.forward_head(head, stop_pokes).await });
        let settings =
            FollowerSettings { owner: "bench".to_owned(), ..FollowerSettings::default() };
        let reading = FollowerSettings { vault: Some(kontor.vault.clone()), ..settings.clone() };
        let policies = kontor_commands::policies::all().into_iter();
        let policies = policies.map(|policy| Arc::new(PolicyEffect::new(policy)) as _);
        let projections = kontor_projections::all().into_iter().chain(policies).map(|projection| {
            Follower::projection(kontor.pool.clone(), projection, reading.clone())
        });
        let relay = Arc::new(Relay::new(nats.clone(), kontor.pool.clone()));
        let relay = Follower::reactor(kontor.pool.clone(), relay, settings.clone());
        for follower in projections.chain([relay]) {
            tasks.spawn(follower.run(kontor.head.clone(), stop.clone()));
        }
        let sender = SendsCommands::new(nats, kontor.workload.clone()).await?;
        let dispatched = Arc::new(sender.sender.clone());
        let dispatcher =
            Dispatcher::new(kontor.pool.clone(), dispatched, DispatchSettings::default());
        let stop_dispatch = stop.clone();
        tasks.spawn(async move { dispatcher.run(stop_dispatch).await });
        Ok(Self { kontor, sender, tasks, stop })
    }

    /// Waits until all followers have seen all events.
    pub(crate) async fn catch_up(&self) -> anyhow::Result<CatchUp> {
        let pool = &self.kontor.pool;
        let head = checkpoints::head_position(pool).await?;
        let mut events_behind = 0;
        let names = followers();
        for name in &names {
            events_behind = events_behind.max(head - checkpoints::position(pool, name).await?);
        }
        let began = Instant::now();
        let caught_up = checkpoints::wait_for(pool, &names, head, CATCH_UP_MAX).await?;
        ensure!(caught_up, "a follower did not catch up in {} s", CATCH_UP_MAX.as_secs());
        let milliseconds = u64::try_from(began.elapsed().as_millis())?;
        Ok(CatchUp { events_behind, milliseconds })
    }

    /// Stops everything in order.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        self.stop.cancel();
        let stopped = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(STOP_MAX, stopped).await.context("a part did not stop in time")?;
        self.kontor.stop().await;
        Ok(())
    }
}

/// The followers that every command has to pay for.
fn followers() -> Vec<&'static str> {
    let projections = kontor_projections::all();
    let policies = kontor_commands::policies::all();
    let names = projections.iter().map(|projection| projection.name());
    names.chain(policies.iter().map(|policy| policy.name())).chain([RELAY]).collect()
}

impl SendsCommands {
    pub(crate) async fn new(nats: Nats, workload: Workload) -> anyhow::Result<Self> {
        Ok(Self { sender: NatsSender::new(nats).await?, workload })
    }

    /// Sends a command that must be accepted.
    pub(crate) async fn send(&self, envelope: Envelope) -> anyhow::Result<()> {
        match self.sender.send(envelope, OUTCOME_WAIT).await? {
            Sent::Done { outcome, .. } => accepted(outcome).map(drop),
            Sent::Unknown => bail!("no outcome in {} s", OUTCOME_WAIT.as_secs()),
        }
    }

    /// Sends a reading and waits for its outcome.
    pub(crate) async fn send_reading(&self, reading: Reading) -> anyhow::Result<()> {
        self.send(self.workload.reading_envelope(reading)?).await
    }
}

/// A connection to a broker.
pub(crate) async fn connect(url: String) -> anyhow::Result<Nats> {
    Ok(Nats::connect(NatsSettings::new([url])).await?)
}

#[async_trait]
impl Contender for SendsCommands {
    fn name(&self) -> &'static str {
        crate::report::THROUGH_NATS
    }

    async fn register(&self, meter: Uuid) -> anyhow::Result<()> {
        self.send(self.workload.register_envelope(meter)?).await
    }

    async fn submit(&self, reading: Reading) -> anyhow::Result<()> {
        self.send_reading(reading).await
    }
}
