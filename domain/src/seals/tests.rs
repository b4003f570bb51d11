//! The tree against the vectors of Certificate Transparency and a definition of its own, and what a
//! row of seals refuses.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{hash::Digest32, *};
use crate::credit_ledger::chain::Head;

/// The leaves and roots that implementations of RFC 6962 are tested with: the root of the first n
/// leaves is the nth.
const LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn leaf(bytes: &[u8]) -> Digest32 {
    Digest32::of(&[&[0], bytes])
}

/// The definition of RFC 6962, 2.1, word for word.
fn naive(leaves: &[Digest32]) -> Digest32 {
    match leaves {
        [] => Digest32::new(Sha256::digest([]).into()),
        [one] => *one,
        many => {
            let mut left = 1;
            while left * 2 < many.len() {
                left *= 2;
            }
            let (left, right) = (naive(&many[..left]), naive(&many[left..]));
            Digest32::of(&[&[1], left.as_bytes(), right.as_bytes()])
        }
    }
}

#[test]
fn the_tree_is_that_of_the_public_vectors() {
    let mut tree = Tree::default();
    assert_eq!(
        tree.root().to_string(),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    for (index, (bytes, root)) in LEAVES.iter().zip(ROOTS).enumerate() {
        assert!(tree.set(index, leaf(&hex::decode(bytes).unwrap())));
        assert_eq!(tree.root().to_string(), root, "{} leaves", index + 1);
    }
    assert!(!tree.set(9, leaf(b"gap")));
    // The audit path of the third of five leaves, by the figure of RFC 6962, 2.1.3.
    let leaves: Vec<Digest32> =
        LEAVES.iter().map(|bytes| leaf(&hex::decode(bytes).unwrap())).collect();
    let path = Tree::of(leaves[..5].to_vec()).path(2).unwrap();
    assert_eq!(path, [leaves[3], naive(&leaves[..2]), leaves[4]]);
}

proptest! {
    #[test]
    fn a_tree_that_changes_has_the_root_and_the_paths_of_the_definition(
        changes in proptest::collection::vec((0_usize..70, any::<u8>(), any::<bool>()), 1..120),
    ) {
        let (mut tree, mut leaves) = (Tree::default(), Vec::new());
        for (index, byte, asked) in changes {
            let index = index.min(leaves.len());
            let new = leaf(&[byte]);
            prop_assert!(tree.set(index, new));
            if index == leaves.len() { leaves.push(new) } else { leaves[index] = new }
            if asked {
                prop_assert_eq!(tree.root(), naive(&leaves));
            }
        }
        let root = tree.root();
        let size = i64::try_from(leaves.len()).unwrap();
        for (index, own) in leaves.iter().enumerate() {
            let path = tree.path(index).unwrap();
            let place = i64::try_from(index).unwrap();
            prop_assert_eq!(root_of_path((place, size), *own, &path), Some(root));
            prop_assert_ne!(root_of_path((place, size), leaf(b"other"), &path), Some(root));
            let longer = [&path[..], &[*own]].concat();
            prop_assert_eq!(root_of_path((place, size), *own, &longer), None);
        }
        prop_assert_eq!(tree.path(leaves.len()), None);
        prop_assert_eq!(root_of_path((size, size), root, &[]), None);
    }
}

fn key(number: u8) -> SealingKey {
    SealingKey::new(&[number; 32])
}

fn at(minute: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_795_000_000 + minute * 60, 0).unwrap()
}

fn end(version: i64) -> SealedEnd {
    SealedEnd {
        leaf: 0,
        tenant: "demo".parse().unwrap(),
        ledger_id: Uuid::from_u128(7),
        version,
        head: Head::GENESIS,
    }
}

/// Three seals over one ledger that grows, the third of them by a new key.
fn seals(last: &[SealingKey]) -> Vec<Seal> {
    let mut seals: Vec<Seal> = Vec::new();
    for (number, keys) in (1..).zip([&[key(1)][..], &[key(1)], last]) {
        let draft = SealDraft {
            position: 10 * number,
            ledgers: 1,
            bookings: number,
            changed: 1,
            root: end(number).leaf_hash(),
            sealed_at: at(number),
        };
        seals.push(Seal::sign(&draft, seals.last(), keys).unwrap());
    }
    seals
}

fn judge(seals: &[Seal], trusted: &[SealingKey]) -> Result<(), SealBreak> {
    let mut chain = SealChain::new(trusted.iter().map(SealingKey::public));
    seals.iter().try_for_each(|seal| chain.take(seal))
}

#[test]
fn the_bytes_of_a_leaf_and_of_a_seal_are_pinned() {
    let seals = seals(&[key(1)]);
    assert_eq!(
        end(3).leaf_hash().to_string(),
        hex::encode(Sha256::digest(
            [
                &b"\0\0\0\0\x13kontor ledger end 1\0\0\0\x04demo"[..],
                Uuid::from_u128(7).as_bytes(),
                &3_i64.to_be_bytes(),
                &[0; 32],
            ]
            .concat()
        ))
    );
    let bytes = seals[0].signed_bytes();
    assert!(bytes.starts_with(b"\0\0\0\x0dkontor seal 1\0\0\0\0\0\0\0\x01"));
    assert_eq!(bytes.len(), 17 + 5 * 8 + 32 + 32 + 8 + 32);
    let json = serde_json::to_value(&seals[1]).unwrap();
    assert_eq!(serde_json::from_value::<Seal>(json.clone()).unwrap(), seals[1]);
    assert_eq!(json["previous"], seals[0].hash().to_string());
    assert_eq!(json["public_key"].as_str().unwrap().len(), 64);
    assert!(json.get("handover").is_none());
}

