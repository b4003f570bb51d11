//! Seals of credit ledgers: what whoever can change the database cannot change any more.
//!
//! A chain proves that nothing inside a ledger was touched. That nothing was cut from its end, and
//! that the whole was not computed anew, shows only against something that is kept elsewhere: a seal.
//! It is a signature (Ed25519) over the root of a Merkle tree (RFC 6962) whose leaves are the ends of
//! all ledgers of the database, in the order in which they were opened. A seal holds the hash of the
//! one before it, so that none can be taken out.
//!
//! Whoever knows these pages can check a seal, and that a ledger is in it, without this program:
//!
//! - a text is its length in four bytes, big-endian, and its UTF-8; a number eight bytes, big-endian;
//! - a leaf is `text("kontor ledger end 1") ‖ text(tenant) ‖ ledger id, 16 bytes ‖ number(version) ‖
//!   head, 32 bytes`, its hash `SHA-256(0x00 ‖ leaf)`;
//! - a node is `SHA-256(0x01 ‖ left ‖ right)`; the left half of `n` leaves are the largest power of two
//!   below `n` (RFC 6962, 2.1);
//! - what is signed is `text("kontor seal 1") ‖ number(number) ‖ number(position) ‖ number(ledgers) ‖
//!   number(bookings) ‖ number(changed) ‖ root ‖ previous ‖ number(microseconds since 1970) ‖ public
//!   key, 32 bytes`;
//! - `previous` is `SHA-256(0x02 ‖ what was signed ‖ signature)` of the seal before; 32 zero bytes in
//!   front of the first one.

mod hash;
mod key;
mod proof;
mod seal;
mod tree;

pub use hash::Digest32;
pub use key::{KeyId, PublicKey, SealingKey, SignatureBytes};
pub use proof::{Proof, ProofError, root_of_path};
pub use seal::{Seal, SealBreak, SealChain, SealDraft, SealedEnd};
pub use tree::Tree;

#[cfg(test)]
mod tests;
