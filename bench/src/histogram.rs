//! Latencies in bounded memory: counts by duration, exact to one per cent.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Durations below this many microseconds have a bucket each.
const LINEAR: u64 = 128;
/// Every doubling above has as many buckets.
const PER_DOUBLING: u64 = 128;
/// Doublings until 2^36 microseconds, most of a day; longer ones count as that.
const DOUBLINGS: u64 = 29;

/// A histogram that many callers write to.
pub(crate) struct Histogram {
    buckets: Vec<AtomicU64>,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        let buckets = LINEAR + DOUBLINGS * PER_DOUBLING;
        Self { buckets: (0..buckets).map(|_| AtomicU64::new(0)).collect() }
    }

    pub(crate) fn record(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = usize::try_from(index(micros)).ok().and_then(|i| self.buckets.get(i))
        {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// The duration in microseconds that `percent` of all recorded ones do not exceed; 0 while
    /// there are none.
    pub(crate) fn percentile_us(&self, percent: u64) -> u64 {
        let count = self.count();
        let wanted = (count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (bucket, index) in self.buckets.iter().zip(0..) {
            seen += bucket.load(Ordering::Relaxed);
            if seen >= wanted {
                return lowest(index);
            }
        }
        0
    }
}

fn index(micros: u64) -> u64 {
    if micros < LINEAR {
        return micros;
    }
    let doubling = u64::from(micros.ilog2() - LINEAR.ilog2());
    if doubling >= DOUBLINGS {
        return LINEAR + DOUBLINGS * PER_DOUBLING - 1;
    }
    let within = (micros >> doubling) - LINEAR;
    LINEAR + doubling * PER_DOUBLING + within
}

/// The shortest duration of a bucket.
fn lowest(index: u64) -> u64 {
    if index < LINEAR {
        return index;
    }
    let (doubling, within) = ((index - LINEAR) / PER_DOUBLING, (index - LINEAR) % PER_DOUBLING);
    (LINEAR + within) << doubling
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_kept_to_one_per_cent() {
        for micros in (0..200).chain([1_000, 12_345, 999_999, 60_000_000, 3_600_000_000]) {
            let kept = lowest(index(micros));
            assert!(kept <= micros && micros - kept <= micros / 100, "{micros} became {kept}");
        }
        assert_eq!(index(u64::MAX), index(1 << 40));
    }

    #[test]
    fn percentiles_are_those_of_the_recorded_durations() {
        let histogram = Histogram::new();
        assert_eq!(histogram.percentile_us(50), 0);
        for micros in 1..=100 {
            histogram.record(Duration::from_micros(micros));
        }
        assert_eq!(histogram.count(), 100);
        assert_eq!(histogram.percentile_us(50), 50);
        assert_eq!(histogram.percentile_us(99), 99);
        assert_eq!(histogram.percentile_us(100), 100);
    }
}