#[test]
fn a_key_signs_as_rfc_8032_says() {
    let secret: [u8; 32] =
        hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .unwrap()
            .try_into()
            .unwrap();
    let key = SealingKey::new(&secret);
    assert_eq!(
        key.public().to_string(),
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    );
    let signature = key.sign(b"");
    assert!(signature.to_string().starts_with("e5564300c360ac729086e2cc806e828a"));
    assert!(key.public().signed(b"", &signature) && !key.public().signed(b"x", &signature));
    assert!(!format!("{key:?}").contains("9d61b1"), "a secret does not print");
}

#[test]
fn a_new_key_is_believed_when_the_old_one_hands_over_or_it_is_named() {
    let handed_over = seals(&[key(2), key(1)]);
    assert!(handed_over[2].handover.is_some());
    assert_eq!(judge(&handed_over, &[key(1)]), Ok(()));
    let alone = seals(&[key(2)]);
    let key_id = key(2).public().id();
    assert_eq!(judge(&alone, &[key(1)]), Err(SealBreak::KeyUnknown { number: 3, key_id }));
    assert_eq!(judge(&alone, &[key(1), key(2)]), Ok(()));
    let key_id = key(1).public().id();
    assert_eq!(judge(&handed_over, &[key(2)]), Err(SealBreak::KeyUnknown { number: 1, key_id }));
    // A key that nobody knew cannot hand over to itself.
    let mut stolen = handed_over.clone();
    stolen[2] = Seal { handover: Some(stolen[2].signature), ..alone[2].clone() };
    assert!(matches!(judge(&stolen, &[key(1)]), Err(SealBreak::KeyUnknown { number: 3, .. })));
}

#[test]
fn seals_that_are_forged_removed_or_moved_are_named() {
    let sound = seals(&[key(1)]);
    assert_eq!(judge(&sound, &[key(1)]), Ok(()));
    let mut changed = sound.clone();
    changed[1].bookings += 1;
    assert_eq!(judge(&changed, &[key(1)]), Err(SealBreak::Signature { number: 2 }));
    let removed = [sound[0].clone(), sound[2].clone()];
    assert_eq!(judge(&removed, &[key(1)]), Err(SealBreak::Number { expected: 2, found: 3 }));
    assert_eq!(judge(&sound[1..], &[key(1)]), Err(SealBreak::Number { expected: 1, found: 2 }));
    // The same key signs another past: its successors do not follow.
    let draft = SealDraft {
        position: 20,
        ledgers: 1,
        bookings: 2,
        changed: 1,
        root: end(9).leaf_hash(),
        sealed_at: at(2),
    };
    let mut forked = sound.clone();
    forked[1] = Seal::sign(&draft, Some(&sound[0]), &[key(1)]).unwrap();
    assert_eq!(judge(&forked, &[key(1)]), Err(SealBreak::Previous { number: 3 }));
    let back = Seal::sign(&SealDraft { position: 10, ..draft }, Some(&sound[0]), &[key(1)]);
    let figure = "position";
    let back = [sound[0].clone(), back.unwrap()];
    assert_eq!(judge(&back, &[key(1)]), Err(SealBreak::Backwards { number: 2, figure }));
    assert!(Seal::sign(&draft, None, &[]).is_none());
}

#[test]
fn a_proof_holds_for_its_ledger_alone() {
    let others: Vec<SealedEnd> = (0..5)
        .zip(1_u128..)
        .map(|(leaf, id)| SealedEnd { leaf, ledger_id: Uuid::from_u128(id), ..end(leaf + 1) })
        .collect();
    let mut tree = Tree::of(others.iter().map(SealedEnd::leaf_hash).collect());
    let draft = SealDraft {
        position: 40,
        ledgers: 5,
        bookings: 15,
        changed: 5,
        root: tree.root(),
        sealed_at: at(1),
    };
    let seal = Seal::sign(&draft, None, &[key(1)]).unwrap();
    for (index, end) in others.iter().enumerate() {
        let (end, leaf_hash) = (end.clone(), end.leaf_hash());
        let path = tree.path(index).unwrap();
        let proof = Proof { end, leaf_hash, path, seal: seal.clone() };
        assert_eq!(proof.check(&key(1).public()), Ok(()));
        assert_eq!(proof.check(&key(2).public()), Err(ProofError::Signature));
        let mut richer = proof.clone();
        richer.end.version += 1;
        assert_eq!(richer.check(&key(1).public()), Err(ProofError::Leaf));
        richer.leaf_hash = richer.end.leaf_hash();
        assert_eq!(richer.check(&key(1).public()), Err(ProofError::Path));
    }
}
