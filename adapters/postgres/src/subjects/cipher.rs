//! AES-256-GCM with keys that are wiped from memory.

use aes_gcm::{
    Aes256Gcm, KeyInit,
    aead::{Aead, Payload},
};
use secrecy::zeroize::Zeroizing;

/// The bytes of a key.
pub(super) const KEY_LENGTH: usize = 32;
/// The bytes of a nonce. They are random: one key encrypts a person's fields, far fewer than the
/// 2^32 up to which random nonces of this length stay apart.
const NONCE_LENGTH: usize = 12;

/// A key ready for use.
pub(super) struct DataKey(Aes256Gcm);

impl DataKey {
    pub(super) fn new(bytes: &[u8; KEY_LENGTH]) -> Self {
        Self(Aes256Gcm::new(bytes.into()))
    }

    /// Encrypts; the result begins with the nonce. None for a text longer than the cipher takes,
    /// which is sixty-four gigabytes.
    pub(super) fn seal(&self, context: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        let nonce: [u8; NONCE_LENGTH] = rand::random();
        let payload = Payload { msg: plain, aad: context };
        let sealed = self.0.encrypt(&nonce.into(), payload).ok()?;
        let mut bytes = Vec::with_capacity(NONCE_LENGTH + sealed.len());
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Some(bytes)
    }

    /// Decrypts; none when the bytes, the context or the key are not those of the sealing.
    pub(super) fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
        let payload = Payload { msg: sealed, aad: context };
        self.0.decrypt(nonce.into(), payload).ok().map(Zeroizing::new)
    }
}

impl std::fmt::Debug for DataKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DataKey(_)")
    }
}

/// What a ciphertext belongs to, with the length of each part before it: no two contexts are the
/// same bytes.
pub(super) fn context(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{DataKey, context};

    #[test]
    fn what_was_sealed_opens_with_the_same_key_and_context_only() {
        let key = DataKey::new(&[7; 32]);
        let sealed = key.seal(b"here", "Анна".as_bytes()).unwrap();
        assert_eq!(key.open(b"here", &sealed).unwrap().as_slice(), "Анна".as_bytes());
        assert!(key.open(b"there", &sealed).is_none());
        assert!(DataKey::new(&[8; 32]).open(b"here", &sealed).is_none());
        for index in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[index] ^= 1;
            assert!(key.open(b"here", &changed).is_none(), "byte {index}");
            assert!(key.open(b"here", &sealed[..index]).is_none(), "the first {index} bytes");
        }
    }

    #[test]
    fn the_same_text_is_never_sealed_to_the_same_bytes() {
        let key = DataKey::new(&[7; 32]);
        assert_ne!(key.seal(b"", b"x").unwrap(), key.seal(b"", b"x").unwrap());
    }

    #[test]
    fn contexts_do_not_run_into_each_other() {
        assert_ne!(context(&[b"ab", b"c"]), context(&[b"a", b"bc"]));
        assert_ne!(context(&[b"ab"]), context(&[b"ab", b""]));
    }
}
