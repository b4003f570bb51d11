//! When an event is tried again, and when no more.
//!
//! Whether an event is at fault or the whole other side is told by what becomes of the other events. So
//! an event that had its attempts is tried on, and given up only after two more that failed, each of
//! which says something: another event was accepted between it and the attempt before. An outage makes
//! one attempt of an event fail by itself, the first call that it meets; no outage makes the next one
//! count. After some failures in a row one event is tried now and then, which counts for none; and a
//! webhook for which nothing was accepted for days is disabled with everything still waiting.

use chrono::TimeDelta;

/// The pauses after each failed attempt, as Standard Webhooks advises: the first ones for a hiccup, the
/// later ones for an outage over a weekend.
const PAUSES_SECONDS: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// A pause is longer by up to this share, so that what failed together does not come back together.
const JITTER_PERCENT: i64 = 10;
/// The attempts of an event by its pauses: the first one and one after each, over three days.
pub const ATTEMPTS_MAX: i32 = 10;
/// After so many attempts an event is given up. Those beyond [`ATTEMPTS_MAX`] count only while other
/// events are accepted.
pub const GIVEN_UP_AFTER: i32 = ATTEMPTS_MAX + 2;
/// The pause before an attempt beyond [`ATTEMPTS_MAX`].
const CONFIRM_SECONDS: i64 = 3_600;
/// A webhook for which nothing succeeded for so long is disabled: longer than any event is tried, and
/// than a long weekend.
pub const DISABLED_AFTER: TimeDelta = TimeDelta::days(5);

/// The pause after so many failed attempts.
pub(crate) fn pause_after(attempts: i32) -> TimeDelta {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    let pause_ms = PAUSES_SECONDS.get(index).unwrap_or(&CONFIRM_SECONDS) * 1_000;
    let jitter_ms = rand::random_range(0..=pause_ms * JITTER_PERCENT / 100);
    TimeDelta::milliseconds(pause_ms + jitter_ms)
}

/// The attempts of an event after one more that failed. Beyond the usual ones only an attempt counts
/// before which the other side accepted something.
pub(crate) fn counted(attempts: i32, accepts_others: bool) -> i32 {
    if attempts > ATTEMPTS_MAX && !accepts_others { attempts - 1 } else { attempts }
}

/// Whether an event had all its attempts.
pub(crate) fn is_exhausted(attempts: i32) -> bool {
    attempts >= GIVEN_UP_AFTER
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_and_end_before_a_webhook_is_disabled() {
        let pauses: Vec<TimeDelta> = (1..ATTEMPTS_MAX).map(pause_after).collect();
        assert_eq!(pauses.len(), PAUSES_SECONDS.len());
        assert!(pauses.is_sorted(), "{pauses:?}");
        let all = (1..).take_while(|it| !is_exhausted(*it)).map(pause_after);
        let sum = all.fold(TimeDelta::zero(), |sum, pause| sum + pause);
        assert!(sum > TimeDelta::days(3) && sum < DISABLED_AFTER, "{sum}");
        for few in [0, -1, i32::MIN] {
            assert!(pause_after(few) < TimeDelta::seconds(6), "{few}");
        }
        for many in [ATTEMPTS_MAX, i32::MAX] {
            assert!(pause_after(many) >= TimeDelta::hours(1), "{many}");
        }
    }

    #[test]
    fn beyond_the_usual_attempts_only_those_count_beside_which_others_are_accepted() {
        for attempts in [1, ATTEMPTS_MAX] {
            assert_eq!((counted(attempts, true), counted(attempts, false)), (attempts, attempts));
        }
        assert_eq!(counted(ATTEMPTS_MAX + 1, false), ATTEMPTS_MAX);
        assert_eq!(counted(GIVEN_UP_AFTER, false), GIVEN_UP_AFTER - 1);
        assert_eq!(counted(GIVEN_UP_AFTER, true), GIVEN_UP_AFTER);
        assert!(is_exhausted(GIVEN_UP_AFTER) && !is_exhausted(GIVEN_UP_AFTER - 1));
    }
}
