//! Hashes, and the bytes that they are taken over.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ValueError;

/// A SHA-256; 64 hexadecimal digits on the wire.
#[derive(Clone, Copy, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest32([u8; 32]);

impl Digest32 {
    /// What stands in front of the first seal.
    pub const ZERO: Self = Self([0; 32]);

    /// A digest of that bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The hash of some parts, one after the other.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for Digest32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<Digest32> for String {
    fn from(digest: Digest32) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest32 {
    type Error = ValueError;

    fn try_from(text: String) -> Result<Self, ValueError> {
        bytes_of(&text).map(Self)
    }
}

/// Reads hexadecimal digits in lower case: one way to write it, so that a text and its bytes belong
/// together.
pub(super) fn bytes_of<const LENGTH: usize>(text: &str) -> Result<[u8; LENGTH], ValueError> {
    let mut bytes = [0; LENGTH];
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    match hex::decode_to_slice(text, &mut bytes) {
        Ok(()) if is_lower => Ok(bytes),
        _ => Err(ValueError(format!("it has {} hexadecimal digits in lower case", LENGTH * 2))),
    }
}

/// A text by its length and its UTF-8. No text of a seal is longer than the tenant's slug.
pub(super) fn write_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

/// A number in eight bytes.
pub(super) fn write_number(bytes: &mut Vec<u8>, number: i64) {
    bytes.extend_from_slice(&number.to_be_bytes());
}
