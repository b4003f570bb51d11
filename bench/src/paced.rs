//! Latency at a steady rate: callers come whether or not the ones before them were answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::{
    drive::{Contender, register_meters},
    histogram::Histogram,
    report::Latency,
    workload::{METERS, Reading},
};

/// How often callers come.
const TICK: Duration = Duration::from_millis(1);
/// The most callers that may wait at once; with more the rate was not kept.
const WAITING_MAX: usize = 20_000;

/// Submits `per_second` readings a second for some seconds. Each is timed from the moment at which
/// it was due, so that a contender which stalls pays for everybody it held up.
pub(crate) async fn paced(
    contender: &Arc<dyn Contender>,
    per_second: u32,
    seconds: u64,
) -> anyhow::Result<Latency> {
    let meters = register_meters(contender, METERS).await?;
    let latencies = Arc::new(Histogram::new());
    let failed = Arc::new(AtomicU64::new(0));
    let each_tick = per_second / 1_000;
    ensure!(each_tick > 0, "at least a thousand a second can be paced");
    let ticks = seconds * 1_000;
    let begin = Instant::now() + TICK;
    let mut clock = interval_at(begin, TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut callers = JoinSet::new();
    let mut numbers = (1_i64..).flat_map(|number| (0..METERS).map(move |meter| (number, meter)));
    for _ in 0..ticks {
        let due = clock.tick().await;
        for _ in 0..each_tick {
            let (number, meter) = numbers.next().context("numbers do not end")?;
            let meter = *meters.get(meter).context("there are as many meters")?;
            let (contender, latencies) = (Arc::clone(contender), Arc::clone(&latencies));
            let failed = Arc::clone(&failed);
            callers.spawn(async move {
                match contender.submit(Reading { meter, number }).await {
                    Ok(()) => latencies.record(due.elapsed()),
                    Err(_) => drop(failed.fetch_add(1, Ordering::Relaxed)),
                }
            });
        }
        while callers.try_join_next().is_some() {}
        ensure!(callers.len() < WAITING_MAX, "the rate of {per_second} a second is not kept");
    }
    while let Some(ended) = callers.join_next().await {
        ended.context("a caller panicked")?;
    }
    let failed = failed.load(Ordering::Relaxed);
    ensure!(failed == 0, "{failed} readings failed at {per_second} a second");
    Ok(Latency::of(&latencies))
}
