//! Who shares the work: each process with its parts, and what nobody does.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use kontor_postgres::{members::ListedProcess, observe::HeldLease};
use kontor_projections::checkpoints::FollowerLag;
use serde::Serialize;
use utoipa::ToSchema;

use super::{operator::Operator, words};

/// The kinds of work, by what the names of their leases begin with. The first two are the platform's;
/// a bot or a webhook is a tenant's, and its name is not for other tenants.
const KINDS: [(&str, &str); 4] = [
    ("shards", "shard/"),
    ("followers", "follower."),
    ("bots", "telegram/"),
    ("webhooks", "webhook/"),
];
/// How many of [`KINDS`] are the platform's.
const KINDS_OF_PLATFORM: usize = 2;

/// A process that takes part, or did within the last hour.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Process {
    /// Its name in the leases.
    pub(super) owner: String,
    #[schema(example = json!(["work"]))]
    pub(super) roles: Vec<String>,
    /// The machine; only for operators of the whole platform.
    pub(super) host: Option<String>,
    /// Its number on the machine.
    pub(super) pid: i64,
    pub(super) version: String,
    /// Whether it was heard of within the time that its leases last.
    pub(super) alive: bool,
    pub(super) started_at: DateTime<Utc>,
    /// When it was last heard of; null of a process of an older version.
    pub(super) seen_at: Option<DateTime<Utc>>,
    /// What it does, by kind of work; kinds of which it does nothing are left out.
    pub(super) shares: Vec<Share>,
}

/// The part that one process has in a kind of work.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub(crate) struct Share {
    /// `shards`, `followers`, `bots` or `webhooks`.
    #[schema(example = "shards")]
    pub(super) kind: &'static str,
    /// How many the process has.
    pub(super) held: usize,
    /// How many there are.
    pub(super) of: usize,
}

/// One part of a follower, by stream, and who does it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub(crate) struct Segment {
    /// From 0.
    pub(super) segment: i64,
    /// The process; null when none does it.
    pub(super) owner: Option<String>,
}

/// Whether an operator may read the name of a lease.
pub(super) fn may_see_lease(operator: &Operator, name: &str) -> bool {
    let open = &KINDS[..KINDS_OF_PLATFORM];
    operator.tenant().is_none() || open.iter().any(|(_, prefix)| name.starts_with(prefix))
}

/// The processes with their shares, the oldest first.
pub(super) fn all(
    listed: &[ListedProcess],
    leases: &[HeldLease],
    operator: &Operator,
) -> Vec<Process> {
    let wanted = listed.iter().filter(|process| process.alive).flat_map(|process| &process.wants);
    let held = leases.iter().map(|lease| &lease.name);
    let names: BTreeSet<&str> = wanted.chain(held).map(String::as_str).collect();
    let process = |listed: &ListedProcess| Process {
        owner: listed.owner.clone(),
        roles: listed.roles.clone(),
        host: operator.tenant().is_none().then(|| listed.host.clone()),
        pid: listed.pid,
        version: listed.version.clone(),
        alive: listed.alive,
        started_at: listed.started_at,
        seen_at: listed.seen_at,
        shares: shares(&listed.owner, leases, &names),
    };
    listed.iter().map(process).collect()
}

fn shares(owner: &str, leases: &[HeldLease], names: &BTreeSet<&str>) -> Vec<Share> {
    let of_kind = KINDS.into_iter().map(|(kind, prefix)| {
        let own = leases.iter().filter(|lease| lease.owner == owner);
        Share {
            kind,
            held: own.filter(|lease| lease.name.starts_with(prefix)).count(),
            of: names.iter().filter(|name| name.starts_with(prefix)).count(),
        }
    });
    of_kind.filter(|share| share.held > 0).collect()
}

/// What a living process would do and nobody does at this moment, as far as the operator may know.
pub(super) fn unserved(
    listed: &[ListedProcess],
    leases: &[HeldLease],
    operator: &Operator,
) -> Vec<String> {
    let held: BTreeSet<&str> = leases.iter().map(|lease| lease.name.as_str()).collect();
    let wanted = listed.iter().filter(|process| process.alive).flat_map(|process| &process.wants);
    let free: BTreeSet<&String> = wanted
        .filter(|name| !held.contains(name.as_str()) && may_see_lease(operator, name))
        .collect();
    free.into_iter().cloned().collect()
}

/// The parts of a follower with their owners.
pub(super) fn segments(follower: &FollowerLag, leases: &[HeldLease]) -> Vec<Segment> {
    let whole = format!("follower.{}.v{}", follower.name, follower.version);
    let part = |segment| {
        let name = if segment == 0 { whole.clone() } else { format!("{whole}.s{segment}") };
        let lease = leases.iter().find(|lease| lease.name == name);
        Segment { segment, owner: lease.map(|lease| lease.owner.clone()) }
    };
    (0..follower.segments).map(part).collect()
}

