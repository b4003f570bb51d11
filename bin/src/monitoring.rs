//! Figures for Prometheus: `/metrics` on an address of its own, off unless it is configured.
//!
//! Counters are kept where things happen. What stands in the engines (lags, queues, leases) is looked
//! at when somebody asks, at most every few seconds, so that nobody who does not ask pays for it.

mod process;

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use axum::{Router, extract::State, http::header, routing::get};
use kontor_nats::Nats;
use kontor_postgres::figures::Published;
use metrics::{describe_counter, describe_gauge, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use sqlx::PgPool;
use tokio::{sync::Mutex, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    compose::{self, Parts},
    config::Config,
    supervise::{Phase, RESTARTS, Role},
    up::bind,
};

/// How old a look at the engines may be; several servers may ask.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// How long each engine may take to answer; Prometheus gives up after 10 s.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often samples of histograms are folded when nobody asks, so that they do not pile up.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
/// A gauge that nobody has set for so long is gone: its follower, shard or engine is.
const GAUGE_IDLE_MAX: Duration = Duration::from_secs(120);

/// Bounds of durations in seconds: commands take about a millisecond, and a slow one seconds.
const SECONDS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Bounds of the sizes of batches; the largest is the appender's own limit.
const SIZES: [f64; 10] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0];

const BUILD: &str = "kontor_build_info";
const DATABASE_UP: &str = "kontor_database_up";
const BROKER_UP: &str = "kontor_broker_up";
const OUTBOX_PENDING: &str = "kontor_outbox_pending";
const OUTBOX_OLDEST: &str = "kontor_outbox_oldest_seconds";
const POOL: &str = "kontor_pool_connections";
const POOL_MAX: &str = "kontor_pool_connections_max";

/// The figures of this process, and where they are served.
pub(crate) struct Figures {
    handle: PrometheusHandle,
    listener: TcpListener,
}

impl Figures {
    /// Takes the configured address and begins to count; none when no address is configured.
    pub(crate) fn start(config: &Config) -> anyhow::Result<Option<Self>> {
        let Some(address) = config.metrics_address else { return Ok(None) };
        let listener = bind(address, "KONTOR_METRICS_ADDRESS")?;
        let recorder = PrometheusBuilder::new()
            .set_buckets(&SECONDS)?
            .set_buckets_for_metric(Matcher::Suffix("_size".to_owned()), &SIZES)?
            .idle_timeout(MetricKindMask::GAUGE, Some(GAUGE_IDLE_MAX))
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).context("the figures cannot be counted")?;
        describe();
        Ok(Some(Self { handle, listener }))
    }

    /// The address of the figures.
    pub(crate) fn url(&self) -> anyhow::Result<String> {
        Ok(format!("{}/metrics", compose::base_url(&self.listener)?))
    }

    /// The role that serves them.
    pub(crate) fn role(self, parts: &Parts) -> Role {
        let engines = Arc::new(Engines {
            handle: self.handle,
            owner: parts.owner.clone(),
            pools: [
                ("write", parts.write.clone()),
                ("follow", parts.follow.clone()),
                ("query", parts.query.clone()),
            ],
            nats: parts.nats.clone(),
            last: Mutex::default(),
        });
        let listener = self.listener;
        Role::new("metrics", Phase::Support, move |stop| {
            serve(Arc::clone(&engines), listener.try_clone(), stop)
        })
    }
}

async fn serve(
    engines: Arc<Engines>,
    listener: std::io::Result<TcpListener>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener?)?;
    let app = Router::new().route("/metrics", get(render)).with_state(Arc::clone(&engines));
    let upkeep = async {
        loop {
            tokio::time::sleep(UPKEEP_EVERY).await;
            engines.handle.run_upkeep();
        }
    };
    tokio::select! {
        served = kontor_http::serve(listener, app, stop) => Ok(served?),
        () = upkeep => Ok(()),
    }
}

