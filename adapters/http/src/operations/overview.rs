//! How everything is at this moment.

use chrono::{DateTime, Utc};
use kontor_postgres::observe::HeldLease;
use kontor_projections::checkpoints::{Duty, FollowerLag};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    history::Seen,
    operator::Operator,
    processes::{self, Process, Segment},
    words::grouped,
};
use crate::state::ApiState;

/// The shards that commands are divided into; the leases of their workers are named after them.
const SHARD_LEASE: &str = "shard/";

/// What stands in the place of a figure that is not known.
const UNKNOWN: &str = "–";

/// How everything is at a moment.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Overview {
    /// When it was so.
    pub(super) at: DateTime<Utc>,
    /// The position of the log's last event; null while the database cannot be read.
    pub(super) head: Option<i64>,
    pub(super) engines: Vec<Engine>,
    pub(super) followers: Vec<Follower>,
    pub(super) shards: Vec<Shard>,
    /// Of bots and webhooks only for operators of the whole platform: they are some tenant's.
    pub(super) leases: Vec<Lease>,
    /// The processes that share the work, the oldest first.
    pub(super) processes: Vec<Process>,
    /// Leases that a living process would take and nobody holds.
    pub(super) unserved: Vec<String>,
    pub(super) waiting: Waiting,
}

/// PostgreSQL or NATS.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Engine {
    #[schema(example = "PostgreSQL")]
    pub(super) name: &'static str,
    pub(super) up: bool,
    /// Null while it is down.
    pub(super) version: Option<String>,
    /// How long it takes to answer, in microseconds.
    pub(super) latency_us: Option<u64>,
}

/// A follower of the log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Follower {
    #[schema(example = "readings")]
    pub(super) name: String,
    pub(super) version: i32,
    /// What it is for: `live` must keep up with the log; `building` fills rows that nobody reads yet,
    /// `standby` keeps rows that were read before, and `paused` waits for an operator.
    #[schema(example = "live")]
    pub(super) duty: &'static str,
    /// The same, for the page.
    #[serde(skip)]
    pub(super) stands: Duty,
    /// `live`, `catching_up`, `retrying`, `starting`, `stopped` or `missing`.
    pub(super) state: String,
    /// Whether it is as it should be: who is live is heard of and near the head.
    pub(super) healthy: bool,
    pub(super) position: i64,
    pub(super) lag_events: i64,
    pub(super) lag_seconds: f64,
    pub(super) heartbeat_age_seconds: Option<f64>,
    /// Events in its dead letters.
    pub(super) parked: i64,
    /// What went wrong last; only for operators of the whole platform.
    pub(super) last_error: Option<String>,
    /// Its parts, by stream, and the process that does each; most have one part.
    pub(super) segments: Vec<Segment>,
}

/// A shard of the commands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Shard {
    pub(super) shard: u32,
    /// The process that serves it; null when none does.
    pub(super) owner: Option<String>,
    pub(super) epoch: Option<i64>,
    /// Commands that no worker has taken.
    pub(super) waiting: u64,
    /// Commands that a worker has taken and not settled.
    pub(super) in_flight: u64,
}

/// A piece of work that one process does at a time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Lease {
    pub(super) name: String,
    pub(super) owner: String,
    /// Grows with each owner.
    pub(super) epoch: i64,
    /// How long it lasts without renewal.
    pub(super) seconds_left: f64,
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub(crate) struct Waiting {
    /// Commands in the queue, taken or not; null while the broker is down.
    pub(super) commands: Option<u64>,
    /// Deliveries of the inbox.
    pub(super) inbox: i64,
    /// How long the oldest of them has been waiting.
    pub(super) inbox_oldest_seconds: f64,
    /// Deliveries that were given up.
    pub(super) inbox_dead: i64,
    /// Dead letters of commands.
    pub(super) command_letters: i64,
    /// Events that followers parked.
    pub(super) follower_letters: i64,
}

impl Overview {
    /// Whether everything is as it should be.
    pub(super) fn is_well(&self) -> bool {
        self.engines.iter().all(|engine| engine.up)
            && self.followers.iter().all(|follower| follower.healthy)
            && self.shards.iter().all(|shard| shard.owner.is_some())
            && self.waiting.letters() == 0
    }

    /// The position of the log's last event, as people read it.
    pub(super) fn head_text(&self) -> String {
        self.head.as_ref().map_or_else(|| UNKNOWN.to_owned(), grouped)
    }

    /// What an operator sees of a look.
    pub(super) fn of(state: &ApiState, seen: &Seen, operator: &Operator) -> Self {
        let found = seen.database.as_ref().map(|database| &database.found);
        let held = found.map_or(&[][..], |found| &found.leases);
        let listed = found.map_or(&[][..], |found| &found.processes);
        let leases = held.iter().filter(|lease| processes::may_see_lease(operator, &lease.name));
        let leases: Vec<Lease> = leases.map(Lease::of).collect();
        let followers = found.map_or_else(Vec::new, |found| {
            let followers = found.followers.iter();
            followers.map(|it| follower(state, it, (held, operator))).collect()
        });
        Self {
            at: seen.at,
            head: found.map(|found| found.head),
            engines: engines(seen),
            followers,
            shards: shards(seen, &leases),
            processes: processes::all(listed, held, operator),
            unserved: processes::unserved(listed, held, operator),
            waiting: waiting(seen),
            leases,
        }
    }
}

