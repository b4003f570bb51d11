//! How much happened lately: a sliding window in two numbers.
//!
//! What happened in the window before counts in proportion to the part of it that still lies within
//! a window's length. That is exact when it was spread evenly, and costs no memory.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A minute, in milliseconds.
pub(super) const MINUTE_MS: i64 = 60_000;
/// 24 hours, in milliseconds.
pub(super) const DAY_MS: i64 = 86_400_000;

/// What happened in a window and in the one before.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Velocity {
    window: i64,
    current: i64,
    previous: i64,
}

impl Velocity {
    /// The same at another instant, which may lie in a later window.
    fn at(self, at: DateTime<Utc>, window_ms: i64) -> (Self, i64) {
        let at_ms = at.timestamp_millis();
        let (window, passed_ms) = (at_ms.div_euclid(window_ms), at_ms.rem_euclid(window_ms));
        let moved = if window == self.window {
            self
        } else if window == self.window.saturating_add(1) {
            Self { window, current: 0, previous: self.current }
        } else {
            Self { window, current: 0, previous: 0 }
        };
        (moved, passed_ms)
    }

    /// Counts something that happened.
    pub(super) fn count(&mut self, amount: i64, at: DateTime<Utc>, window_ms: i64) {
        let (moved, _) = self.at(at, window_ms);
        *self = Self { current: moved.current.saturating_add(amount), ..moved };
    }

    /// How much happened within a window's length.
    pub(super) fn lately(self, at: DateTime<Utc>, window_ms: i64) -> i64 {
        let (moved, passed_ms) = self.at(at, window_ms);
        let still = i128::from(moved.previous) * i128::from(window_ms - passed_ms);
        let still = (still + i128::from(window_ms) - 1).div_euclid(i128::from(window_ms));
        moved.current.saturating_add(i64::try_from(still).unwrap_or(i64::MAX))
    }

    /// From when on there is room for so much more; none when there never is.
    pub(super) fn room_from(
        self,
        amount: i64,
        max: i64,
        at: DateTime<Utc>,
        window_ms: i64,
    ) -> Option<DateTime<Utc>> {
        let room = max.checked_sub(amount).filter(|room| *room >= 0)?;
        let (moved, _) = self.at(at, window_ms);
        // Within this window the one before fades; in the next one this one does.
        let (window, fading, room) = if moved.current <= room {
            (moved.window, moved.previous, room - moved.current)
        } else {
            (moved.window.checked_add(1)?, moved.current, room)
        };
        let faded_ms = if fading <= room {
            0
        } else {
            let over = i128::from(fading - room) * i128::from(window_ms) + i128::from(fading) - 1;
            i64::try_from(over.div_euclid(i128::from(fading))).ok()?
        };
        DateTime::from_timestamp_millis(window.checked_mul(window_ms)?.checked_add(faded_ms)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn instant(at_ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(at_ms).unwrap()
    }

    #[test]
    fn what_happened_fades_with_the_window() {
        let mut velocity = Velocity::default();
        velocity.count(60, instant(60_000), MINUTE_MS);
        assert_eq!(velocity.lately(instant(119_999), MINUTE_MS), 60);
        assert_eq!(velocity.lately(instant(150_000), MINUTE_MS), 30);
        assert_eq!(velocity.lately(instant(180_000), MINUTE_MS), 0);
        assert_eq!(velocity.lately(instant(i64::MAX / 1_000_000_000), MINUTE_MS), 0);
    }

    proptest! {
        #[test]
        fn there_is_room_when_it_is_promised_and_not_a_moment_before(
            happened in proptest::collection::vec((0_i64..120_000, 0_i64..50), 0..12),
            amount in 1_i64..40,
        ) {
            let (mut velocity, mut at_ms) = (Velocity::default(), 0);
            for (later_ms, amount) in happened {
                at_ms += later_ms;
                velocity.count(amount, instant(at_ms), MINUTE_MS);
            }
            let fits = |at| velocity.lately(at, MINUTE_MS) + amount <= 40;
            let from = velocity.room_from(amount, 40, instant(at_ms), MINUTE_MS).unwrap();
            prop_assert!(fits(from.max(instant(at_ms))));
            let before = from - chrono::Duration::milliseconds(1);
            prop_assert!(before < instant(at_ms) || !fits(before));
        }
    }

    #[test]
    fn more_than_a_window_takes_never_has_room() {
        assert_eq!(Velocity::default().room_from(2, 1, instant(0), MINUTE_MS), None);
    }
}
