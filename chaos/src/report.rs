//! Runs the rounds and says what came of them.

use std::{io::Write, path::Path};

use anyhow::Context;
use serde::Serialize;

use crate::{
    canary,
    disk::Disk,
    options::Options,
    round,
    scenario::{self, Fault, Scenario},
    world::World,
};

/// How many rounds one world sees: enough that faults meet the traces of others, few enough that the
/// checks, which look at everything from the beginning, stay quick.
const ROUNDS_PER_WORLD: u32 = 20;

/// One round as a line.
#[derive(Serialize)]
struct Line<'a> {
    seed: u64,
    fault: &'a str,
    verdict: &'static str,
    seconds: u64,
    commands: usize,
    violations: &'a [String],
}

/// How many rounds ended in which way.
#[derive(Debug, Default)]
struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
}

/// Writes a line for people to the standard error.
pub(crate) fn tell(what: &str) {
    // Nobody who closed the standard error wants to know.
    drop(writeln!(std::io::stderr().lock(), "{what}"));
}

fn print(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

/// Runs what the options ask for. Returns whether every round passed.
pub(crate) async fn run_all(options: &Options) -> anyhow::Result<bool> {
    let seeds = seeds(options);
    if options.list {
        for seed in seeds {
            print(&format!("{seed:>6}  {}", Scenario::of(seed).fault.name()))?;
        }
        return Ok(true);
    }
    let binary = options.binary.as_ref().context("no program is named")?;
    let binary = std::fs::canonicalize(binary)
        .with_context(|| format!("{} is no program; `make chaos` builds it", binary.display()))?;
    let with_disk = seeds.iter().any(|seed| Scenario::of(*seed).fault == Fault::DiskFull);
    let mut tally = Tally::default();
    let mut world: Option<(World, u32)> = None;
    for seed in seeds {
        let (here, rounds) = match world.take() {
            Some((here, rounds)) if rounds < ROUNDS_PER_WORLD => (here, rounds),
            old => {
                if let Some((old, _)) = old {
                    old.end(false).await?;
                }
                (World::start(&binary, &options.data_dir, with_disk).await?, 0)
            }
        };
        if one(options, &here, seed, &mut tally).await? {
            world = Some((here, rounds + 1));
        } else {
            print(&format!("        kept: {}", kept(&here)))?;
            here.end(true).await?;
        }
    }
    if let Some((world, _)) = world {
        canaries(&world, &mut tally).await?;
        world.end(false).await?;
    }
    let skipped = match tally.skipped {
        0 => String::new(),
        skipped => format!(", {skipped} skipped"),
    };
    print(&format!("{} passed, {} failed{skipped}", tally.passed, tally.failed))?;
    Ok(tally.failed == 0)
}

fn seeds(options: &Options) -> Vec<u64> {
    if !options.seeds.is_empty() {
        return options.seeds.clone();
    }
    if options.short {
        return scenario::short();
    }
    let kinds = u64::try_from(Fault::all().len()).unwrap_or(u64::MAX);
    let rounds = options.rounds.unwrap_or(kinds);
    (0..rounds).map(|round| options.first_seed.wrapping_add(round)).collect()
}

/// Runs one round and prints it. Returns whether the world may go on.
async fn one(
    options: &Options,
    world: &World,
    seed: u64,
    tally: &mut Tally,
) -> anyhow::Result<bool> {
    let scenario = Scenario::of(seed);
    let fault = scenario.fault.name();
    if scenario.fault == Fault::DiskFull && world.disk.is_none() {
        tally.skipped += 1;
        print(&format!(
            "seed {seed:>6}  {fault:<45} skipped: this user may not mount a small disk"
        ))?;
        return Ok(true);
    }
    let result = round::run(world, scenario).await;
    let passed = result.violations.is_empty();
    *(if passed { &mut tally.passed } else { &mut tally.failed }) += 1;
    let line = Line {
        seed,
        fault: &fault,
        verdict: if passed { "passed" } else { "FAILED" },
        seconds: result.took.as_secs(),
        commands: result.commands,
        violations: &result.violations,
    };
    if options.json {
        print(&serde_json::to_string(&line)?)?;
        return Ok(passed);
    }
    print(&format!(
        "seed {seed:>6}  {fault:<45} {} ({} commands, {} s)",
        line.verdict, line.commands, line.seconds
    ))?;
    for violation in line.violations {
        print(&format!("        {violation}"))?;
    }
    if !passed {
        print(&format!("        again: make chaos ARGS=\"--seed {seed}\""))?;
    }
    Ok(passed)
}

/// Shows on the last world that the checks can fail.
async fn canaries(world: &World, tally: &mut Tally) -> anyhow::Result<()> {
    let unnoticed = canary::unnoticed(world).await.context("the canaries")?;
    if unnoticed.is_empty() {
        tally.passed += 1;
        return print("canaries     everything that was broken on purpose was noticed");
    }
    tally.failed += 1;
    print(&format!("canaries     FAILED: broken on purpose and not noticed: {unnoticed:?}"))
}

fn kept(world: &World) -> String {
    let folder = world.folder().display();
    match world.disk.as_ref().map(Disk::path).map(Path::display) {
        Some(disk) => format!("{folder} (and a disk at {disk}, until `umount`)"),
        None => folder.to_string(),
    }
}
