//! Pauses between attempts that grow and do not fall into step with each other.

use std::time::Duration;

use rand::RngExt;

/// The pause after attempt `attempt`, counted from 1: `first` doubled each time up to `max`, then
/// spread at random between half of it and all of it.
pub(crate) fn pause(attempt: u32, first: Duration, max: Duration) -> Duration {
    let full = first.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(max);
    let half = full / 2;
    let spread = u64::try_from((full - half).as_micros()).unwrap_or(u64::MAX);
    half + Duration::from_micros(rand::rng().random_range(0..=spread))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::pause;

    #[test]
    fn pauses_grow_to_their_bound() {
        let (first, max) = (Duration::from_millis(100), Duration::from_secs(2));
        for (attempt, full_ms) in [(1, 100), (2, 200), (4, 800), (9, 2000), (u32::MAX, 2000)] {
            let pause = pause(attempt, first, max);
            let full = Duration::from_millis(full_ms);
            assert!(pause >= full / 2 && pause <= full, "{attempt}: {pause:?}");
        }
    }
}
