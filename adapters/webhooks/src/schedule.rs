//! When an event is tried again, and when no more.
//!
//! Whether an event is at fault or the whole other side is told by what becomes of the other events. So
//! an event is given up only when something else was accepted since the attempt before its last; after
//! some failures in a row one event is tried now and then, which counts for none; and a webhook for
//! which nothing was accepted for days is disabled with everything still waiting.

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
/// How often an event is tried out of turn while the other side is down.
pub(crate) const PROBE_EVERY: TimeDelta = TimeDelta::minutes(5);

/// The pause after so many failed attempts. After the last one it is the longest: the event waits on
/// while nothing shows that the other side accepts others.
pub(crate) fn pause_after(attempts: i32) -> TimeDelta {
    let last = PAUSES_SECONDS.len() - 1;
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(last);
    let pause_ms = PAUSES_SECONDS[index] * 1_000;
    let jitter_ms = rand::random_range(0..=pause_ms * JITTER_PERCENT / 100);
    TimeDelta::milliseconds(pause_ms + jitter_ms)
}

/// Whether an event had all its attempts.
pub(crate) fn is_exhausted(attempts: i32) -> bool {
    attempts >= ATTEMPTS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_and_end_before_a_webhook_is_disabled() {
        let pauses: Vec<TimeDelta> =
            (1..).take_while(|it| !is_exhausted(*it)).map(pause_after).collect();
        assert_eq!(pauses.len(), PAUSES_SECONDS.len());
        assert!(pauses.is_sorted(), "{pauses:?}");
        let sum = pauses.iter().fold(TimeDelta::zero(), |sum, pause| sum + *pause);
        assert!(sum > TimeDelta::days(3) && sum < DISABLED_AFTER, "{sum}");
        for few in [0, -1, i32::MIN] {
            assert!(pause_after(few) < TimeDelta::seconds(6), "{few}");
        }
        for many in [ATTEMPTS_MAX, i32::MAX] {
            assert!(pause_after(many) >= TimeDelta::hours(24), "{many}");
        }
    }
}
