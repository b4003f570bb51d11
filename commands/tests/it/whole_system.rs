//! Thousands of worlds in which the whole system fails in every way that it must survive.
//!
//! A world is decided by its seed. A failure prints it; `KONTOR_SIMULATION_SEED=<seed>` runs that one
//! alone and tells what happens in it, `KONTOR_SIMULATION_SEEDS=<number>` runs so many.

use std::panic::catch_unwind;

use crate::world::{Build, live_through};

/// As many as take a few seconds without optimisation.
const SEEDS: u64 = 2_000;
/// Within so many worlds a system without one of its guards must fail.
const CANARY_SEEDS: u64 = 300;
/// The threads that worlds are lived through in; each world has one.
const THREADS: u64 = 2;

/// A number that whoever runs the tests may set.
fn number(name: &str) -> Option<u64> {
    let value = std::env::var_os(name)?;
    let number = value.to_str().and_then(|value| value.parse().ok());
    Some(number.unwrap_or_else(|| panic!("{name} must be a whole number")))
}

fn survives(seed: u64, build: Build) -> bool {
    catch_unwind(|| live_through(seed, build, false)).is_ok()
}

#[test]
fn whatever_fails_the_whole_system_keeps_its_promises() {
    if let Some(seed) = number("KONTOR_SIMULATION_SEED") {
        live_through(seed, Build::Sound, true);
        return;
    }
    let seeds = number("KONTOR_SIMULATION_SEEDS").unwrap_or(SEEDS);
    std::thread::scope(|scope| {
        for part in 0..THREADS {
            scope.spawn(move || {
                for seed in (part..seeds).step_by(usize::try_from(THREADS).unwrap()) {
                    assert!(
                        survives(seed, Build::Sound),
                        "the world of seed {seed} failed, see above; alone: \
                         KONTOR_SIMULATION_SEED={seed} cargo test -p kontor-commands whole_system \
                         -- --nocapture"
                    );
                }
            });
        }
    });
}

#[test]
fn the_same_seed_leads_to_the_same_world() {
    for seed in 0..20 {
        let first = live_through(seed, Build::Sound, false);
        assert_eq!(live_through(seed, Build::Sound, false), first, "seed {seed}");
    }
    assert_ne!(live_through(1, Build::Sound, false), live_through(2, Build::Sound, false));
}

#[test]
fn a_follower_without_its_fence_is_found_out() {
    assert!((0..CANARY_SEEDS).any(|seed| !survives(seed, Build::WithoutFence)));
}

#[test]
fn a_stream_that_takes_events_in_any_order_is_found_out() {
    assert!((0..CANARY_SEEDS).any(|seed| !survives(seed, Build::WithoutPredecessor)));
}

#[test]
fn a_log_without_receipts_is_found_out() {
    assert!((0..CANARY_SEEDS).any(|seed| !survives(seed, Build::WithoutReceipts)));
}
