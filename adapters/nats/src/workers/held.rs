//! Keeps the order of an aggregate's commands while some of them are on their way back.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// How much later than the command before it a held-back one comes again: more than the server's
/// timers are off.
const STAGGER: Duration = Duration::from_millis(10);
/// How much longer than its pause a returned command is waited for; then the others go on.
const GRACE: Duration = Duration::from_secs(10);

/// The returned commands of one lane, by aggregate. Bounded by the consumer's limit of
/// unacknowledged messages: each entry stands for one of them.
#[derive(Default)]
pub(super) struct Held {
    /// By place in the stream, when each command is due.
    aggregates: HashMap<String, BTreeMap<u64, Instant>>,
}

impl Held {
    /// Remembers that the command goes back for `pause`.
    pub(super) fn hold(&mut self, address: &str, sequence: u64, pause: Duration) {
        let now = Instant::now();
        // What another process has taken over never comes back here.
        self.aggregates.retain(|_, returned| {
            returned.retain(|_, due| *due + GRACE > now);
            !returned.is_empty()
        });
        let returned = self.aggregates.entry(address.to_owned()).or_default();
        returned.insert(sequence, now + pause);
    }

    /// Forgets a command that came to its end.
    pub(super) fn release(&mut self, address: &str, sequence: u64) {
        if let Some(returned) = self.aggregates.get_mut(address) {
            returned.remove(&sequence);
            if returned.is_empty() {
                self.aggregates.remove(address);
            }
        }
    }

    /// How long a command must go back because earlier ones of its aggregate are on their way.
    pub(super) fn wait(&self, address: &str, sequence: u64) -> Option<Duration> {
        let now = Instant::now();
        let returned = self.aggregates.get(address)?;
        let earlier = returned.range(..sequence).map(|(_, due)| *due);
        let last_due = earlier.filter(|due| *due + GRACE > now).max()?;
        Some(last_due.saturating_duration_since(now) + STAGGER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    #[test]
    fn later_commands_of_the_same_aggregate_wait() {
        let mut held = Held::default();
        held.hold("demo.meter.a", 7, PAUSE);
        assert!(held.wait("demo.meter.a", 8).unwrap() > PAUSE / 2);
        assert_eq!(held.wait("demo.meter.a", 7), None, "the command itself is let in");
        assert_eq!(held.wait("demo.meter.a", 6), None, "an earlier one is let in");
        assert_eq!(held.wait("demo.meter.b", 8), None, "another aggregate is let in");
        held.release("demo.meter.a", 8);
        assert!(held.wait("demo.meter.a", 8).is_some(), "only the returned command releases");
        held.release("demo.meter.a", 7);
        assert_eq!(held.wait("demo.meter.a", 8), None);
    }

    #[test]
    fn a_new_command_waits_for_all_that_were_held_back_before_it() {
        let mut held = Held::default();
        held.hold("demo.meter.a", 7, PAUSE);
        for sequence in [8, 9] {
            let pause = held.wait("demo.meter.a", sequence).unwrap();
            held.hold("demo.meter.a", sequence, pause);
        }
        held.release("demo.meter.a", 7);
        assert_eq!(held.wait("demo.meter.a", 8), None, "its turn");
        assert!(held.wait("demo.meter.a", 10).is_some());
        held.release("demo.meter.a", 8);
        held.release("demo.meter.a", 9);
        assert_eq!(held.wait("demo.meter.a", 10), None);
    }
}
