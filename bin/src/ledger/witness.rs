//! The log beside the seals: at the position of each seal every ledger must stand where it says.
//!
//! The root that was signed is the judge. The ends in front of a seal say which ledger it is that does
//! not fit, and from which booking on; without them, as NATS carries seals, only the positions between
//! which the fault lies can be told.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    path::Path,
};

use anyhow::Context;
use kontor_domain::{
    TenantId,
    credit_ledger::chain::{ChainEnd, Head},
    seals::{Digest32, PublicKey, Seal, SealChain, SealedEnd, Tree},
};
use serde::Serialize;
use uuid::Uuid;

use super::chains::{Damage, Place};
use crate::{
    config::Config,
    failure::Failure,
    seals::{self, Group, Groups},
};

/// A ledger as the log has it.
struct Ledger {
    leaf: usize,
    tenant: String,
    end: ChainEnd,
    /// The bookings since the last seal, as version and position.
    new: Vec<(i64, i64)>,
}

/// What the seals say, when all of them fit.
#[derive(Debug, Serialize)]
pub(super) struct Sighting {
    /// How many seals.
    seals: i64,
    /// Up to where they reach.
    position: i64,
    /// How many bookings came after the last of them.
    bookings_not_sealed: i64,
    /// The hash of the last seal, to be compared with one that was kept elsewhere.
    last_seal: Option<Digest32>,
}

impl fmt::Display for Sighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seals, position, bookings_not_sealed, last_seal } = self;
        write!(f, "They are what {seals} seals hold, up to position {position}")?;
        if let Some(last) = last_seal {
            write!(f, "; the last seal is {last}")?;
        }
        write!(f, ". Bookings after it: {bookings_not_sealed}.")
    }
}

/// The seals of a file beside the bookings of a log.
pub(super) struct Witness {
    groups: Groups,
    next: Option<Group>,
    chain: SealChain,
    /// The tree by the ends of the file; none once a seal came without them.
    told: Option<Tree>,
    /// The tree by the log.
    found: Tree,
    ledgers: HashMap<Uuid, Ledger>,
    /// Ledgers with bookings since the last seal.
    changed: HashSet<Uuid>,
    /// Ledgers that do not hold: what was said of them is not said again.
    spoiled: HashSet<Uuid>,
    bookings: i64,
    /// Whether something does not fit: from then on no root can.
    is_broken: bool,
}

impl Witness {
    /// Opens the seals. The keys that are trusted are those that were named, or else the
    /// configured ones.
    pub(super) fn open(
        config: &Config,
        path: &Path,
        trusted: &[PublicKey],
    ) -> Result<Self, Failure> {
        let mut trusted = trusted.to_vec();
        if trusted.is_empty() {
            let keys = seals::find(config)?;
            trusted = keys.map(|keys| keys.public()).unwrap_or_default();
        }
        if trusted.is_empty() {
            return Err(Failure::Usage(
                "no key is trusted: name the public one that was written down with --trust KEY \
                 (`kontor ledger seal-key` shows it), or set KONTOR_SEAL_KEY"
                    .to_owned(),
            ));
        }
        let mut groups = Groups::open(path)?;
        let next = groups.next()?;
        let next = next.with_context(|| format!("there is no seal in {}", path.display()))?;
        Ok(Self {
            groups,
            next: Some(next),
            chain: SealChain::new(trusted),
            told: Some(Tree::default()),
            found: Tree::default(),
            ledgers: HashMap::new(),
            changed: HashSet::new(),
            spoiled: HashSet::new(),
            bookings: 0,
            is_broken: false,
        })
    }