/// Who does which parts, in words: `project 7`, or `project 7: 0, 2 · nobody: 1`.
pub(super) fn owners_text(segments: &[Segment]) -> String {
    let mut by_owner: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Segment { segment, owner } in segments {
        let who = owner.as_ref().map_or_else(|| "nobody".to_owned(), |it| words::short_owner(it));
        by_owner.entry(who).or_default().push(segment.to_string());
    }
    if segments.len() <= 1 {
        return by_owner.into_keys().collect();
    }
    let parts = by_owner.into_iter().map(|(who, parts)| format!("{who}: {}", parts.join(", ")));
    parts.collect::<Vec<_>>().join(" · ")
}

impl Process {
    /// Its parts in words; nothing while it has none.
    pub(super) fn shares_text(&self) -> String {
        let told = self.shares.iter().map(|share| {
            let Share { kind, held, of } = share;
            format!("{held} of {of} {kind}")
        });
        told.collect::<Vec<_>>().join(" · ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{KeyInfo, Role};

    fn listed(owner: &str, alive: bool, wants: &[&str]) -> ListedProcess {
        ListedProcess {
            owner: owner.to_owned(),
            roles: vec!["work".to_owned()],
            host: "контора".to_owned(),
            pid: 7,
            version: "1".to_owned(),
            started_at: DateTime::UNIX_EPOCH,
            seen_at: None,
            expires_at: DateTime::UNIX_EPOCH,
            alive,
            wants: wants.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn lease(name: &str, owner: &str) -> HeldLease {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        HeldLease { name, owner, epoch: 1, seconds_left: 3.0 }
    }

    fn follower(segments: i64) -> FollowerLag {
        FollowerLag {
            name: "readings".to_owned(),
            version: 2,
            standing: None,
            segments,
            paused: false,
            position: 0,
            head: 0,
            lag_events: 0,
            lag_seconds: 0.0,
            heartbeat_age_seconds: None,
            state: "live".to_owned(),
            last_error: None,
            parked: 0,
        }
    }

    fn operator(tenant: Option<&str>) -> Operator {
        let key = KeyInfo {
            id: uuid::Uuid::nil(),
            prefix: "abc".to_owned(),
            tenant: tenant.map(|slug| slug.parse().unwrap()),
            role: Role::Operator,
            label: "test".to_owned(),
            created_at: DateTime::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        Operator { key, request_id: String::new() }
    }

    #[test]
    fn a_share_counts_what_is_held_of_what_somebody_holds_or_would_take() {
        let leases = [lease("shard/0", "a"), lease("shard/1", "b"), lease("telegram/demo", "a")];
        let processes = [
            listed("a", true, &["shard/0", "shard/1", "shard/2"]),
            listed("b", true, &[]),
            listed("dead", false, &["shard/9"]),
        ];
        let told = |operator: &Operator| -> Vec<String> {
            all(&processes, &leases, operator).iter().map(Process::shares_text).collect()
        };
        let platform = operator(None);
        assert_eq!(told(&platform), ["1 of 3 shards · 1 of 1 bots", "1 of 3 shards", ""]);
        assert_eq!(unserved(&processes, &leases, &platform), ["shard/2"]);
    }

    #[test]
    fn an_operator_of_a_tenant_sees_neither_machines_nor_the_names_of_bots() {
        let own = operator(Some("moscow"));
        let processes = [listed("a", true, &["telegram/salon", "follower.readings.v1"])];
        assert_eq!(all(&processes, &[], &own)[0].host, None);
        assert_eq!(all(&processes, &[], &operator(None))[0].host.as_deref(), Some("контора"));
        assert_eq!(unserved(&processes, &[], &own), ["follower.readings.v1"]);
        assert!(may_see_lease(&own, "shard/0") && !may_see_lease(&own, "webhook/1"));
    }

    #[test]
    fn every_part_of_a_follower_has_its_owner() {
        let leases = [
            lease("follower.readings.v2", "project-7-x"),
            lease("follower.readings.v2.s2", "project-7-x"),
            lease("follower.readings.v2.s3", "work-9-y"),
            lease("follower.readings.v1", "work-1-z"),
        ];
        let parts = segments(&follower(4), &leases);
        assert_eq!(owners_text(&parts), "nobody: 1 · project 7: 0, 2 · work 9: 3");
        assert_eq!(owners_text(&segments(&follower(1), &leases)), "project 7");
        assert_eq!(owners_text(&segments(&follower(1), &[])), "nobody");
    }
}