impl Lease {
    fn of(held: &HeldLease) -> Self {
        let HeldLease { name, owner, epoch, seconds_left } = held.clone();
        Self { name, owner, epoch, seconds_left }
    }
}

impl Follower {
    /// What it does, in words.
    pub(super) fn state_words(&self) -> String {
        let state = self.state.replace('_', " ");
        match self.stands {
            Duty::Live => state,
            // It waits to be read.
            Duty::Building if state == "live" => "building, caught up".to_owned(),
            Duty::Building => format!("building, {state}"),
            Duty::Standby if self.healthy => "standing by".to_owned(),
            Duty::Standby => format!("standing by, {state}"),
            Duty::Paused => "paused".to_owned(),
        }
    }

    /// How that is shown.
    pub(super) fn state_class(&self) -> &'static str {
        match self.stands {
            _ if !self.healthy => "state-bad",
            Duty::Live => "state-good",
            Duty::Building | Duty::Standby => "state-quiet",
            Duty::Paused => "state-warn",
        }
    }

    /// Who runs it, in words.
    pub(super) fn owners_text(&self) -> String {
        processes::owners_text(&self.segments)
    }
}

impl Waiting {
    /// Dead letters of both kinds.
    pub(super) fn letters(&self) -> i64 {
        self.command_letters + self.follower_letters
    }

    /// Their number as people read it.
    pub(super) fn letters_text(&self) -> String {
        grouped(&self.letters())
    }

    /// Commands in the queue, as people read it.
    pub(super) fn commands_text(&self) -> String {
        let commands = self.commands.map(|commands| i64::try_from(commands).unwrap_or(i64::MAX));
        commands.as_ref().map_or_else(|| UNKNOWN.to_owned(), grouped)
    }
}

fn engines(seen: &Seen) -> Vec<Engine> {
    let micros = |latency: std::time::Duration| u64::try_from(latency.as_micros()).ok();
    let (database, broker) = (seen.database.as_ref(), seen.broker.as_ref());
    vec![
        Engine {
            name: "PostgreSQL",
            up: database.is_some(),
            version: database.map(|database| database.version.clone()),
            latency_us: database.and_then(|database| micros(database.latency)),
        },
        Engine {
            name: "NATS",
            up: broker.is_some(),
            version: broker.map(|broker| broker.version.clone()),
            latency_us: broker.and_then(|broker| micros(broker.latency)),
        },
    ]
}

fn follower(
    state: &ApiState,
    lag: &FollowerLag,
    (leases, operator): (&[HeldLease], &Operator),
) -> Follower {
    Follower {
        name: lag.name.clone(),
        version: lag.version,
        duty: lag.duty().as_str(),
        stands: lag.duty(),
        state: lag.state.clone(),
        healthy: crate::status::is_live(state, lag)
            && (lag.state != "retrying" || lag.duty() == Duty::Paused),
        position: lag.position,
        lag_events: lag.lag_events,
        lag_seconds: lag.lag_seconds,
        heartbeat_age_seconds: lag.heartbeat_age_seconds,
        parked: lag.parked,
        // A cause may quote things of any tenant.
        last_error: lag.last_error.clone().filter(|_| operator.tenant().is_none()),
        segments: processes::segments(lag, leases),
    }
}

fn shards(seen: &Seen, leases: &[Lease]) -> Vec<Shard> {
    let shards = seen.broker.iter().flat_map(|broker| &broker.shards);
    shards
        .map(|shard| {
            let name = format!("{SHARD_LEASE}{}", shard.shard);
            let lease = leases.iter().find(|lease| lease.name == name);
            Shard {
                shard: shard.shard,
                owner: lease.map(|lease| lease.owner.clone()),
                epoch: lease.map(|lease| lease.epoch),
                waiting: shard.waiting,
                in_flight: shard.in_flight,
            }
        })
        .collect()
}

fn waiting(seen: &Seen) -> Waiting {
    let commands = seen
        .broker
        .as_ref()
        .map(|broker| broker.shards.iter().map(|shard| shard.waiting + shard.in_flight).sum());
    let backlog = seen.database.as_ref().map(|database| database.found.backlog);
    let backlog = backlog.unwrap_or_default();
    Waiting {
        commands,
        inbox: backlog.inbox_pending,
        inbox_oldest_seconds: backlog.inbox_oldest_seconds,
        inbox_dead: backlog.inbox_dead,
        command_letters: backlog.command_letters,
        follower_letters: backlog.follower_letters,
    }
}
