//! Pauses between attempts that grow and do not fall into step with each other.

use std::time::Duration;

/// The pause before attempt `attempt + 1`, counted from 1: `first` doubled each time up to `max`,
/// then spread at random between half of it and all of it.
pub(crate) fn pause(attempt: u32, first: Duration, max: Duration) -> Duration {
    // 20 doublings turn a millisecond into a quarter of an hour; no setting needs more.
    let doublings = attempt.saturating_sub(1).min(20);
    let full = first.saturating_mul(1 << doublings).min(max);
    let half = full / 2;
    let spread_micros = u64::try_from((full - half).as_micros()).unwrap_or(u64::MAX);
    half + Duration::from_micros(rand::random_range(0..=spread_micros))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::pause;

    #[test]
    fn pauses_grow_to_the_bound_and_keep_at_least_half() {
        let (first, max) = (Duration::from_millis(100), Duration::from_secs(2));
        for (attempt, full_ms) in [(0, 100), (1, 100), (2, 200), (3, 400), (5, 1_600), (6, 2_000)] {
            for _ in 0..50 {
                let pause = pause(attempt, first, max);
                assert!(pause <= Duration::from_millis(full_ms), "{attempt}: {pause:?}");
                assert!(pause >= Duration::from_millis(full_ms / 2), "{attempt}: {pause:?}");
            }
        }
        assert!(pause(u32::MAX, first, max) <= max);
    }
}
