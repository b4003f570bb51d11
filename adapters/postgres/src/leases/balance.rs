//! Who takes which lease, and who gives one back: pure decisions over what a look has shown.
//!
//! Every process makes the same plan over all processes and carries out its own part of it; the
//! database decides when two take the same lease all the same. What nobody holds goes to whoever
//! wants it and has least. Then, as long as somebody has two more than another who wants one of them,
//! the richest gives one to the poorest. With the same wants everywhere nobody ends up with more than
//! `ceil(leases / processes)`.

use std::collections::{BTreeMap, BTreeSet};

/// A process as the others see it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Member {
    pub(super) wants: BTreeSet<String>,
    pub(super) holds: BTreeSet<String>,
}

/// All processes that take part at a moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    pub(super) members: BTreeMap<String, Member>,
    /// Leases of owners that take no part.
    pub(super) foreign: BTreeSet<String>,
}

/// The kind of a lease: what its name begins with. Leases of one kind weigh the same, and those of
/// different kinds are shared apart.
fn kind(name: &str) -> &str {
    name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or(name)
}

impl Snapshot {
    /// Replaces what an owner holds by what it knows itself. What it is about to give back counts as
    /// held by nobody, so that the plan has it where it goes.
    pub(super) fn set_holds(&mut self, owner: &str, holds: &[String]) {
        let member = self.members.entry(owner.to_owned()).or_default();
        member.holds = holds.iter().cloned().collect();
        member.wants.extend(holds.iter().cloned());
        self.foreign.retain(|name| !holds.contains(name));
    }

    pub(super) fn is_held_by_another(&self, me: &str, name: &str) -> bool {
        let others = self.members.iter().filter(|(owner, _)| *owner != me);
        self.foreign.contains(name)
            || others.into_iter().any(|(_, other)| other.holds.contains(name))
    }

    /// Whether a lease that nobody holds should go to this owner.
    pub(super) fn is_turn(&self, me: &str, name: &str) -> bool {
        let mut plan = Plan::of(self, kind(name));
        plan.give_what_nobody_holds();
        plan.holds.get(me).is_some_and(|holds| holds.contains(name))
    }

    /// What an owner should give back.
    pub(super) fn surplus(&self, me: &str) -> Vec<String> {
        let Some(mine) = self.members.get(me) else { return Vec::new() };
        let kinds: BTreeSet<&str> = mine.holds.iter().map(|name| kind(name)).collect();
        let mut surplus = Vec::new();
        for kind in kinds {
            let mut plan = Plan::of(self, kind);
            plan.give_what_nobody_holds();
            while plan.richest_gives_one() {}
            let stays = plan.holds.get(me);
            let leaves = |name: &&String| stays.is_none_or(|stays| !stays.contains(name.as_str()));
            let held = mine.holds.iter().filter(|name| self::kind(name) == kind);
            surplus.extend(held.filter(leaves).cloned());
        }
        surplus
    }
}

/// How the leases of one kind should lie.
struct Plan<'a> {
    snapshot: &'a Snapshot,
    kind: &'a str,
    holds: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Plan<'a> {
    /// How they lie now.
    fn of(snapshot: &'a Snapshot, of_kind: &'a str) -> Self {
        let holds = snapshot.members.iter().map(|(owner, member)| {
            let held = member.holds.iter().map(String::as_str);
            (owner.as_str(), held.filter(|name| kind(name) == of_kind).collect())
        });
        Self { snapshot, kind: of_kind, holds: holds.collect() }
    }

    /// Gives each lease to whoever wants it and has least, first those that few want.
    fn give_what_nobody_holds(&mut self) {
        let wanted = self.snapshot.members.values().flat_map(|member| &member.wants);
        let mut free: Vec<&'a str> = wanted
            .map(String::as_str)
            .filter(|name| kind(name) == self.kind && !self.snapshot.foreign.contains(*name))
            .filter(|name| !self.holds.values().any(|holds| holds.contains(name)))
            .collect();
        free.sort_by_key(|name| (self.wanting(name).count(), *name));
        free.dedup();
        for name in free {
            let poorest = self.wanting(name).min_by_key(|owner| self.load(owner));
            if let Some(holds) = poorest.and_then(|owner| self.holds.get_mut(owner)) {
                holds.insert(name);
            }
        }
    }

    /// One step towards evenness; `false` when there is none left. Each step makes the sum of the
    /// squares smaller, so they come to an end.
    fn richest_gives_one(&mut self) -> bool {
        let gifts = self.holds.keys().filter_map(|owner| Some((*owner, self.gift(owner)?)));
        let Some((giver, (name, taker))) =
            gifts.max_by_key(|(owner, _)| (self.load(owner), *owner))
        else {
            return false;
        };
        if let Some(holds) = self.holds.get_mut(giver) {
            holds.remove(name);
        }
        if let Some(holds) = self.holds.get_mut(taker) {
            holds.insert(name);
        }
        true
    }

    /// What an owner could give to somebody who has at least two less, and to whom.
    fn gift(&self, giver: &str) -> Option<(&'a str, &'a str)> {
        let load = self.load(giver);
        let takers = self.holds.get(giver)?.iter().rev().filter_map(|name| {
            let taker = self.wanting(name).min_by_key(|owner| self.load(owner))?;
            (self.load(taker) + 2 <= load).then_some((*name, taker))
        });
        takers.min_by_key(|(_, taker)| self.load(taker))
    }

    fn wanting(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let members = self.snapshot.members.iter();
        members
            .filter(move |(_, member)| member.wants.contains(name))
            .map(|(owner, _)| owner.as_str())
    }

    fn load(&self, owner: &str) -> usize {
        self.holds.get(owner).map_or(0, BTreeSet::len)
    }
}

#[cfg(test)]
mod tests;
