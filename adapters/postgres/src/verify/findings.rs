//! What the checks found, in bounded memory.

use std::collections::BTreeMap;

use serde::Serialize;

use super::VerifyOptions;

/// The most places that a check names; a broken database breaks the same promise a million times.
const NAMED_MAX: usize = 20;

/// What is promised.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Positions are consecutive.
    Positions,
    /// The versions of a stream are consecutive and in order of position.
    Versions,
    /// A stream belongs to one tenant and one aggregate.
    Streams,
    /// Event ids are unique.
    EventIds,
    /// Receipts and events agree.
    Receipts,
    /// This build can read every event.
    Readable,
    /// Every stream folds.
    Folds,
    /// No follower is ahead of the log.
    Checkpoints,
    /// Parked events exist, and nothing overtook them.
    DeadLetters,
    /// Every read model equals a fresh replay.
    Projections,
}

impl Check {
    /// In the words of an operator.
    pub fn promise(self) -> &'static str {
        match self {
            Self::Positions => "positions are consecutive",
            Self::Versions => "versions of a stream are consecutive",
            Self::Streams => "a stream has one tenant and one aggregate",
            Self::EventIds => "event ids are unique",
            Self::Receipts => "receipts and events agree",
            Self::Readable => "this build can read every event",
            Self::Folds => "every stream folds",
            Self::Checkpoints => "no follower is ahead of the log",
            Self::DeadLetters => "parked events exist and nothing overtook them",
            Self::Projections => "read models equal a fresh replay",
        }
    }
}

/// One place where a promise does not hold.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Damage {
    /// The position, stream, command or row.
    pub place: String,
    /// What is wrong with it; never data of an event.
    pub what: String,
}

/// What came out of one check.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// Which one.
    pub check: Check,
    /// How many rows, streams or receipts were looked at.
    pub looked_at: i64,
    /// How many places are damaged.
    pub damaged: i64,
    /// The first of them.
    pub first: Vec<Damage>,
}

/// What came out of all checks.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The first position that was looked at.
    pub from: i64,
    /// The last one.
    pub head: i64,
    /// One of so many streams was folded.
    pub sample: u16,
    /// Check by check.
    pub checks: Vec<CheckReport>,
}

impl Report {
    /// Whether everything holds.
    pub fn is_sound(&self) -> bool {
        self.checks.iter().all(|check| check.damaged == 0)
    }
}

/// The checks of the database itself; read models are compared apart from them.
const ALWAYS: [Check; 9] = [
    Check::Positions,
    Check::Versions,
    Check::Streams,
    Check::EventIds,
    Check::Receipts,
    Check::Readable,
    Check::Folds,
    Check::Checkpoints,
    Check::DeadLetters,
];

/// What was found so far.
#[derive(Debug)]
pub(super) struct Findings(BTreeMap<Check, Tally>);

impl Default for Findings {
    fn default() -> Self {
        Self(ALWAYS.into_iter().map(|check| (check, Tally::default())).collect())
    }
}

#[derive(Debug, Default)]
struct Tally {
    looked_at: i64,
    damaged: i64,
    first: Vec<Damage>,
}

impl Tally {
    fn report(self, check: Check) -> CheckReport {
        let Self { looked_at, damaged, first } = self;
        CheckReport { check, looked_at, damaged, first }
    }
}

impl Findings {
    /// So many more rows were looked at.
    pub(super) fn looked(&mut self, check: Check, count: usize) {
        let tally = self.0.entry(check).or_default();
        tally.looked_at = tally.looked_at.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A place is damaged.
    pub(super) fn damage(&mut self, check: Check, place: String, what: String) {
        let tally = self.0.entry(check).or_default();
        tally.damaged = tally.damaged.saturating_add(1);
        if tally.first.len() < NAMED_MAX {
            tally.first.push(Damage { place, what });
        }
    }

    /// The report of one check.
    pub(super) fn of(mut self, check: Check) -> CheckReport {
        let tally = self.0.remove(&check).unwrap_or_default();
        tally.report(check)
    }

    pub(super) fn report(self, head: i64, options: VerifyOptions) -> Report {
        let checks = self.0.into_iter().map(|(check, tally)| tally.report(check));
        Report { from: options.from, head, sample: options.sample, checks: checks.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_damage_is_counted_and_the_first_places_are_named() {
        let mut findings = Findings::default();
        findings.looked(Check::Positions, 50);
        for position in 0..50 {
            findings.damage(Check::Positions, format!("position {position}"), "gone".to_owned());
        }
        let options =
            VerifyOptions { from: 1, sample: 1, receipts_kept: std::time::Duration::ZERO };
        let report = findings.report(50, options);
        assert!(!report.is_sound());
        let check = &report.checks[0];
        assert_eq!((check.looked_at, check.damaged, check.first.len()), (50, 50, NAMED_MAX));
        assert_eq!(check.first[0].place, "position 0");
    }
}
