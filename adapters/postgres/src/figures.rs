//! What the log and the followers count for monitoring. The names are a contract with dashboards and
//! alerts; labels hold only names that the program itself chose.

use std::{collections::BTreeSet, time::Duration};

use kontor_commands::AppendOutcome;
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::{observe::Observation, seals};

const APPENDS: &str = "kontor_appends_total";
const BATCHES: &str = "kontor_append_batches_total";
const BATCH_SIZE: &str = "kontor_append_batch_size";
const DURATION: &str = "kontor_append_duration_seconds";
const FOLLOWED: &str = "kontor_follower_events_total";
const FOLLOWER_FAILURES: &str = "kontor_follower_failures_total";

const HEAD: &str = "kontor_log_head_position";
const POSITION: &str = "kontor_follower_position";
const LAG_EVENTS: &str = "kontor_follower_lag_events";
const LAG_SECONDS: &str = "kontor_follower_lag_seconds";
const HEARTBEAT: &str = "kontor_follower_heartbeat_age_seconds";
const PARKED: &str = "kontor_follower_parked_events";
const LETTERS: &str = "kontor_dead_letters_open";
const INBOX_PENDING: &str = "kontor_inbox_pending";
const INBOX_DEAD: &str = "kontor_inbox_dead";
const INBOX_OLDEST: &str = "kontor_inbox_oldest_seconds";
const LEASES: &str = "kontor_leases_held";
const SEAL_AGE: &str = "kontor_ledger_seal_age_seconds";
const SEAL_OVERDUE: &str = "kontor_ledger_seal_overdue_seconds";

/// The kinds of leases, by what their names begin with.
const LEASE_KINDS: [(&str, &str); 5] = [
    ("shard", "shard/"),
    ("follower", "follower."),
    ("bot", "telegram"),
    ("webhook", "webhook/"),
    ("seals", seals::LEASE),
];

/// Describes all figures of this crate, and begins the counters at zero, so that the first failure
/// is a rise and not a new line.
pub fn describe() {
    describe_counter!(APPENDS, "Appends by what the log said to them");
    describe_counter!(BATCHES, "Transactions of the appender");
    describe_histogram!(BATCH_SIZE, "Appends in one transaction");
    describe_histogram!(DURATION, Unit::Seconds, "One call of the append function");
    describe_counter!(FOLLOWED, "Events that followers have passed");
    describe_counter!(FOLLOWER_FAILURES, "Failed steps of followers");
    describe_gauge!(HEAD, "The position of the log's last event");
    describe_gauge!(POSITION, "The position that a follower has reached");
    describe_gauge!(LAG_EVENTS, "Events that a follower has yet to pass");
    describe_gauge!(
        LAG_SECONDS,
        Unit::Seconds,
        "How long a follower's next event has been waiting"
    );
    describe_gauge!(HEARTBEAT, Unit::Seconds, "Since when a follower has not been heard of");
    describe_gauge!(PARKED, "Events that a follower has parked");
    describe_gauge!(LETTERS, "Dead letters that wait for an operator");
    describe_gauge!(INBOX_PENDING, "Deliveries that are not done yet");
    describe_gauge!(INBOX_DEAD, "Deliveries that were given up");
    describe_gauge!(INBOX_OLDEST, Unit::Seconds, "How long the oldest delivery has been waiting");
    describe_gauge!(LEASES, "Leases that this process holds");
    describe_gauge!(SEAL_AGE, Unit::Seconds, "The age of the last seal of the credit ledgers");
    describe_gauge!(
        SEAL_OVERDUE,
        Unit::Seconds,
        "Since when the log should have been looked through for what is not sealed"
    );
    for outcome in ["appended", "conflict", "duplicate", "failed"] {
        counter!(APPENDS, "outcome" => outcome).increment(0);
    }
    counter!(BATCHES).increment(0);
}

