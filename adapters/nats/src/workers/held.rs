//! Keeps the order of an aggregate's commands while one of them is on its way back.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// How much later than the command before it a held-back one comes again.
const STAGGER: Duration = Duration::from_millis(100);
/// How much longer than its pause a returned command is waited for; then the others go on.
const GRACE: Duration = Duration::from_secs(10);

/// The aggregates of one lane with a returned command. Bounded by the commands in flight: each
/// entry stands for one that was delivered and not acknowledged.
#[derive(Default)]
pub(super) struct Held {
    aggregates: HashMap<String, Returned>,
}

struct Returned {
    sequence: u64,
    due: Instant,
}

impl Held {
    /// Remembers that the command goes back for `pause`.
    pub(super) fn hold(&mut self, address: &str, sequence: u64, pause: Duration) {
        let now = Instant::now();
        // Entries of commands that another process took over.
        self.aggregates.retain(|_, returned| returned.due + GRACE > now);
        self.aggregates.insert(address.to_owned(), Returned { sequence, due: now + pause });
    }

    /// Forgets a command that came to its end.
    pub(super) fn release(&mut self, address: &str, sequence: u64) {
        if self.aggregates.get(address).is_some_and(|returned| returned.sequence == sequence) {
            self.aggregates.remove(address);
        }
    }

    /// How long a command must wait because an earlier one of its aggregate is on its way back.
    pub(super) fn wait(&self, address: &str, sequence: u64) -> Option<Duration> {
        let returned = self.aggregates.get(address)?;
        let now = Instant::now();
        let before = returned.sequence < sequence && returned.due + GRACE > now;
        before.then(|| returned.due.saturating_duration_since(now) + STAGGER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_commands_of_the_same_aggregate_wait() {
        let mut held = Held::default();
        held.hold("demo.meter.a", 7, Duration::from_secs(1));
        assert!(held.wait("demo.meter.a", 8).unwrap() > Duration::from_millis(900));
        assert_eq!(held.wait("demo.meter.a", 7), None, "the command itself is let in");
        assert_eq!(held.wait("demo.meter.a", 6), None, "an earlier one is let in");
        assert_eq!(held.wait("demo.meter.b", 8), None, "another aggregate is let in");
        held.release("demo.meter.a", 8);
        assert!(held.wait("demo.meter.a", 8).is_some(), "only the returned command releases");
        held.release("demo.meter.a", 7);
        assert_eq!(held.wait("demo.meter.a", 8), None);
    }
}
