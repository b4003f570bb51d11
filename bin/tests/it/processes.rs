//! Processes that share the work, die, stand still and are replaced, under load.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::{
    fleet::{Fleet, LEASE_TTL, Listing, Process},
    load::Load,
};

/// Far above what a hand-over takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The followers of the role `project`: eleven read models, eight policies, the messages of reminders,
/// the warnings about credits and the news of payments and of kept cards.
const PROJECTED: usize = 23;

/// Whether one of two processes has its share of the followers; an odd number has no middle.
fn has_its_half(listing: &Listing, project: &Process) -> bool {
    [PROJECTED / 2, PROJECTED.div_ceil(2)].contains(&listing.held(project, "follower."))
}

/// Lists the processes until it is as expected, and returns how long that took.
async fn until(
    fleet: &Fleet,
    processes: &[&Process],
    what: &str,
    holds: impl Fn(&Listing) -> bool,
) -> Duration {
    let begun = Instant::now();
    loop {
        let listing = fleet.list().await;
        if holds(&listing) {
            return begun.elapsed();
        }
        if begun.elapsed() > PATIENCE {
            let said: Vec<String> = processes.iter().map(|process| process.said()).collect();
            panic!("waited in vain until {what}: {listing:?}\n{}", said.join("\n---\n"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_share_the_work_and_a_rolling_restart_loses_nothing() {
    let fleet = Fleet::new().await;
    let mut works = vec![fleet.start("work")];
    fleet.seed().await;
    let mut projects = vec![fleet.start("project")];
    let mut relays = vec![fleet.start("relay")];
    let load = Load::start(&fleet);
    load.more(40).await;

    // Newcomers get their part while commands are under way.
    works.push(fleet.start("work"));
    projects.push(fleet.start("project"));
    let all: Vec<&Process> = works.iter().chain(&projects).chain(&relays).collect();
    until(&fleet, &all, "two share", |listing| {
        works.iter().all(|work| listing.held(work, "shard/") == 4)
            && projects.iter().all(|project| has_its_half(listing, project))
            && listing.held(&relays[0], "follower.relay") == 1
    })
    .await;
    let table = fleet.list_text().await;
    for part in ["PROCESS", "alive", "work", "LEASE", "EPOCH", "shard/7", "follower.relay"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    load.more(40).await;

    // One after the other: the new one first, then the old one ends.
    for place in 0..2 {
        for fleet_of in [&mut works, &mut projects, &mut relays] {
            if place >= fleet_of.len() {
                continue;
            }
            let role = fleet_of[place].role();
            let old = std::mem::replace(&mut fleet_of[place], fleet.start(role));
            old.stop().await;
            load.more(20).await;
        }
    }
    let all: Vec<&Process> = works.iter().chain(&projects).chain(&relays).collect();
    until(&fleet, &all, "the new ones share", |listing| {
        works.iter().all(|work| listing.held(work, "shard/") == 4)
            && projects.iter().all(|project| has_its_half(listing, project))
            && listing.all_served()
    })
    .await;
    load.finish(&fleet).await;
    for process in works.into_iter().chain(projects).chain(relays) {
        process.stop().await;
    }
    // Who had no time left to leave is gone when its row ends.
    until(&fleet, &[], "nobody is left", Listing::nobody_is_alive).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_of_killed_processes_is_taken_over_within_seconds() {
    let fleet = Fleet::new().await;
    let (first, second) = (fleet.start("work"), fleet.start("work"));
    fleet.seed().await;
    let (project, spare_project) = (fleet.start("project"), fleet.start("project"));
    let (relay, spare_relay) = (fleet.start("relay"), fleet.start("relay"));
    let load = Load::start(&fleet);
    let all = [&first, &second, &project, &spare_project, &relay, &spare_relay];
    until(&fleet, &all, "all share", |listing| {
        listing.held(&first, "shard/") == 4 && has_its_half(listing, &project)
    })
    .await;
    load.more(40).await;
    let survivors = [&second, &spare_project, &spare_relay];
    let dead = first.pid();
    for process in [first, project, relay] {
        process.kill().await;
    }
    let took = until(&fleet, &survivors, "the survivors have everything", |listing| {
        listing.held(&second, "shard/") == 8
            && listing.held(&spare_project, "follower.") == PROJECTED
            && listing.held(&spare_relay, "follower.") == 1
    })
    .await;
    println!("taken over after {took:?} from process {dead}, at a lease of {LEASE_TTL:?}");
    // A lease and a look; the rest is what a busy machine may take for a listing of processes.
    assert!(took < LEASE_TTL + Duration::from_secs(40), "{took:?}");
    load.more(40).await;
    load.finish(&fleet).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_stand_still_are_replaced_and_fenced_when_they_wake() {
    let fleet = Fleet::new().await;
    let (first, second) = (fleet.start("work"), fleet.start("work"));
    fleet.seed().await;
    let (project, spare_project) = (fleet.start("project"), fleet.start("project"));
    let (relay, spare_relay) = (fleet.start("relay"), fleet.start("relay"));
    let load = Load::start(&fleet);
    let all = [&first, &second, &project, &spare_project, &relay, &spare_relay];
    for _ in 0..2 {
        until(&fleet, &all, "all share", |listing| {
            listing.held(&first, "shard/") == 4
                && listing.held(&second, "shard/") == 4
                && has_its_half(listing, &project)
                && listing.all_served()
        })
        .await;
        load.more(40).await;
        let stopped = [&first, &project, &relay];
        stopped.iter().for_each(|process| process.signal(Signal::STOP));
        until(&fleet, &all, "the others have everything", |listing| {
            listing.held(&second, "shard/") == 8
                && listing.held(&spare_project, "follower.") == PROJECTED
                && listing.held(&spare_relay, "follower.") == 1
        })
        .await;
        let listing = fleet.list().await;
        assert_eq!(listing.is_alive(&first), Some(false), "{listing:?}");
        load.more(40).await;
        stopped.iter().for_each(|process| process.signal(Signal::CONT));
        load.more(40).await;
    }
    until(&fleet, &all, "those that woke take part again", |listing| {
        listing.held(&first, "shard/") == 4 && listing.is_alive(&project) == Some(true)
    })
    .await;
    load.finish(&fleet).await;
    for process in [first, second, project, spare_project, relay, spare_relay] {
        process.stop().await;
    }
}
