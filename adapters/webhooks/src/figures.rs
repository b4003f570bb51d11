//! What is counted about webhooks for monitoring. The names are a contract with dashboards and alerts;
//! no label names an integrator.

use kontor_postgres::webhooks::Summary;
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};

use crate::call::Answer;

const ATTEMPTS: &str = "kontor_webhook_attempts_total";
const WEBHOOKS: &str = "kontor_webhooks";
const EVENTS: &str = "kontor_webhook_events";
const OLDEST: &str = "kontor_webhook_oldest_seconds";

/// Describes all figures of this crate, and begins the counters at zero, so that the first failure is
/// a rise and not a new line.
pub fn describe() {
    describe_counter!(ATTEMPTS, "Calls of webhooks by what came of them");
    describe_gauge!(WEBHOOKS, "Webhooks by how they do");
    describe_gauge!(EVENTS, "Events that wait for another attempt, and those given up");
    describe_gauge!(
        OLDEST,
        Unit::Seconds,
        "How long the oldest event of a webhook has been waiting"
    );
    for outcome in ["accepted", "refused", "unreachable"] {
        counter!(ATTEMPTS, "outcome" => outcome).increment(0);
    }
}

/// Publishes how all webhooks stand.
pub fn publish(seen: &Summary) {
    let paused = seen.disabled - seen.disabled_by_kontor;
    for (state, count) in [
        ("well", seen.active - seen.failing),
        ("failing", seen.failing),
        ("paused", paused),
        ("disabled", seen.disabled_by_kontor),
    ] {
        gauge!(WEBHOOKS, "state" => state).set(count as f64);
    }
    gauge!(EVENTS, "state" => "pending").set(seen.pending as f64);
    gauge!(EVENTS, "state" => "failed").set(seen.failed as f64);
    gauge!(OLDEST).set(seen.oldest_seconds);
}

/// Counts a call.
pub(crate) fn called(answer: &Answer) {
    let outcome = match (&answer.failure, answer.status) {
        (None, _) => "accepted",
        (Some(_), Some(_)) => "refused",
        (Some(_), None) => "unreachable",
    };
    counter!(ATTEMPTS, "outcome" => outcome).increment(1);
}
