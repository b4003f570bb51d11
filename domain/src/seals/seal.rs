//! A seal, and the chain of all of them.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Digest32, KeyId, PublicKey, SealingKey, SignatureBytes,
    hash::{write_number, write_text},
};
use crate::{
    TenantId,
    credit_ledger::chain::{ChainEnd, Head},
};

/// What a leaf and a seal begin with, so that the bytes of the one are never those of the other.
const LEAF_FORM: &str = "kontor ledger end 1";
const SEAL_FORM: &str = "kontor seal 1";
/// Marks the hash of a leaf, as RFC 6962 says.
const LEAF_TAG: u8 = 0x00;
/// Marks the hash of a seal.
const SEAL_TAG: u8 = 0x02;

/// The end of one ledger, as it is sealed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SealedEnd {
    /// Its place in the tree: how many ledgers were opened before it.
    pub leaf: i64,
    /// Whose it is.
    pub tenant: TenantId,
    /// The ledger.
    pub ledger_id: Uuid,
    /// How many bookings it has.
    pub version: i64,
    /// The hash of all of them.
    pub head: Head,
}

impl SealedEnd {
    /// The hash of its leaf.
    pub fn leaf_hash(&self) -> Digest32 {
        let mut leaf = Vec::with_capacity(160);
        write_text(&mut leaf, LEAF_FORM);
        write_text(&mut leaf, self.tenant.as_str());
        leaf.extend_from_slice(self.ledger_id.as_bytes());
        write_number(&mut leaf, self.version);
        leaf.extend_from_slice(self.head.as_bytes());
        Digest32::of(&[&[LEAF_TAG], &leaf])
    }

    /// The end without its place.
    pub fn end(&self) -> ChainEnd {
        ChainEnd { length: self.version, head: self.head }
    }
}

/// A seal before it is signed.
#[derive(Clone, Copy, Debug)]
pub struct SealDraft {
    /// The position of the last booking in it.
    pub position: i64,
    /// How many ledgers there are.
    pub ledgers: i64,
    /// How many bookings.
    pub bookings: i64,
    /// How many ledgers changed since the seal before.
    pub changed: i64,
    /// The root over the ends of all ledgers.
    pub root: Digest32,
    /// When it is made.
    pub sealed_at: DateTime<Utc>,
}

/// A seal over all credit ledgers of a database.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Its number, from 1.
    pub number: i64,
    /// The position of the last booking in it: it holds all up to there.
    pub position: i64,
    /// How many ledgers there are.
    pub ledgers: i64,
    /// How many bookings.
    pub bookings: i64,
    /// How many ledgers changed since the seal before.
    pub changed: i64,
    /// The root of the tree over the ends of all ledgers.
    pub root: Digest32,
    /// The hash of the seal before.
    pub previous: Digest32,
    /// When it was made, in whole microseconds.
    pub sealed_at: DateTime<Utc>,
    /// The short name of the key.
    pub key_id: KeyId,
    /// The key that checks the signature.
    pub public_key: PublicKey,
    /// By that key.
    pub signature: SignatureBytes,
    /// In the first seal of a new key: the signature of the key before it over the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<SignatureBytes>,
}

impl Seal {
    /// Signs the seal that follows `before`. When its key was another one and is at hand in `keys`,
    /// it signs too: whoever trusts it trusts the new one from then on. The first key signs; none
    /// when there is no key.
    pub fn sign(draft: &SealDraft, before: Option<&Self>, keys: &[SealingKey]) -> Option<Self> {
        let (key, old) = keys.split_first()?;
        let public_key = key.public();
        let mut seal = Self {
            number: before.map_or(0, |seal| seal.number).saturating_add(1),
            position: draft.position,
            ledgers: draft.ledgers,
            bookings: draft.bookings,
            changed: draft.changed,
            root: draft.root,
            previous: before.map_or(Digest32::ZERO, Self::hash),
            sealed_at: draft.sealed_at,
            key_id: public_key.id(),
            public_key,
            signature: key.sign(&[]),
            handover: None,
        };
        let bytes = seal.signed_bytes();
        seal.signature = key.sign(&bytes);
        let before = before.map(|seal| seal.public_key).filter(|before| *before != public_key);
        let before = before.and_then(|before| old.iter().find(|key| key.public() == before));
        seal.handover = before.map(|key| key.sign(&bytes));
        Some(seal)
    }

