//! The Merkle tree of RFC 6962 over leaves that change and become more.

use std::collections::BTreeSet;

use super::Digest32;

/// Marks the hash of a node, as RFC 6962 says.
const NODE_TAG: u8 = 0x01;

/// A tree that is kept up to date: a change of one leaf costs a hash for each level.
///
/// A node without a right neighbour goes up unchanged. That is the tree of RFC 6962, whose left half
/// is the largest power of two: each level pairs what the one below it left, from the left.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The leaves, then each level up to the root alone.
    levels: Vec<Vec<Digest32>>,
    /// Leaves that changed since the root was asked for.
    dirty: BTreeSet<usize>,
}

impl Tree {
    /// A tree of these leaves.
    pub fn of(leaves: Vec<Digest32>) -> Self {
        let dirty = (0..leaves.len()).collect();
        Self { levels: vec![leaves], dirty }
    }

    /// How many leaves it has.
    pub fn len(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets a leaf, or adds it as the last one. `false` when it would leave a gap.
    #[must_use]
    pub fn set(&mut self, index: usize, leaf: Digest32) -> bool {
        if self.levels.is_empty() {
            self.levels.push(Vec::new());
        }
        let Some(leaves) = self.levels.first_mut() else { return false };
        if index == leaves.len() {
            leaves.push(leaf);
        } else if let Some(known) = leaves.get_mut(index) {
            *known = leaf;
        } else {
            return false;
        }
        self.dirty.insert(index);
        true
    }

    /// The root; that of a tree without leaves is the hash of nothing.
    pub fn root(&mut self) -> Digest32 {
        self.refresh();
        let top = self.levels.last().and_then(|level| level.first());
        top.copied().unwrap_or_else(|| Digest32::of(&[]))
    }

    /// The hashes beside the way from a leaf to the root, from below; none for a leaf that is not
    /// there. With them [`super::root_of_path`] finds the root.
    pub fn path(&mut self, index: usize) -> Option<Vec<Digest32>> {
        if index >= self.len() {
            return None;
        }
        self.refresh();
        let mut place = index;
        let mut path = Vec::new();
        for level in &self.levels {
            path.extend(level.get(place ^ 1).filter(|_| level.len() > 1));
            place /= 2;
        }
        Some(path)
    }

    /// Computes the nodes above what changed.
    fn refresh(&mut self) {
        let mut touched = std::mem::take(&mut self.dirty);
        let mut below = 0;
        while let Some(level) = self.levels.get(below).filter(|level| level.len() > 1) {
            let parents: BTreeSet<usize> = touched.iter().map(|place| place / 2).collect();
            let computed: Vec<(usize, Digest32)> =
                parents.iter().map(|place| (*place, parent(level, *place))).collect();
            let size = level.len().div_ceil(2);
            below += 1;
            if self.levels.len() == below {
                self.levels.push(Vec::new());
            }
            if let Some(above) = self.levels.get_mut(below) {
                above.resize(size, Digest32::ZERO);
                for (place, node) in computed {
                    if let Some(known) = above.get_mut(place) {
                        *known = node;
                    }
                }
            }
            touched = parents;
        }
    }
}

/// The node above two places of a level.
fn parent(level: &[Digest32], place: usize) -> Digest32 {
    match (level.get(place * 2), level.get(place * 2 + 1)) {
        (Some(left), Some(right)) => node(left, right),
        (Some(alone), None) => *alone,
        (None, _) => Digest32::ZERO,
    }
}

/// The hash of a node.
pub(super) fn node(left: &Digest32, right: &Digest32) -> Digest32 {
    Digest32::of(&[&[NODE_TAG], left.as_bytes(), right.as_bytes()])
}
