//! Thousands of small worlds in which processes crash, answers get lost and commands arrive twice.
//!
//! A world is decided by its seed alone: to see a failure again, run the one seed it names.

use std::{
    collections::{BTreeMap, HashMap},
    panic::catch_unwind,
    sync::{Arc, Mutex},
};

use kontor_commands::{
    CommandId, Envelope, Outcome, Receipt, Router, RouterSettings,
    memory::{Faults, MemoryStore},
};
use kontor_domain::Recorded;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use uuid::Uuid;

use crate::{
    support::{add, router_with, settings, take, tenant},
    tally::TallyFact,
};

const SEEDS: u64 = 10_000;
const COMMANDS: usize = 6;
const TALLIES: usize = 2;
const PROCESSES: usize = 2;
const TASKS: usize = 3;
/// Every command gets through long before; a world that needs more is broken.
const TRIES_MAX: usize = 500;

type Outcomes = Mutex<Vec<(CommandId, Outcome)>>;

#[test]
fn every_command_has_exactly_one_outcome_whatever_fails() {
    std::thread::scope(|scope| {
        let halves =
            [0, 1].map(|half| scope.spawn(move || (half..SEEDS).step_by(2).for_each(run_seed)));
        for half in halves {
            half.join().unwrap();
        }
    });
}

fn run_seed(seed: u64) {
    let world = catch_unwind(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(live_through(seed));
    });
    assert!(world.is_ok(), "the world of seed {seed} failed, see above");
}

async fn live_through(seed: u64) {
    let mut dice = StdRng::seed_from_u64(seed);
    let store = Arc::new(MemoryStore::with_faults(Faults {
        seed,
        load_fails_per_mille: 50,
        append_fails_before_per_mille: 80,
        append_fails_after_per_mille: 80,
        yields_max: 3,
    }));
    let limits = RouterSettings { baselines_max: 8, tenants_max: 2, lanes: 2, ..settings() };
    let routers: Vec<_> = (0..PROCESSES).map(|_| router_with(&store, limits)).collect();
    let commands = commands(&mut dice);
    let outcomes = Arc::new(Outcomes::default());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..TASKS {
        // Every task delivers about half of the commands, so that most arrive more than once.
        let mut deliveries = commands.clone();
        deliveries.retain(|_| dice.random_ratio(1, 2));
        tasks.spawn(deliver(deliveries, routers.clone(), Arc::clone(&outcomes), dice.random()));
    }
    tasks.join_all().await;
    deliver(commands.clone(), routers, Arc::clone(&outcomes), dice.random()).await;
    let outcomes = outcomes.lock().unwrap().clone();
    check(&commands, &outcomes, &store.events(), &store.receipts(&tenant()));
}

fn commands(dice: &mut StdRng) -> Vec<Envelope> {
    let tallies: Vec<_> = (0..TALLIES).map(|_| Uuid::from_u128(dice.random())).collect();
    let command = |_| {
        let id = tallies[dice.random_range(0..TALLIES)];
        let mut envelope = match dice.random_range(0..8) {
            0 => add(id, 0),
            1..=3 => take(id, dice.random_range(1..6)),
            _ => add(id, dice.random_range(1..6)),
        };
        envelope.command_id = Uuid::from_u128(dice.random());
        envelope.expected_version = dice.random_ratio(1, 8).then(|| dice.random_range(0..3));
        envelope
    };
    (0..COMMANDS).map(command).collect()
}

/// Sends each command until its outcome is known, through one process or the other, and now and
/// then walks away in the middle.
async fn deliver(
    commands: Vec<Envelope>,
    routers: Vec<Router>,
    outcomes: Arc<Outcomes>,
    seed: u64,
) {
    let mut dice = StdRng::seed_from_u64(seed);
    for envelope in commands {
        let mut tries = 0;
        let outcome = loop {
            tries += 1;
            assert!(tries < TRIES_MAX, "{} never gets through", envelope.command_id);
            let router = &routers[dice.random_range(0..routers.len())];
            let routed = if dice.random_ratio(1, 6) {
                let patience = dice.random_range(0..12);
                tokio::select! {
                    biased;
                    routed = router.route(envelope.clone()) => routed,
                    () = let_others_go_first(patience) => continue,
                }
            } else {
                router.route(envelope.clone()).await
            };
            match routed {
                Ok(routed) => break routed.outcome,
                Err(error) => assert!(error.is_transient(), "{error}"),
            }
        };
        outcomes.lock().unwrap().push((envelope.command_id, outcome));
    }
}

async fn let_others_go_first(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

/// One outcome per command, the same to everybody, and a log in which it has its one effect.
pub(crate) fn check(
    commands: &[Envelope],
    outcomes: &[(CommandId, Outcome)],
    events: &[Recorded],
    receipts: &[Receipt],
) {
    let receipts: HashMap<_, _> =
        receipts.iter().map(|receipt| (receipt.command_id, receipt)).collect();
    assert_eq!(receipts.len(), commands.len(), "a receipt for each command");
    for (command_id, outcome) in outcomes {
        assert_eq!(*outcome, receipts[command_id].outcome, "the same outcome to everybody");
    }
    let totals = totals_by_version(events);
    for envelope in commands {
        let recorded: Vec<_> =
            events.iter().filter(|e| e.metadata.command_id == envelope.command_id).collect();
        let history = totals.get(&envelope.id).map_or(&[0][..], Vec::as_slice);
        match &receipts[&envelope.command_id].outcome {
            Outcome::Accepted(accepted) => {
                let expected = i64::from(envelope.command["amount"] != 0);
                assert_eq!(i64::try_from(recorded.len()).unwrap(), expected, "one effect");
                let places = recorded.first().map(|event| event.position);
                assert_eq!((accepted.first_position, accepted.last_position), (places, places));
                if let Some(event) = recorded.first() {
                    assert_eq!((event.version, event.stream_id), (accepted.version, envelope.id));
                }
                if let Some(pinned) = envelope.expected_version {
                    assert_eq!(accepted.version, pinned + expected, "the pinned version held");
                }
            }
            Outcome::Refused { refusal } => {
                assert!(recorded.is_empty(), "a refusal has no effect");
                let detail = |name: &str| refusal.details[name].as_i64().unwrap();
                if refusal.code == "version_conflict" {
                    let actual = detail("actual_version");
                    assert_ne!(detail("expected_version"), actual);
                    assert!(usize::try_from(actual).unwrap() < history.len());
                } else {
                    let version = usize::try_from(detail("changes")).unwrap();
                    assert_eq!(history[version], detail("total"), "refused on a true state");
                    assert!(detail("asked") > detail("total"), "refused for a reason");
                }
            }
        }
    }
}

/// Each stream's totals, by version from 0; on the way the log's own order is checked.
fn totals_by_version(events: &[Recorded]) -> BTreeMap<Uuid, Vec<i64>> {
    let mut totals = BTreeMap::<Uuid, Vec<i64>>::new();
    for (event, position) in events.iter().zip(1..) {
        assert_eq!(event.position, position, "positions are gapless");
        let history = totals.entry(event.stream_id).or_insert_with(|| vec![0]);
        assert_eq!(usize::try_from(event.version).unwrap(), history.len(), "versions contiguous");
        let TallyFact::Changed { by, .. } = event.body().unwrap() else { panic!("cursed") };
        let total = history.last().unwrap() + by;
        assert!(total >= 0, "nothing is taken that is not there");
        history.push(total);
    }
    totals
}
