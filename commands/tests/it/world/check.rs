//! What must be true of every world.

use std::collections::BTreeMap;

use kontor_commands::{CommandId, Envelope, Outcome};
use kontor_domain::Recorded;
use uuid::Uuid;

use super::World;
use crate::{simulation, support::tenant, tally::TallyFact};

/// What an event of a tally adds to it.
pub(super) fn change(event: &Recorded) -> i64 {
    let TallyFact::Changed { by, .. } = event.body().unwrap() else { panic!("cursed") };
    by
}

/// One outcome per command, told to everybody; a log without holes; a read model that is the fold of
/// the log; a stream that is the log, after its repetitions are dropped.
pub(super) fn check(world: &World, commands: &[Envelope], outcomes: &[(CommandId, Outcome)]) {
    assert_eq!(outcomes.len(), commands.len(), "every sender knows its outcome");
    let events = world.log.events();
    simulation::check(commands, outcomes, &events, &world.log.receipts(&tenant()));
    let mut fold: BTreeMap<Uuid, (i64, i64)> = BTreeMap::new();
    for event in &events {
        let (changes, total) = fold.entry(event.stream_id).or_default();
        *changes += 1;
        *total += change(event);
    }
    world.with_tables(|tables, _| assert_eq!(tables.totals, fold, "the read model is the fold"));
    let logged: Vec<Uuid> = events.iter().map(|event| event.event_id).collect();
    assert_eq!(world.stream.deduplicated(), logged, "every event was published, in order");
}