    /// What is signed.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(192);
        write_text(&mut bytes, SEAL_FORM);
        for number in [self.number, self.position, self.ledgers, self.bookings, self.changed] {
            write_number(&mut bytes, number);
        }
        bytes.extend_from_slice(self.root.as_bytes());
        bytes.extend_from_slice(self.previous.as_bytes());
        write_number(&mut bytes, self.sealed_at.timestamp_micros());
        bytes.extend_from_slice(self.public_key.as_bytes());
        bytes
    }

    /// The hash that the next seal holds.
    pub fn hash(&self) -> Digest32 {
        Digest32::of(&[&[SEAL_TAG], &self.signed_bytes(), self.signature.as_bytes()])
    }
}

/// What is wrong with a row of seals.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealBreak {
    /// One is missing, or one stands twice.
    #[error("seal {expected} should come next, but {found} does; a seal was removed or inserted")]
    Number {
        /// The number that should come.
        expected: i64,
        /// The number that came.
        found: i64,
    },
    /// It does not hold the hash of the one before.
    #[error("seal {number} does not follow the one before it; one of them was forged")]
    Previous {
        /// Its number.
        number: i64,
    },
    /// It says less than the one before.
    #[error("seal {number} goes back behind the one before it in its {figure}")]
    Backwards {
        /// Its number.
        number: i64,
        /// Which figure.
        figure: &'static str,
    },
    /// Nobody vouches for its key.
    #[error(
        "seal {number} is signed by the key {key_id}, which is not trusted and which no trusted key \
         handed over to"
    )]
    KeyUnknown {
        /// Its number.
        number: i64,
        /// Its key.
        key_id: KeyId,
    },
    /// The signature is not the key's over what it says.
    #[error("the signature of seal {number} does not hold; it was changed or forged")]
    Signature {
        /// Its number.
        number: i64,
    },
}

/// Checks a row of seals from the first one.
#[derive(Clone, Debug)]
pub struct SealChain {
    trusted: BTreeSet<PublicKey>,
    last: Option<Seal>,
}

impl SealChain {
    /// Nothing checked yet. A key that is not among `trusted` must be handed over to by one that is.
    pub fn new(trusted: impl IntoIterator<Item = PublicKey>) -> Self {
        Self { trusted: trusted.into_iter().collect(), last: None }
    }

    /// Takes the next seal.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn take(&mut self, seal: &Seal) -> Result<(), SealBreak> {
        let number = seal.number;
        let before = self.last.as_ref();
        let expected = before.map_or(0, |last| last.number).saturating_add(1);
        if number != expected {
            return Err(SealBreak::Number { expected, found: number });
        }
        let bytes = seal.signed_bytes();
        if seal.key_id != seal.public_key.id() || !seal.public_key.signed(&bytes, &seal.signature) {
            return Err(SealBreak::Signature { number });
        }
        if seal.previous != before.map_or(Digest32::ZERO, Seal::hash) {
            return Err(SealBreak::Previous { number });
        }
        if let Some(figure) = went_back(before, seal) {
            return Err(SealBreak::Backwards { number, figure });
        }
        let handed_over = before.zip(seal.handover.as_ref()).is_some_and(|(before, handover)| {
            self.trusted.contains(&before.public_key) && before.public_key.signed(&bytes, handover)
        });
        if !handed_over && !self.trusted.contains(&seal.public_key) {
            return Err(SealBreak::KeyUnknown { number, key_id: seal.key_id });
        }
        self.trusted.insert(seal.public_key);
        self.last = Some(seal.clone());
        Ok(())
    }

    /// The last seal that was taken.
    pub fn last(&self) -> Option<&Seal> {
        self.last.as_ref()
    }
}

/// The first figure in which a seal says less than the one before, or nothing new.
fn went_back(before: Option<&Seal>, seal: &Seal) -> Option<&'static str> {
    let none = (0, 0, 0);
    let (position, ledgers, bookings) =
        before.map_or(none, |it| (it.position, it.ledgers, it.bookings));
    let earlier = before.is_some_and(|before| seal.sealed_at < before.sealed_at);
    let sound = [
        (seal.position > position, "position"),
        (seal.ledgers >= ledgers, "ledgers"),
        (seal.bookings > bookings, "bookings"),
        (!earlier, "time"),
        ((1..=seal.ledgers).contains(&seal.changed), "changed ledgers"),
    ];
    sound.into_iter().find(|(holds, _)| !holds).map(|(_, figure)| figure)
}