async fn render(State(engines): State<Arc<Engines>>) -> impl axum::response::IntoResponse {
    engines.look().await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], engines.handle.render())
}

/// Where the figures that nobody counts are looked up.
struct Engines {
    handle: PrometheusHandle,
    owner: String,
    pools: [(&'static str, PgPool); 3],
    nats: Nats,
    last: Mutex<Last>,
}

/// The last look.
#[derive(Default)]
struct Last {
    looked_at: Option<Instant>,
    published: Published,
}

impl Engines {
    /// Looks at everything, unless somebody did a moment ago. Who asks meanwhile waits for it.
    async fn look(&self) {
        let mut last = self.last.lock().await;
        if last.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return;
        }
        let (database_up, broker_up) =
            tokio::join!(self.database(&mut last.published), self.broker());
        gauge!(DATABASE_UP).set(f64::from(u8::from(database_up)));
        gauge!(BROKER_UP).set(f64::from(u8::from(broker_up)));
        gauge!(BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        for (name, pool) in &self.pools {
            let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            let labels = |state: &'static str| [("pool", *name), ("state", state)];
            gauge!(POOL, &labels("idle")).set(idle);
            gauge!(POOL, &labels("in_use")).set(pool.size().saturating_sub(idle));
            gauge!(POOL_MAX, "pool" => *name).set(pool.options().get_max_connections());
        }
        process::publish();
        last.looked_at = Some(Instant::now());
    }

    async fn database(&self, published: &mut Published) -> bool {
        let [(_, _), (_, _), (_, pool)] = &self.pools;
        let asked = async {
            let seen = kontor_postgres::observe::observe(pool).await?;
            published.publish(&seen, &self.owner);
            let outbox = kontor_telegram::outbox_backlog(pool).await?;
            gauge!(OUTBOX_PENDING).set(outbox.pending as f64);
            gauge!(OUTBOX_OLDEST).set(outbox.oldest_seconds);
            kontor_webhooks::figures::publish(&kontor_postgres::webhooks::summary(pool).await?);
            let replays = kontor_postgres::integrators::replays::summary(pool).await?;
            kontor_nats::figures::publish_replays(&replays);
            if let Some(standing) = kontor_postgres::seals::standing(pool).await? {
                kontor_postgres::figures::publish_seals(&standing);
            }
            anyhow::Ok(())
        };
        told("PostgreSQL", timeout(PATIENCE, asked).await.context("no answer").flatten())
    }

    async fn broker(&self) -> bool {
        if !self.nats.is_connected() {
            return false;
        }
        let asked = async {
            let shards = self.nats.shard_backlogs().await?;
            kontor_nats::figures::publish(&shards);
            anyhow::Ok(())
        };
        told("NATS", timeout(PATIENCE, asked).await.context("no answer").flatten())
    }
}

fn told(engine: &str, asked: anyhow::Result<()>) -> bool {
    if let Err(err) = &asked {
        tracing::warn!(engine, error = %format!("{err:#}"), "Figures of {engine} are missing");
    }
    asked.is_ok()
}

fn describe() {
    kontor_postgres::figures::describe();
    kontor_nats::figures::describe();
    kontor_http::figures::describe();
    kontor_webhooks::figures::describe();
    kontor_traces::describe();
    process::describe();
    describe_gauge!(BUILD, "1; the label says which build runs");
    describe_gauge!(DATABASE_UP, "Whether PostgreSQL answered");
    describe_gauge!(BROKER_UP, "Whether NATS answered");
    describe_gauge!(OUTBOX_PENDING, "Messages to Telegram that are not sent yet");
    describe_gauge!(OUTBOX_OLDEST, "How long the oldest of them has been waiting");
    describe_gauge!(POOL, "Connections to PostgreSQL by pool and use");
    describe_gauge!(POOL_MAX, "The most connections of a pool");
    describe_counter!(RESTARTS, "Failures of roles, each followed by a new start");
}
