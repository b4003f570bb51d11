//! What must hold after every round, as pure functions over what was found.

mod chats;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::{
    history::{Seen, Told},
    snapshot::{Erasures, Event, Leftovers, Published, Receipt, Snapshot},
};

/// The most examples of one violation that are shown.
const EXAMPLES_MAX: usize = 5;

/// The rows of a read model, as a number and a hash.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Rows {
    pub(crate) count: i64,
    pub(crate) hash: String,
}

/// Checks everything; the violations, or nothing.
pub(crate) fn all(told: &[Told], found: &Snapshot) -> Vec<String> {
    [
        ("positions", positions(&found.events)),
        ("versions", versions(&found.events)),
        ("outcomes", outcomes(told, &found.receipts)),
        ("effects", effects(&found.receipts, &found.events)),
        ("erasures", erasures(&found.erasures)),
        ("published", published(&found.events, &found.published)),
        ("chats", chats::chats(&found.chats, &found.receipts)),
        ("leftovers", leftovers(&found.leftovers)),
        ("read models", read_models(&found.live, &found.replayed)),
    ]
    .into_iter()
    .flat_map(|(what, violations)| summary(what, violations))
    .collect()
}

fn summary(what: &str, violations: Vec<String>) -> Vec<String> {
    let more = violations.len().saturating_sub(EXAMPLES_MAX);
    let mut lines: Vec<String> = violations
        .into_iter()
        .take(EXAMPLES_MAX)
        .map(|violation| format!("{what}: {violation}"))
        .collect();
    if more > 0 {
        lines.push(format!("{what}: … and {more} more"));
    }
    lines
}

/// Positions are 1, 2, 3 …: no hole, no position twice.
fn positions(events: &[Event]) -> Vec<String> {
    let mut violations = Vec::new();
    for (event, expected) in events.iter().zip(1_i64..) {
        if event.position != expected {
            violations.push(format!("{expected} is missing, {} follows", event.position));
            // Everything behind is off by as much.
            break;
        }
    }
    violations
}

/// The versions of each stream are 1, 2, 3 … in order of position.
fn versions(events: &[Event]) -> Vec<String> {
    let mut last: BTreeMap<Uuid, i64> = BTreeMap::new();
    let mut violations = Vec::new();
    for event in events {
        let before = last.insert(event.stream, event.version).unwrap_or_default();
        if event.version != before + 1 {
            violations.push(format!(
                "stream {} has {} after {before} at position {}",
                event.stream, event.version, event.position
            ));
        }
    }
    violations
}

/// A command has one outcome: all its senders were told the same, and the receipt says it too.
fn outcomes(told: &[Told], receipts: &[Receipt]) -> Vec<String> {
    let by_id: BTreeMap<Uuid, &Receipt> =
        receipts.iter().map(|receipt| (receipt.command, receipt)).collect();
    let mut violations = Vec::new();
    if by_id.len() != receipts.len() {
        violations.push("a command has two receipts".to_owned());
    }
    for told in told {
        match (by_id.get(&told.id), told.seen.is_empty(), told.abandoned) {
            (Some(receipt), _, _) => {
                let recorded = receipt.outcome();
                for seen in told.seen.iter().filter(|seen| **seen != recorded) {
                    let id = told.id;
                    violations.push(format!("command {id}: {seen:?} was told, {recorded:?} holds"));
                }
                if receipt.stream != told.stream {
                    violations.push(format!("command {} changed another stream", told.id));
                }
            }
            (None, false, _) => violations.push(format!(
                "command {} was told {:?} and has no receipt",
                told.id,
                told.seen.first()
            )),
            (None, true, false) => {
                violations.push(format!("command {} has no outcome", told.id));
            }
            (None, true, true) => {}
        }
    }
    let sent: BTreeSet<Uuid> = told.iter().map(|told| told.id).collect();
    let foreign = |receipt: &&Receipt| !receipt.uncalled && !sent.contains(&receipt.command);
    for receipt in receipts.iter().filter(foreign) {
        violations.push(format!("receipt {} belongs to no command that was sent", receipt.command));
    }
    violations
}

