//! When an event is tried again, and when no more.

use chrono::TimeDelta;

/// The pauses after each failed attempt, as Standard Webhooks advises: the first ones for a hiccup, the
/// later ones for an outage over a weekend.
const PAUSES_SECONDS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// A pause is longer by up to this share, so that what failed together does not come back together.
const JITTER_PERCENT: i64 = 10;
/// The attempts of an event: the first one and one after each pause, over three days.
pub const ATTEMPTS_MAX: i32 = 10;
/// A webhook for which nothing succeeded for so long is disabled: longer than any event is tried, and
/// than a long weekend.
pub const DISABLED_AFTER: TimeDelta = TimeDelta::days(5);

/// The pause after so many failed attempts; none when that was the last one.
pub(crate) fn pause_after(attempts: i32) -> Option<TimeDelta> {
    let index = usize::try_from(attempts.checked_sub(1)?).ok()?;
    let pause_ms = PAUSES_SECONDS.get(index)? * 1_000;
    let jitter_ms = rand::random_range(0..=pause_ms * JITTER_PERCENT / 100);
    Some(TimeDelta::milliseconds(pause_ms + jitter_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_and_end_before_a_webhook_is_disabled() {
        let pauses: Vec<TimeDelta> = (1..ATTEMPTS_MAX).filter_map(pause_after).collect();
        assert_eq!(pauses.len(), PAUSES_SECONDS.len());
        assert!(pauses.is_sorted(), "{pauses:?}");
        let sum = pauses.iter().fold(TimeDelta::zero(), |sum, pause| sum + *pause);
        assert!(sum > TimeDelta::days(3) && sum < DISABLED_AFTER, "{sum}");
        for none in [ATTEMPTS_MAX, 0, -1, i32::MIN, i32::MAX] {
            assert_eq!(pause_after(none), None, "{none}");
        }
    }
}
