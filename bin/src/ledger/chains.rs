//! Many chains side by side, in the order of the log.

use std::collections::HashMap;

use anyhow::bail;
use kontor_domain::credit_ledger::chain::{ChainEnd, Link, Verifier};
use uuid::Uuid;

use super::witness::{Sighting, Witness};

/// The most ledgers that are looked at: each is held in memory with some 150 bytes.
pub(super) const LEDGERS_MAX: usize = 5_000_000;
/// How many damaged ledgers are named; one is enough to act, more show the pattern.
const NAMED_MAX: usize = 20;

/// A ledger that does not hold.
pub(super) struct Damage {
    /// The first bad position; none when something is missing behind the end.
    pub(super) position: Option<i64>,
    /// None where the seals themselves do not hold.
    pub(super) ledger_id: Option<Uuid>,
    pub(super) what: String,
}

/// Where a booking stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) position: i64,
    pub(super) ledger_id: Uuid,
    pub(super) tenant: &'a str,
}

/// What came out.
pub(super) struct Finding {
    pub(super) events: u64,
    pub(super) broken: usize,
    /// The first of them in the order of the log; then those that were cut off.
    pub(super) named: Vec<Damage>,
    /// Where each ledger ends, as far as it holds.
    pub(super) ends: Vec<(Uuid, ChainEnd)>,
    /// What the seals say, when there were any to compare with.
    pub(super) sighting: Option<Sighting>,
}

impl Finding {
    pub(super) fn is_sound(&self) -> bool {
        self.broken == 0
    }
}

/// A ledger on its way.
enum Progress {
    Sound(Box<Verifier>),
    Broken,
}

/// The chains of all ledgers.
pub(super) struct Chains {
    kept: HashMap<Uuid, ChainEnd>,
    ledgers: HashMap<Uuid, Progress>,
    events: u64,
    broken: usize,
    named: Vec<Damage>,
    witness: Option<Witness>,
}

impl Chains {
    /// Nothing looked at yet; `kept` are ends that were written down elsewhere.
    pub(super) fn new(kept: HashMap<Uuid, ChainEnd>) -> Self {
        let ledgers = HashMap::new();
        Self { kept, ledgers, events: 0, broken: 0, named: Vec::new(), witness: None }
    }

    /// The same beside seals.
    pub(super) fn sealed_by(self, witness: Option<Witness>) -> Self {
        Self { witness, ..self }
    }

    /// Takes the next booking.
    pub(super) fn take(&mut self, place: Place<'_>, link: Link<'_>) -> anyhow::Result<()> {
        self.compare_before(place.position)?;
        let Place { position, ledger_id, .. } = place;
        self.events += 1;
        let kept = self.kept.get(&ledger_id).copied();
        let progress = self
            .ledgers
            .entry(ledger_id)
            .or_insert_with(|| Progress::Sound(Box::new(Verifier::new(ledger_id, kept))));
        if let Progress::Sound(verifier) = progress {
            match verifier.take(link) {
                Ok(()) => {
                    let end = verifier.end();
                    if let Some(witness) = &mut self.witness {
                        witness.saw(place, end);
                    }
                }
                Err(broken) => {
                    *progress = Progress::Broken;
                    self.spoil(ledger_id);
                    self.name(Some(position), ledger_id, broken.to_string());
                }
            }
        }
        self.check_room()
    }

    /// Compares with the seals that hold nothing from this position on.
    fn compare_before(&mut self, position: i64) -> anyhow::Result<()> {
        let Some(witness) = &mut self.witness else { return Ok(()) };
        let damage = witness.compare_before(position)?;
        self.add(damage);
        Ok(())
    }

    fn spoil(&mut self, ledger_id: Uuid) {
        if let Some(witness) = &mut self.witness {
            witness.spoil(ledger_id);
        }
    }

    fn add(&mut self, damage: Vec<Damage>) {
        for damage in damage {
            self.broken += 1;
            if self.named.len() < NAMED_MAX {
                self.named.push(damage);
            }
        }
    }

    fn check_room(&self) -> anyhow::Result<()> {
        if self.ledgers.len() > LEDGERS_MAX {
            bail!(
                "there are more than {LEDGERS_MAX} ledgers, the most that are looked at in one run"
            );
        }
        Ok(())
    }

    /// Takes a booking that cannot even be read.
    pub(super) fn reject(&mut self, place: Place<'_>, version: i64) -> anyhow::Result<()> {
        self.compare_before(place.position)?;
        let Place { position, ledger_id, .. } = place;
        self.events += 1;
        if let Some(Progress::Broken) = self.ledgers.insert(ledger_id, Progress::Broken) {
            return Ok(());
        }
        self.spoil(ledger_id);
        self.name(
            Some(position),
            ledger_id,
            format!("version {version} says of nobody who booked it"),
        );
        self.check_room()
    }

    fn name(&mut self, position: Option<i64>, ledger_id: Uuid, what: String) {
        self.add(vec![Damage { position, ledger_id: Some(ledger_id), what }]);
    }

    /// What came out, after the last booking.
    pub(super) fn finish(mut self) -> anyhow::Result<Finding> {
        self.compare_before(i64::MAX)?;
        let sighting = self.witness.take().map(Witness::finish);
        // A ledger that is gone as a whole was cut off at its first event.
        for (id, kept) in &self.kept {
            self.ledgers
                .entry(*id)
                .or_insert_with(|| Progress::Sound(Box::new(Verifier::new(*id, Some(*kept)))));
        }
        let mut ledgers: Vec<(Uuid, Progress)> = self.ledgers.drain().collect();
        ledgers.sort_unstable_by_key(|(id, _)| *id);
        let mut ends = Vec::with_capacity(ledgers.len());
        for (id, progress) in ledgers {
            let end = match progress {
                Progress::Broken => ChainEnd::default(),
                Progress::Sound(verifier) => verifier.finish().unwrap_or_else(|broken| {
                    self.name(None, id, broken.to_string());
                    ChainEnd::default()
                }),
            };
            ends.push((id, end));
        }
        let Self { events, broken, named, .. } = self;
        Ok(Finding { events, broken, named, ends, sighting })
    }
}
