//! The proof that a ledger is in a seal, for whoever has neither the log nor this program.

use serde::{Deserialize, Serialize};

use super::{Digest32, PublicKey, Seal, SealedEnd, tree::node};

/// That the end of a ledger is in a seal.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// The end that is proved.
    pub end: SealedEnd,
    /// The hash of its leaf.
    pub leaf_hash: Digest32,
    /// The hashes beside the way to the root, from below.
    pub path: Vec<Digest32>,
    /// The seal with the root.
    pub seal: Seal,
}

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProofError {
    /// The hash of the leaf is not that of the end.
    #[error("the hash of the leaf is not that of the end")]
    Leaf,
    /// The path does not lead to the root.
    #[error("the path does not lead to the root of the seal")]
    Path,
    /// The seal is not signed by the key that was named.
    #[error("the seal is not signed by the trusted key")]
    Signature,
}

impl Proof {
    /// Checks it against a key that is trusted.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn check(&self, trusted: &PublicKey) -> Result<(), ProofError> {
        if self.leaf_hash != self.end.leaf_hash() {
            return Err(ProofError::Leaf);
        }
        let place = (self.end.leaf, self.seal.ledgers);
        if root_of_path(place, self.leaf_hash, &self.path) != Some(self.seal.root) {
            return Err(ProofError::Path);
        }
        let seal = &self.seal;
        let same = seal.public_key == *trusted;
        if !same || !trusted.signed(&seal.signed_bytes(), &seal.signature) {
            return Err(ProofError::Signature);
        }
        Ok(())
    }
}

/// The root that a leaf and its path lead to in a tree of so many leaves (RFC 9162, 2.1.3.2); none
/// when the path has not the length that it must have.
pub fn root_of_path(
    (leaf, leaves): (i64, i64),
    hash: Digest32,
    path: &[Digest32],
) -> Option<Digest32> {
    if leaf < 0 || leaf >= leaves {
        return None;
    }
    let (mut place, mut last) = (leaf, leaves - 1);
    let mut root = hash;
    for beside in path {
        if last == 0 {
            return None;
        }
        if place % 2 == 1 || place == last {
            root = node(beside, &root);
            while place % 2 == 0 && place != 0 {
                (place, last) = (place / 2, last / 2);
            }
        } else {
            root = node(&root, beside);
        }
        (place, last) = (place / 2, last / 2);
    }
    (last == 0).then_some(root)
}