/// Counts one call of the append function; `outcomes` is none when it failed.
pub(crate) fn appended(appends: usize, took: Duration, outcomes: Option<&[AppendOutcome]>) {
    counter!(BATCHES).increment(1);
    // A batch holds a few hundred appends at most.
    histogram!(BATCH_SIZE).record(u32::try_from(appends).unwrap_or(u32::MAX));
    histogram!(DURATION).record(took);
    let Some(outcomes) = outcomes else {
        return counter!(APPENDS, "outcome" => "failed").increment(appends as u64);
    };
    for outcome in outcomes {
        let outcome = match outcome {
            AppendOutcome::Appended { .. } => "appended",
            AppendOutcome::Duplicate(_) => "duplicate",
            AppendOutcome::Conflict { .. } => "conflict",
        };
        counter!(APPENDS, "outcome" => outcome).increment(1);
    }
}

/// Begins a follower's counters at zero.
pub(crate) fn begin(follower: &'static str) {
    counter!(FOLLOWED, "follower" => follower).increment(0);
    counter!(FOLLOWER_FAILURES, "follower" => follower).increment(0);
}

/// Counts events that a follower has passed.
pub(crate) fn followed(follower: &'static str, events: usize) {
    counter!(FOLLOWED, "follower" => follower).increment(events as u64);
}

/// Counts a failed step of a follower.
pub(crate) fn follower_failed(follower: &'static str) {
    counter!(FOLLOWER_FAILURES, "follower" => follower).increment(1);
}

/// The place of a follower among the figures: its name, its version and what it is for.
type Series = (String, i32, &'static str);

/// What was published of followers last: a follower whose duty changes, such as one that is paused,
/// leaves a series behind that nobody sets any more, and an alert must not go on from its last value.
#[derive(Debug, Default)]
pub struct Published(BTreeSet<Series>);

impl Published {
    /// Publishes what was observed; `owner` is the name of this process in the leases.
    pub fn publish(&mut self, seen: &Observation, owner: &str) {
        set(HEAD, seen.head);
        self.followers(seen);
        let backlog = &seen.backlog;
        gauge!(LETTERS, "kind" => "command").set(backlog.command_letters as f64);
        gauge!(LETTERS, "kind" => "follower").set(backlog.follower_letters as f64);
        set(INBOX_PENDING, backlog.inbox_pending);
        set(INBOX_DEAD, backlog.inbox_dead);
        gauge!(INBOX_OLDEST).set(backlog.inbox_oldest_seconds);
        for (kind, prefix) in LEASE_KINDS {
            let held = seen.leases.iter().filter(|lease| lease.owner == owner);
            let held = held.filter(|lease| lease.name.starts_with(prefix)).count();
            gauge!(LEASES, "kind" => kind).set(held as f64);
        }
    }

    fn followers(&mut self, seen: &Observation) {
        let mut now = BTreeSet::new();
        for follower in &seen.followers {
            let series = (follower.name.clone(), follower.version, follower.duty().as_str());
            let labels = labels(&series);
            gauge!(POSITION, &labels).set(follower.position as f64);
            gauge!(LAG_EVENTS, &labels).set(follower.lag_events as f64);
            gauge!(LAG_SECONDS, &labels).set(follower.lag_seconds);
            gauge!(PARKED, &labels).set(follower.parked as f64);
            if let Some(age) = follower.heartbeat_age_seconds {
                gauge!(HEARTBEAT, &labels).set(age);
            }
            now.insert(series);
        }
        // Once at zero they go by themselves when they were idle for long enough.
        for gone in self.0.difference(&now) {
            let labels = labels(gone);
            for name in [POSITION, LAG_EVENTS, LAG_SECONDS, PARKED, HEARTBEAT] {
                gauge!(name, &labels).set(0.0);
            }
        }
        self.0 = now;
    }
}

fn labels((follower, version, duty): &Series) -> [(&'static str, String); 3] {
    [("follower", follower.clone()), ("version", version.to_string()), ("duty", (*duty).to_owned())]
}

/// Publishes how sealing stands.
pub fn publish_seals(standing: &seals::Standing) {
    if let Some(age) = standing.age_seconds {
        gauge!(SEAL_AGE).set(age);
    }
    gauge!(SEAL_OVERDUE).set(standing.overdue_seconds);
}

fn set(name: &'static str, value: i64) {
    gauge!(name).set(value as f64);
}
