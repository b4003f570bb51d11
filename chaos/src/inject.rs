//! Lets the fault of a scenario strike, and heals it.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use kontor_faults::Plan;
use rand::{RngExt, rngs::StdRng};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep};

use crate::{
    erase::Doomed,
    fleet::{FROZEN_FOR, PER_ROLE},
    proxy::{Mode, Proxy},
    scenario::{Engine, Fault, Role, Scenario, Trouble, is_erasure},
    world::World,
};

/// How long a fault point may take to be reached: the role has to start, and to get its leases.
const REACHED_LIMIT: Duration = Duration::from_secs(80);
/// How long dead and frozen processes may take to be back.
const BACK_LIMIT: Duration = Duration::from_secs(80);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long connections are slow.
const SLOW_FOR: Duration = Duration::from_secs(4);
/// How long the disk is full.
const FULL_FOR: Duration = Duration::from_secs(4);

/// Lets the fault strike. Returns when it is over.
///
/// # Errors
/// When it did not strike: then the round shows nothing.
pub(crate) async fn strike(world: &World, scenario: &mut Scenario) -> anyhow::Result<()> {
    let chance = &mut scenario.chance;
    match scenario.fault {
        Fault::At(point, action) if is_erasure(point) => {
            let plan = Plan { point, action, passage: scenario.passage };
            in_an_erasure(world, plan, scenario.seed).await?;
        }
        Fault::At(point, action) => {
            let plan = Plan { point, action, passage: scenario.passage };
            at_point(world, plan, scenario.seed).await?;
        }
        Fault::Killed(role) => {
            for _ in 0..chance.random_range(1..=3) {
                let number = busy_one(world, role, chance).await?;
                world.fleet.kill(role, number);
                pause(chance, 200..2_000).await;
            }
        }
        Fault::Frozen(role) => {
            let number = busy_one(world, role, chance).await?;
            world.fleet.freeze(role, number);
            sleep(FROZEN_FOR).await;
        }
        Fault::PostgresCrash => postgres_crash(world, chance).await?,
        Fault::BrokerCrash => broker_crash(world, chance, false).await?,
        Fault::BrokerStoreLost => broker_crash(world, chance, true).await?,
        Fault::Network(engine, trouble) => network(world, (engine, trouble), chance).await,
        Fault::DiskFull => disk_full(world).await?,
    }
    until("all processes are back", BACK_LIMIT, || !world.fleet.is_hurt()).await
}

async fn at_point(world: &World, plan: Plan, round: u64) -> anyhow::Result<()> {
    let role = Role::at(plan.point);
    world.fleet.arm(role, plan, round).await?;
    let what = format!("the fault {plan} strikes");
    until(&what, REACHED_LIMIT, || world.fleet.struck(role) > 0).await
}

/// Lets a person be erased, the process that does it die in the middle, and the erasure be asked for
/// again.
async fn in_an_erasure(world: &World, plan: Plan, round: u64) -> anyhow::Result<()> {
    let role = Role::at(plan.point);
    let doomed = Doomed::new(world, round).await?;
    world.fleet.arm(role, plan, round).await?;
    doomed.erase(world).await?;
    let what = format!("the fault {plan} strikes");
    until(&what, REACHED_LIMIT, || world.fleet.struck(role) > 0).await?;
    until("all processes are back", BACK_LIMIT, || !world.fleet.is_hurt()).await?;
    doomed.erase_again(world).await
}

/// A process of a role that holds a lease, when one does and says so; else any.
async fn busy_one(world: &World, role: Role, chance: &mut StdRng) -> anyhow::Result<usize> {
    let owners: Vec<String> = sqlx::query_scalar(
        "select distinct owner from leases where expires_at > clock_timestamp()",
    )
    .fetch_all(world.pool())
    .await?;
    let alive = world.fleet.pids(role);
    let busy = alive.iter().find(|(_, pid)| {
        owners.iter().any(|owner| owner.split('-').any(|part| part == pid.to_string()))
    });
    Ok(busy.map_or_else(|| chance.random_range(0..PER_ROLE), |(number, _)| *number))
}

async fn postgres_crash(world: &World, chance: &mut StdRng) -> anyhow::Result<()> {
    // QUIT is PostgreSQL's own immediate shutdown: no checkpoint, and clients are told.
    let immediate = chance.random();
    world.with_postgres(|postgres| {
        let pid = postgres.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
        let pid = pid.context("PostgreSQL does not run")?;
        if immediate {
            kill_process(pid, Signal::QUIT)?;
            return anyhow::Ok(());
        }
        postgres.kill();
        Ok(())
    })?;
    pause(chance, 200..3_000).await;
    world.with_postgres(|postgres| postgres.restart()).context("PostgreSQL does not recover")
}

async fn broker_crash(world: &World, chance: &mut StdRng, lost: bool) -> anyhow::Result<()> {
    world.with_broker(|broker| broker.kill());
    if lost {
        let streams = world.streams_dir();
        ensure!(streams.is_dir(), "{} is no store", streams.display());
        std::fs::remove_dir_all(&streams).context("the store cannot be deleted")?;
    }
    pause(chance, 200..3_000).await;
    world.with_broker(|broker| broker.restart()).context("nats-server does not start")
}

async fn network(world: &World, (engine, trouble): (Engine, Trouble), chance: &mut StdRng) {
    // One process of each role, the other, or all.
    let struck = chance.random_range(0..=PER_ROLE);
    let proxies: Vec<&Proxy> = world
        .sides
        .iter()
        .enumerate()
        .filter(|(number, _)| struck == PER_ROLE || *number == struck)
        .map(|(_, side)| match engine {
            Engine::Postgres => &side.postgres,
            Engine::Broker => &side.broker,
        })
        .collect();
    let set = |mode| proxies.iter().for_each(|proxy| proxy.set(mode));
    let cut = || proxies.iter().for_each(|proxy| proxy.cut());
    match trouble {
        Trouble::Cut => {
            for _ in 0..chance.random_range(3..=8) {
                cut();
                pause(chance, 50..600).await;
            }
        }
        Trouble::Delay => {
            set(Mode::Delay(Duration::from_millis(chance.random_range(50..400))));
            sleep(SLOW_FOR).await;
            set(Mode::Pass);
        }
        Trouble::BlackHole => {
            set(Mode::Swallow);
            // Sometimes beyond the leases.
            pause(chance, 1_000..8_000).await;
            // What was swallowed comes late, or never.
            if chance.random() {
                cut();
            }
            set(Mode::Pass);
        }
    }
}

async fn disk_full(world: &World) -> anyhow::Result<()> {
    let Some(disk) = &world.disk else { bail!("there is no disk to fill") };
    tokio::task::block_in_place(|| disk.fill())?;
    sleep(FULL_FOR).await;
    disk.free()?;
    // It ends by itself when it can write nothing at all.
    world.with_postgres(|postgres| {
        if postgres.has_ended() { postgres.restart().map_err(Into::into) } else { Ok(()) }
    })
}

async fn pause(chance: &mut StdRng, milliseconds: std::ops::Range<u64>) {
    sleep(Duration::from_millis(chance.random_range(milliseconds))).await;
}

async fn until(what: &str, limit: Duration, done: impl Fn() -> bool) -> anyhow::Result<()> {
    let begun = Instant::now();
    while !done() {
        ensure!(begun.elapsed() < limit, "it did not happen within {limit:?} that {what}");
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}