    /// Notes a booking that fits its chain.
    pub(super) fn saw(&mut self, place: Place<'_>, end: ChainEnd) {
        let leaf = self.ledgers.len();
        let tenant = || place.tenant.to_owned();
        let ledger = self.ledgers.entry(place.ledger_id).or_insert_with(|| Ledger {
            leaf,
            tenant: tenant(),
            end,
            new: Vec::new(),
        });
        ledger.end = end;
        // Whose it is stands in no chain.
        if ledger.tenant != place.tenant {
            ledger.tenant = tenant();
        }
        ledger.new.push((end.length, place.position));
        self.changed.insert(place.ledger_id);
        self.bookings = self.bookings.saturating_add(1);
    }

    /// A ledger whose chain is broken.
    pub(super) fn spoil(&mut self, ledger_id: Uuid) {
        self.spoiled.insert(ledger_id);
        self.is_broken = true;
    }

    /// Compares with all seals whose last booking stands before this position.
    pub(super) fn compare_before(&mut self, position: i64) -> anyhow::Result<Vec<Damage>> {
        let mut damage = Vec::new();
        while let Some(group) = self.next.take_if(|group| group.seal.position < position) {
            let before = self.chain.last().map_or(0, |seal| seal.position);
            if let Err(broken) = self.chain.take(&group.seal) {
                // Whatever follows follows from a forgery.
                let what = format!("line {} of the seals: {broken}", group.line);
                damage.push(Damage { position: None, ledger_id: None, what });
                self.is_broken = true;
                return Ok(damage);
            }
            damage.extend(self.compare(&group, before));
            self.next = self.groups.next()?;
        }
        Ok(damage)
    }

    fn compare(&mut self, group: &Group, before: i64) -> Vec<Damage> {
        let seal = &group.seal;
        let mut damage: Vec<Damage> = self.check_told(group).into_iter().collect();
        if !group.ends.is_empty() {
            damage.extend(group.ends.iter().filter_map(|end| self.compare_end(seal, end)));
            let told: HashSet<Uuid> = group.ends.iter().map(|end| end.ledger_id).collect();
            damage.extend(self.not_told(seal, &told));
        }
        self.grow();
        let sums = (seal.root, seal.ledgers, seal.bookings);
        let ledgers = i64::try_from(self.ledgers.len()).unwrap_or(i64::MAX);
        self.is_broken |= !damage.is_empty();
        if !self.is_broken && (self.found.root(), ledgers, self.bookings) != sums {
            self.is_broken = true;
            let Seal { number, position, bookings, .. } = seal;
            damage.push(Damage {
                position: None,
                ledger_id: None,
                what: format!(
                    "the log is not the one that seal {number} was made of: the first bad position \
                     lies behind {before} and not behind {position}; the seal holds {bookings} \
                     bookings in {} ledgers, the log has {} in {ledgers}",
                    seal.ledgers, self.bookings
                ),
            });
        }
        damage
    }

    /// Brings the tree by the log up to date. In the order of the leaves: a new one is the last one.
    fn grow(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        let mut leaves: Vec<(usize, Digest32)> = Vec::with_capacity(changed.len());
        for id in changed {
            let Some(ledger) = self.ledgers.get_mut(&id) else { continue };
            ledger.new.clear();
            // A slug that is none can be in no seal; the root then differs.
            let leaf = ledger_end(id, ledger).map(|end| end.leaf_hash()).unwrap_or_default();
            leaves.push((ledger.leaf, leaf));
        }
        leaves.sort_unstable_by_key(|(place, _)| *place);
        for (place, leaf) in leaves {
            // A leaf that would leave a gap is left out: then the root differs, and that is told.
            if !self.found.set(place, leaf) {
                tracing::debug!(place, "a leaf has no place in the tree");
            }
        }
    }

    /// Whether the ends in front of a seal are those that were signed.
    fn check_told(&mut self, group: &Group) -> Option<Damage> {
        let seal = &group.seal;
        if group.ends.is_empty() {
            self.told = None;
            return None;
        }
        let tree = self.told.as_mut()?;
        let fits = group.ends.iter().all(|end| {
            let leaf = usize::try_from(end.leaf).unwrap_or(usize::MAX);
            tree.set(leaf, end.leaf_hash())
        });
        let count = i64::try_from(group.ends.len()).ok();
        if fits && count == Some(seal.changed) && tree.root() == seal.root {
            return None;
        }
        self.told = None;
        let what = format!(
            "line {} of the seals: the ends in front of seal {} do not come to its root; the file was \
             changed",
            group.line, seal.number
        );
        Some(Damage { position: None, ledger_id: None, what })
    }

