//! The keys that sign seals, and those that check them.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::hash::{Digest32, bytes_of};
use crate::ValueError;

/// How many bytes of a hash name a key.
const KEY_ID_LENGTH: usize = 16;

/// A key that signs. It is wiped from memory when it is dropped, and does not print.
#[derive(Clone)]
pub struct SealingKey(SigningKey);

impl SealingKey {
    /// The key of a secret of 32 random bytes.
    pub fn new(secret: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(secret))
    }

    /// What checks its signatures.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs.
    pub(super) fn sign(&self, bytes: &[u8]) -> SignatureBytes {
        SignatureBytes(self.0.sign(bytes).to_bytes())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({})", self.public().id())
    }
}

/// A key that checks signatures; 64 hexadecimal digits on the wire. No secret.
#[derive(Clone, Copy, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey([u8; 32]);

impl PublicKey {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its short name: half of its SHA-256.
    pub fn id(&self) -> KeyId {
        let digest = Digest32::of(&[&self.0]);
        let mut id = [0; KEY_ID_LENGTH];
        id.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
        KeyId(id)
    }

    /// Whether the signature is this key's over these bytes. Weak keys and second forms of a
    /// signature are refused.
    pub fn signed(&self, bytes: &[u8], signature: &SignatureBytes) -> bool {
        let Ok(key) = VerifyingKey::from_bytes(&self.0) else { return false };
        key.verify_strict(bytes, &Signature::from_bytes(&signature.0)).is_ok()
    }
}

/// A signature; 128 hexadecimal digits on the wire.
#[derive(Clone, Copy, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct SignatureBytes([u8; 64]);

impl SignatureBytes {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

/// The short name of a key; 32 hexadecimal digits on the wire.
#[derive(Clone, Copy, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId([u8; KEY_ID_LENGTH]);

macro_rules! hexadecimal {
    ($($name:ident),+) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl From<$name> for String {
            fn from(it: $name) -> Self {
                it.to_string()
            }
        }

        impl TryFrom<String> for $name {
            type Error = ValueError;

            fn try_from(text: String) -> Result<Self, ValueError> {
                bytes_of(&text).map(Self)
            }
        }
    )+};
}

hexadecimal!(PublicKey, SignatureBytes, KeyId);
