//! The command bus and the relay against a real nats-server and a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod commands;
mod confirmations;
mod events;
mod faults;
mod integrators;
mod order;
mod partner;
mod poison;
mod proxy;
mod replays;
mod roles;
mod stores;
mod streams;
mod succession;
mod traces;
mod unpublishable;

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use kontor_commands::{CommandSender, Envelope, EventStore, Outcome, Router, Sent, clock};
use kontor_domain::{Actor, TenantId, account::Account, meter::Meter};
use kontor_engines::testing::{self, TestNats};
use kontor_nats::{Nats, NatsSender, NatsSettings, StreamSettings, WorkerSettings, Workers};
use kontor_postgres::{AppenderSettings, EventLog, MasterKeys, Vault};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a test waits for something that is about to happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A broker, a database with its log, and a tenant.
struct World {
    server: TestNats,
    nats: Nats,
    pool: PgPool,
    log: EventLog,
    head: watch::Receiver<i64>,
    tenant: TenantId,
}

/// Workers that run until they are stopped.
struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        self.stop.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }
}

impl World {
    async fn new() -> Self {
        Self::with(quick_streams()).await
    }

    async fn with(streams: StreamSettings) -> Self {
        Self::at(testing::nats().await, streams).await
    }

    /// The same at a server that runs already.
    async fn at(server: TestNats, streams: StreamSettings) -> Self {
        let database = testing::database().await;
        let nats = connect(&server, streams).await;
        nats.ensure().await.unwrap();
        let pool = kontor_postgres::connect(&database.url, 8).await.unwrap();
        kontor_postgres::migrate(&pool).await.unwrap();
        let (sender, head) = watch::channel(0);
        let vault = Vault::new(pool.clone(), MasterKeys::throwaway());
        let log =
            EventLog::start(pool.clone(), AppenderSettings::default(), sender).sealed_by(vault);
        let world = Self { server, nats, pool, log, head, tenant: "demo".parse().unwrap() };
        let id = world.tenant.stream_id();
        let create = json!({
            "type": "create", "name": "Demo", "kind": "utility", "language": "ru",
            "time_zone": "Europe/Moscow",
            "meter_rules": { "window_first_day": 1, "window_last_day": 31 },
        });
        let routed = world.router().route(world.envelope("tenant", id, create)).await.unwrap();
        assert!(matches!(routed.outcome, Outcome::Accepted(_)), "{routed:?}");
        world
    }

    fn router(&self) -> Router {
        router(Arc::new(self.log.clone()))
    }

    fn workers(&self, owner: &str) -> Running {
        start(Workers::new(self.nats.clone(), self.pool.clone(), self.router(), quick(owner)))
    }

    async fn sender(&self) -> NatsSender {
        NatsSender::new(self.nats.clone()).await.unwrap()
    }

    fn envelope(&self, aggregate: &str, id: Uuid, command: Value) -> Envelope {
        let actor = Actor::Operator { name: "test".to_owned() };
        let address = (self.tenant.clone(), aggregate, id);
        Envelope::new(Uuid::now_v7(), address, command, actor, clock::now())
    }

    /// A command that opens an account.
    fn register(&self, id: Uuid) -> Envelope {
        let command = json!({
            "type": "register", "display_name": "Anna", "language": "ru",
            "origin": { "kind": "api" },
        });
        self.envelope("account", id, command)
    }

    /// A command that always changes something, as long as the names differ.
    fn rename(&self, id: Uuid, name: &str) -> Envelope {
        self.envelope("account", id, json!({ "type": "rename", "display_name": name }))
    }

    /// The payloads of a stream, in order, after its first event.
    async fn names(&self, id: Uuid) -> Vec<String> {
        let events = self.log.load(&self.tenant, id, 1).await.unwrap().events;
        let name = |payload: &str| {
            let payload: Value = serde_json::from_str(payload).unwrap();
            payload["display_name"].as_str().unwrap().to_owned()
        };
        events.iter().map(|event| name(&event.payload)).collect()
    }

    async fn wait_until_empty(&self) {
        wait_until("an empty queue", || async { self.nats.commands_waiting().await.unwrap() == 0 })
            .await;
    }
}

/// Streams that deliver again soon.
fn quick_streams() -> StreamSettings {
    StreamSettings { ack_wait: Duration::from_secs(2), ..StreamSettings::default() }
}

/// Workers that take over soon.
fn quick(owner: &str) -> WorkerSettings {
    WorkerSettings {
        lease_ttl: Duration::from_secs(1),
        take_over_pause: Duration::from_millis(100),
        ..WorkerSettings::new(owner)
    }
}

fn settings(server: &TestNats, streams: StreamSettings) -> NatsSettings {
    let mut settings = NatsSettings::new([server.url.clone()]);
    settings.streams = streams;
    settings.ack_timeout = Duration::from_secs(2);
    settings
}

async fn connect(server: &TestNats, streams: StreamSettings) -> Nats {
    Nats::connect(settings(server, streams)).await.unwrap()
}

/// A plain client of the broker, as an integrator would have.
async fn client(server: &TestNats) -> async_nats::Client {
    let (user, rest) = server.url.strip_prefix("nats://").unwrap().split_once(':').unwrap();
    let (password, host) = rest.split_once('@').unwrap();
    let options = async_nats::ConnectOptions::with_user_and_password(user.into(), password.into());
    options.connect(host).await.unwrap()
}

fn router(store: Arc<dyn EventStore>) -> Router {
    Router::builder(store).register::<Account>().register::<Meter>().build()
}

fn start(workers: Workers) -> Running {
    let stop = CancellationToken::new();
    let task = tokio::spawn(workers.run(stop.clone()));
    Running { stop, task }
}

async fn done(sender: &NatsSender, envelope: Envelope) -> (Outcome, bool) {
    match sender.send(envelope, PATIENCE).await.unwrap() {
        Sent::Done { outcome, replayed } => (outcome, replayed),
        Sent::Unknown => panic!("no outcome in time"),
    }
}

async fn accepted(sender: &NatsSender, envelope: Envelope) -> i64 {
    match done(sender, envelope).await.0 {
        Outcome::Accepted(accepted) => accepted.version,
        Outcome::Refused { refusal } => panic!("{refusal:?}"),
    }
}

async fn wait_until<F: Future<Output = bool>>(what: &str, mut done: impl FnMut() -> F) {
    let started = Instant::now();
    while !done().await {
        assert!(started.elapsed() < PATIENCE, "{what} did not come in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