    /// A ledger that must stand where a seal says.
    fn compare_end(&mut self, seal: &Seal, told: &SealedEnd) -> Option<Damage> {
        let (number, version, id) = (seal.number, told.version, told.ledger_id);
        if self.spoiled.contains(&id) {
            return None;
        }
        let nothing = ChainEnd { length: 0, head: Head::GENESIS };
        let ledger = self.ledgers.get(&id);
        let found = ledger.map_or(nothing, |ledger| ledger.end);
        let new: &[(i64, i64)] = ledger.map_or(&[], |ledger| &ledger.new);
        let (position, what) = if found.length < version {
            let missing = found.length.saturating_add(1);
            let what = format!(
                "seal {number} holds {version} bookings, the log has {} up to position {}: version \
                 {missing} and what followed were cut off",
                found.length, seal.position
            );
            (None, what)
        } else if found.length > version {
            let inserted = new.iter().find(|(found, _)| *found > version).map(|(_, at)| *at);
            let what = format!(
                "seal {number} holds {version} bookings up to position {}; this one was inserted",
                seal.position
            );
            (inserted, what)
        } else if found.head != told.head {
            let first = new.first().map(|(version, _)| *version).unwrap_or(version);
            let what = format!(
                "version {first} to {version} are not those that seal {number} was made of; the \
                 ledger was rewritten"
            );
            (new.first().map(|(_, position)| *position), what)
        } else if ledger.is_some_and(|ledger| ledger.tenant != told.tenant.as_str()) {
            let what = format!("in seal {number} it belongs to {}; it was moved", told.tenant);
            (new.first().map(|(_, position)| *position), what)
        } else {
            return None;
        };
        self.spoiled.insert(id);
        Some(Damage { position, ledger_id: Some(id), what })
    }

    /// Ledgers with bookings in the log that the seal does not have.
    fn not_told(&mut self, seal: &Seal, told: &HashSet<Uuid>) -> Vec<Damage> {
        let strange = |id: &&Uuid| !told.contains(*id) && !self.spoiled.contains(*id);
        let mut damage: Vec<Damage> = self
            .changed
            .iter()
            .filter(strange)
            .map(|id| {
                let ledger = self.ledgers.get(id);
                let first = ledger.and_then(|ledger| ledger.new.first());
                let version = first.map_or(0, |(version, _)| *version);
                let what = format!(
                    "seal {} knows nothing of version {version}; it was inserted",
                    seal.number
                );
                Damage { position: first.map(|(_, at)| *at), ledger_id: Some(*id), what }
            })
            .collect();
        damage.sort_unstable_by_key(|damage| damage.position);
        self.spoiled.extend(damage.iter().filter_map(|damage| damage.ledger_id));
        damage
    }

    /// What the seals say, after the last booking.
    pub(super) fn finish(self) -> Sighting {
        let last = self.chain.last();
        let sealed = last.map_or(0, |seal| seal.bookings);
        Sighting {
            seals: last.map_or(0, |seal| seal.number),
            position: last.map_or(0, |seal| seal.position),
            bookings_not_sealed: self.bookings.saturating_sub(sealed),
            last_seal: last.map(Seal::hash),
        }
    }
}

fn ledger_end(ledger_id: Uuid, ledger: &Ledger) -> Option<SealedEnd> {
    let tenant: TenantId = ledger.tenant.parse().ok()?;
    let leaf = i64::try_from(ledger.leaf).ok()?;
    let ChainEnd { length: version, head } = ledger.end;
    Some(SealedEnd { leaf, tenant, ledger_id, version, head })
}
