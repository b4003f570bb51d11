//! `kontor process list`: who shares the work, and who holds what.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use kontor_postgres::members::{self, ListedLease, ListedProcess};
use serde::Serialize;
use sqlx::PgPool;

use crate::{cli::OutputArgs, output};

/// A process with what it holds.
#[derive(Debug, Serialize)]
struct Process {
    owner: String,
    roles: Vec<String>,
    host: String,
    pid: i64,
    version: String,
    alive: bool,
    started_at: DateTime<Utc>,
    /// When it last said that it lives; null of a process of an older version.
    seen_at: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
    leases: Vec<Lease>,
}

#[derive(Debug, Serialize)]
struct Lease {
    name: String,
    epoch: i64,
    expires_at: DateTime<Utc>,
}

/// Everything at a moment.
#[derive(Debug, Serialize)]
struct Listing {
    processes: Vec<Process>,
    /// Leases of an owner that is none of the processes, such as a program of an older version.
    others: Vec<Other>,
    /// What a process would take and nobody holds at this moment.
    unserved: BTreeSet<String>,
}

#[derive(Debug, Serialize)]
struct Other {
    owner: String,
    #[serde(flatten)]
    lease: Lease,
}

/// Lists the processes.
pub(crate) async fn list(pool: &PgPool, args: OutputArgs) -> anyhow::Result<()> {
    let (processes, leases) = tokio::try_join!(members::list(pool), members::held_leases(pool))?;
    let listing = Listing::of(processes, leases);
    if args.json {
        return output::json(&listing);
    }
    if listing.processes.is_empty() && listing.others.is_empty() {
        output::line("No process runs on this database; `kontor up` or a role starts one.");
        return Ok(());
    }
    print(&listing);
    Ok(())
}

impl Listing {
    fn of(processes: Vec<ListedProcess>, leases: Vec<ListedLease>) -> Self {
        let wanted = processes.iter().filter(|process| process.alive).flat_map(|p| &p.wants);
        let held: BTreeSet<&str> = leases.iter().map(|lease| lease.name.as_str()).collect();
        let unserved = wanted.filter(|name| !held.contains(name.as_str())).cloned().collect();
        let mut leases = leases;
        let processes = processes
            .into_iter()
            .map(|process| {
                let mine = leases.extract_if(.., |lease| lease.owner == process.owner);
                let leases = mine.map(Lease::of).collect();
                Process {
                    owner: process.owner,
                    roles: process.roles,
                    host: process.host,
                    pid: process.pid,
                    version: process.version,
                    alive: process.alive,
                    started_at: process.started_at,
                    seen_at: process.seen_at,
                    expires_at: process.expires_at,
                    leases,
                }
            })
            .collect();
        let others = leases.into_iter().map(|lease| {
            let owner = lease.owner.clone();
            Other { owner, lease: Lease::of(lease) }
        });
        Self { processes, others: others.collect(), unserved }
    }
}

impl Lease {
    fn of(lease: ListedLease) -> Self {
        let ListedLease { name, owner: _, epoch, expires_at } = lease;
        Self { name, epoch, expires_at }
    }
}

fn print(listing: &Listing) {
    let processes: Vec<Vec<String>> = listing
        .processes
        .iter()
        .map(|process| {
            vec![
                format!("{}@{}", process.pid, process.host),
                process.roles.join(" "),
                process.version.clone(),
                if process.alive { "alive" } else { "silent" }.to_owned(),
                process.started_at.format("%Y-%m-%d %H:%M:%S").to_string(),
                process.leases.len().to_string(),
            ]
        })
        .collect();
    output::table(&["PROCESS", "ROLES", "VERSION", "STATE", "SINCE (UTC)", "HOLDS"], &processes);
    let of_processes = listing.processes.iter().flat_map(|process| {
        let who = format!("{}@{}", process.pid, process.host);
        process.leases.iter().map(move |lease| (lease, who.clone()))
    });
    let of_others = listing.others.iter().map(|other| (&other.lease, other.owner.clone()));
    let mut leases: Vec<Vec<String>> = of_processes
        .chain(of_others)
        .map(|(lease, who)| vec![lease.name.clone(), lease.epoch.to_string(), who])
        .collect();
    leases.sort_unstable();
    if !leases.is_empty() {
        output::line("");
        output::table(&["LEASE", "EPOCH", "PROCESS"], &leases);
    }
    if !listing.unserved.is_empty() {
        let names: Vec<&str> = listing.unserved.iter().map(String::as_str).collect();
        output::line("");
        output::line(&format!("Nobody holds {} at this moment.", names.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(owner: &str, alive: bool, wants: &[&str]) -> ListedProcess {
        ListedProcess {
            owner: owner.to_owned(),
            roles: vec!["work".to_owned()],
            host: "host".to_owned(),
            pid: 7,
            version: "1".to_owned(),
            started_at: DateTime::UNIX_EPOCH,
            seen_at: None,
            expires_at: DateTime::UNIX_EPOCH,
            alive,
            wants: wants.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn lease(name: &str, owner: &str) -> ListedLease {
        ListedLease {
            name: name.to_owned(),
            owner: owner.to_owned(),
            epoch: 3,
            expires_at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn every_lease_is_listed_once_and_what_nobody_holds_is_named() {
        let processes =
            vec![process("a", true, &["shard/0", "shard/1"]), process("b", false, &["shard/9"])];
        let leases = vec![lease("shard/0", "a"), lease("shard/5", "old"), lease("shard/9", "b")];
        let listing = Listing::of(processes, leases);
        assert_eq!(listing.processes[0].leases[0].name, "shard/0");
        assert_eq!(listing.processes[1].leases.len(), 1);
        assert_eq!((listing.others.len(), listing.others[0].owner.as_str()), (1, "old"));
        assert_eq!(listing.unserved.into_iter().collect::<Vec<_>>(), ["shard/1"]);
    }
}
