//! Callers that submit readings one after the other and wait for each answer.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use async_trait::async_trait;
use serde::Serialize;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{
    histogram::Histogram,
    machine::processor_time,
    workload::{METERS, Reading},
};

/// How long callers run before anything counts: caches, prepared statements and connections.
const WARM_UP: Duration = Duration::from_secs(1);
/// How many meters are put into service at the same time.
const REGISTRATIONS_AT_ONCE: usize = 64;
/// What a caller waits after a failure, so that a broken contender does not spin.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(1);

/// Somebody who can carry out the workload.
#[async_trait]
pub(crate) trait Contender: Send + Sync + 'static {
    /// Its name in the table.
    fn name(&self) -> &'static str;

    /// Puts a meter into service.
    async fn register(&self, meter: Uuid) -> anyhow::Result<()>;

    /// Submits a reading and returns when it is durable.
    async fn submit(&self, reading: Reading) -> anyhow::Result<()>;
}

/// One run's result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) contender: &'static str,
    pub(crate) callers: usize,
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) per_second: u64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    /// Processor time of all processes together, engines and callers included, for one command.
    pub(crate) processor_us: u64,
    pub(crate) first_failure: Option<String>,
}

struct Shared {
    contender: Arc<dyn Contender>,
    measuring: AtomicBool,
    ended: AtomicBool,
    latencies: Histogram,
    failed: AtomicU64,
    first_failure: Mutex<Option<String>>,
}

/// Lets `callers` callers submit readings for some seconds, each to its own share of new meters.
pub(crate) async fn drive(
    contender: &Arc<dyn Contender>,
    callers: usize,
    seconds: u64,
) -> anyhow::Result<Run> {
    let meters = register_meters(contender, METERS.max(callers)).await?;
    let shared = Arc::new(Shared {
        contender: Arc::clone(contender),
        measuring: AtomicBool::new(false),
        ended: AtomicBool::new(false),
        latencies: Histogram::new(),
        failed: AtomicU64::new(0),
        first_failure: Mutex::new(None),
    });
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let own = meters.iter().copied().skip(caller).step_by(callers).collect();
        tasks.spawn(call(Arc::clone(&shared), own));
    }
    tokio::time::sleep(WARM_UP).await;
    let (began, used_before) = (Instant::now(), processor_time()?);
    shared.measuring.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    shared.measuring.store(false, Ordering::Relaxed);
    let elapsed = began.elapsed();
    let used = processor_time()?.saturating_sub(used_before);
    shared.ended.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended.context("a caller panicked")?;
    }
    let done = shared.latencies.count();
    let first_failure = shared.first_failure.lock().unwrap_or_else(PoisonError::into_inner).take();
    ensure!(done > 0, "{} did nothing: {first_failure:?}", contender.name());
    Ok(Run {
        contender: contender.name(),
        callers,
        done,
        failed: shared.failed.load(Ordering::Relaxed),
        per_second: per_second(done, elapsed),
        p50_us: shared.latencies.percentile_us(50),
        p99_us: shared.latencies.percentile_us(99),
        processor_us: u64::try_from(used.as_micros())? / done,
        first_failure,
    })
}

/// A count over a time as a whole number for one second.
pub(crate) fn per_second(count: u64, elapsed: Duration) -> u64 {
    let rate = u128::from(count) * 1_000_000 / elapsed.as_micros().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

/// New meters, so that every run begins with the same short histories.
pub(crate) async fn register_meters(
    contender: &Arc<dyn Contender>,
    count: usize,
) -> anyhow::Result<Arc<[Uuid]>> {
    let meters: Arc<[Uuid]> = (0..count).map(|_| Uuid::now_v7()).collect();
    let mut tasks = JoinSet::new();
    for first in 0..REGISTRATIONS_AT_ONCE {
        let (meters, contender) = (Arc::clone(&meters), Arc::clone(contender));
        tasks.spawn(async move {
            for meter in meters.iter().skip(first).step_by(REGISTRATIONS_AT_ONCE) {
                contender.register(*meter).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(registered) = tasks.join_next().await {
        registered.context("a registration panicked")?.context("a meter was not registered")?;
    }
    Ok(meters)
}

async fn call(shared: Arc<Shared>, meters: Vec<Uuid>) {
    for number in 1.. {
        for meter in &meters {
            if shared.ended.load(Ordering::Relaxed) {
                return;
            }
            let counts = shared.measuring.load(Ordering::Relaxed);
            let began = Instant::now();
            let submitted = shared.contender.submit(Reading { meter: *meter, number }).await;
            match submitted {
                // Only what began and ended inside the measured time.
                Ok(()) if counts && shared.measuring.load(Ordering::Relaxed) => {
                    shared.latencies.record(began.elapsed());
                }
                Ok(()) => {}
                Err(error) => {
                    shared.failed.fetch_add(1, Ordering::Relaxed);
                    shared
                        .first_failure
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .get_or_insert_with(|| format!("{error:#}"));
                    tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
                }
            }
        }
    }
}
