//! Latencies of single commands while nothing else happens.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use kontor_projections::checkpoints;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    drive::{Contender, register_meters},
    histogram::Histogram,
    in_process::Kontor,
    report::Latency,
    through_nats::Running,
    workload::Reading,
};

/// The read model that is watched.
const READ_MODEL: &str = "readings";
/// The pause between two samples: long enough for the last one's traces to be gone (checkpoints of
/// followers that skim come 20 ms after it), and no multiple of any polling interval.
const PAUSE: Duration = Duration::from_millis(71);
/// How many samples go before those that count.
const WARM_UP_SAMPLES: u32 = 10;
/// The longest wait for one event to become visible.
const VISIBLE_MAX: Duration = Duration::from_secs(10);

/// From sending a command to its outcome.
pub(crate) async fn round_trip(running: &Running, samples: u32) -> anyhow::Result<Latency> {
    let contender: Arc<dyn Contender> = Arc::new(running.sender.clone());
    let meter = one_meter(&contender).await?;
    let latencies = Histogram::new();
    for sample in 1..=WARM_UP_SAMPLES + samples {
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        let reading = Reading { meter, number: i64::from(sample) };
        running.sender.send_reading(reading).await?;
        if sample > WARM_UP_SAMPLES {
            latencies.record(began.elapsed());
        }
    }
    Ok(Latency::of(&latencies))
}

/// From the beginning of an append until the read model's checkpoint has passed its position.
pub(crate) async fn visible(kontor: &Kontor, samples: u32) -> anyhow::Result<Latency> {
    let contender: Arc<dyn Contender> = Arc::new(kontor.clone());
    let meter = one_meter(&contender).await?;
    let latencies = Histogram::new();
    for sample in 1..=WARM_UP_SAMPLES + samples {
        tokio::time::sleep(PAUSE).await;
        let reading = Reading { meter, number: i64::from(sample) };
        let envelope = kontor.workload.reading_envelope(reading)?;
        let began = Instant::now();
        let position = kontor.route(envelope).await?.context("a reading has no event")?;
        while checkpoints::position(&kontor.pool, READ_MODEL).await? < position {
            ensure!(began.elapsed() < VISIBLE_MAX, "{READ_MODEL} does not follow");
        }
        if sample > WARM_UP_SAMPLES {
            latencies.record(began.elapsed());
        }
    }
    Ok(Latency::of(&latencies))
}

async fn one_meter(contender: &Arc<dyn Contender>) -> anyhow::Result<Uuid> {
    let meters = register_meters(contender, 1).await?;
    meters.first().copied().context("no meter was registered")
}