/// The events of a command are those that its receipt names, in its stream, and no others.
fn effects(receipts: &[Receipt], events: &[Event]) -> Vec<String> {
    let mut by_command: BTreeMap<Uuid, Vec<&Event>> = BTreeMap::new();
    for event in events {
        by_command.entry(event.command).or_default().push(event);
    }
    let mut violations = Vec::new();
    for receipt in receipts {
        let own = by_command.remove(&receipt.command).unwrap_or_default();
        let positions: Vec<i64> = own.iter().map(|event| event.position).collect();
        let named: Vec<i64> = match (receipt.first_position, receipt.last_position) {
            (Some(first), Some(last)) => (first..=last).collect(),
            (None, None) => Vec::new(),
            (Some(_), None) | (None, Some(_)) => {
                violations.push(format!("receipt {} names half a range", receipt.command));
                continue;
            }
        };
        if positions != named {
            violations.push(format!(
                "command {} has events at {positions:?}, its receipt names {named:?}",
                receipt.command
            ));
        }
        if receipt.refusal.is_some() && !own.is_empty() {
            violations.push(format!("command {} was refused and has events", receipt.command));
        }
        let last_version = own.last().map_or(receipt.version, |event| event.version);
        if last_version != receipt.version || own.iter().any(|event| event.stream != receipt.stream)
        {
            violations.push(format!("receipt {} names another stream or version", receipt.command));
        }
    }
    // The receipts of erased people are deleted.
    by_command.retain(|_, own| own.iter().any(|event| !event.erased));
    for (command, own) in by_command {
        violations.push(format!("{} events of command {command} have no receipt", own.len()));
    }
    violations
}

/// Every event of the log is in the stream; repeated ones aside, in the order of the log; and
/// nothing else is.
fn published(events: &[Event], published: &[Published]) -> Vec<String> {
    let by_id: BTreeMap<Uuid, i64> =
        events.iter().map(|event| (event.id, event.position)).collect();
    let mut violations = Vec::new();
    let mut seen = BTreeSet::new();
    let mut last = 0;
    for message in published {
        let Some(position) = by_id.get(&message.id) else {
            violations.push(format!("event {} is published and not in the log", message.id));
            continue;
        };
        if message.position != *position {
            let (id, said) = (message.id, message.position);
            violations.push(format!("event {id} at {position} is published as {said}"));
        }
        if seen.insert(message.id) {
            if *position <= last {
                violations.push(format!("position {position} is published after {last}"));
            }
            last = *position;
        }
    }
    let missing: Vec<i64> =
        by_id.iter().filter(|(id, _)| !seen.contains(id)).map(|(_, position)| *position).collect();
    if let (Some(first), Some(end)) = (missing.iter().min(), missing.iter().max()) {
        let count = missing.len();
        violations.push(format!("{count} events from {first} to {end} were never published"));
    }
    violations
}

/// Whoever was erased is nowhere, and every erasure came to its end.
fn erasures(found: &Erasures) -> Vec<String> {
    let mut violations: Vec<String> =
        found.readable.iter().map(|what| format!("an erased person can be read: {what}")).collect();
    if found.unfinished > 0 {
        violations.push(format!("{} erasures are not finished", found.unfinished));
    }
    violations
}

/// Nothing waits, nothing was set aside.
fn leftovers(found: &Leftovers) -> Vec<String> {
    [
        ("rows of the inbox are not done", found.inbox),
        ("events are parked by followers", found.parked_events),
        ("commands are dead letters", found.parked_commands),
        ("commands stand in the queue", found.waiting_commands),
        ("panics are in the logs of the processes", found.panics),
    ]
    .into_iter()
    .filter(|(_, count)| *count != 0)
    .map(|(what, count)| format!("{count} {what}"))
    .collect()
}

/// A read model is what a fresh replay of the log makes.
fn read_models(live: &BTreeMap<String, Rows>, replayed: &BTreeMap<String, Rows>) -> Vec<String> {
    let tables: BTreeSet<&String> = live.keys().chain(replayed.keys()).collect();
    let mut violations = Vec::new();
    if tables.is_empty() {
        violations.push("there are none".to_owned());
    }
    for table in tables {
        if live.get(table) != replayed.get(table) {
            let (live, replayed) = (live.get(table), replayed.get(table));
            violations.push(format!("{table} has {live:?}, a replay makes {replayed:?}"));
        }
    }
    violations
}

impl Receipt {
    /// What a sender must have been told.
    fn outcome(&self) -> Seen {
        match &self.refusal {
            Some(code) => Seen::Refused { code: code.clone() },
            None => Seen::Accepted { version: self.version, position: self.last_position },
        }
    }
}

#[cfg(test)]
mod tests;
