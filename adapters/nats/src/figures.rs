//! What the command bus and the relay count for monitoring. Labels hold only names that the program
//! itself chose: a name that came with a command becomes `other`.

use chrono::{DateTime, Utc};
use kontor_commands::{Envelope, Outcome, RouteError, Routed, clock};
use kontor_postgres::integrators::replays;
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::ShardBacklog;

const COMMANDS: &str = "kontor_commands_total";
const DURATION: &str = "kontor_command_duration_seconds";
const REDELIVERIES: &str = "kontor_command_redeliveries_total";
const RETURNED: &str = "kontor_commands_returned_total";
const DEAD: &str = "kontor_command_dead_letters_total";
const WAITING: &str = "kontor_command_queue_waiting";
const IN_FLIGHT: &str = "kontor_command_queue_in_flight";
const RELAYED: &str = "kontor_relay_events_total";
const RELAY_FAILURES: &str = "kontor_relay_failures_total";
const REPLAYS: &str = "kontor_replays";
const REPLAY_STILL: &str = "kontor_replay_still_seconds";

/// Describes all figures of this crate, and begins the counters at zero, so that the first failure
/// is a rise and not a new line.
pub fn describe() {
    describe_counter!(COMMANDS, "Commands by aggregate and outcome");
    describe_histogram!(DURATION, Unit::Seconds, "From a command's issue to its outcome");
    describe_counter!(REDELIVERIES, "Commands that were delivered once more");
    describe_counter!(RETURNED, "Commands that went back for a while");
    describe_counter!(DEAD, "Commands that were set aside");
    describe_gauge!(WAITING, "Commands that wait for a worker");
    describe_gauge!(IN_FLIGHT, "Commands that a worker has taken");
    describe_counter!(RELAYED, "Events that the relay published");
    describe_counter!(RELAY_FAILURES, "Publications of the relay that failed");
    describe_gauge!(REPLAYS, "Replays of integrators out of the log that are under way");
    describe_gauge!(
        REPLAY_STILL,
        Unit::Seconds,
        "How long a replay has been standing still, that of the slowest"
    );
    for name in [REDELIVERIES, RETURNED, DEAD, RELAYED, RELAY_FAILURES] {
        counter!(name).increment(0);
    }
}

/// Publishes how many commands wait in each shard.
pub fn publish(shards: &[ShardBacklog]) {
    for shard in shards {
        let label = shard.shard.to_string();
        gauge!(WAITING, "shard" => label.clone()).set(shard.waiting as f64);
        gauge!(IN_FLIGHT, "shard" => label).set(shard.in_flight as f64);
    }
}

/// Publishes how the replays out of the log stand.
pub fn publish_replays(seen: &replays::Summary) {
    gauge!(REPLAYS).set(seen.open as f64);
    gauge!(REPLAY_STILL).set(seen.still_seconds);
}

/// Counts a command that has its outcome, or failed for good.
pub(crate) fn commanded(
    aggregate: &str,
    issued_at: DateTime<Utc>,
    routed: &Result<Routed, RouteError>,
) {
    let outcome = match routed {
        Ok(Routed { replayed: true, .. }) => "replayed",
        Ok(Routed { outcome: Outcome::Accepted(_), .. }) => "accepted",
        Ok(Routed { outcome: Outcome::Refused { .. }, .. }) => "refused",
        Err(_) => "failed",
    };
    // Only the router knows which names exist: what it did not carry out has none of them.
    let aggregate = if routed.is_ok() { aggregate.to_owned() } else { "other".to_owned() };
    counter!(COMMANDS, "aggregate" => aggregate, "outcome" => outcome).increment(1);
    if let Ok(took) = (clock::now() - issued_at).to_std() {
        histogram!(DURATION, "outcome" => outcome).record(took);
    }
}

/// Counts a command whose message holds no command.
pub(crate) fn unreadable() {
    counter!(COMMANDS, "aggregate" => "other", "outcome" => "failed").increment(1);
}

/// Counts a delivery after the first.
pub(crate) fn delivered(deliveries: i64) {
    if deliveries > 1 {
        counter!(REDELIVERIES).increment(1);
    }
}

/// Counts a command that goes back for a while.
pub(crate) fn returned() {
    counter!(RETURNED).increment(1);
}

/// Counts a command that was set aside.
pub(crate) fn set_aside() {
    counter!(DEAD).increment(1);
}

/// Counts events that the relay published.
pub(crate) fn relayed(events: usize) {
    counter!(RELAYED).increment(events as u64);
}

/// Counts a publication that failed.
pub(crate) fn relay_failed() {
    counter!(RELAY_FAILURES).increment(1);
}

/// What is needed of a command after it was given away.
pub(crate) fn of(envelope: &Envelope) -> (String, DateTime<Utc>) {
    (envelope.aggregate.clone(), envelope.issued_at)
}
