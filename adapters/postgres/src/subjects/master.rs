//! Master keys: they wrap the keys of people and come from the configuration.

use base64::{Engine, engine::general_purpose};
use secrecy::{SecretString, zeroize::Zeroizing};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{
    VaultError,
    cipher::{DataKey, KEY_LENGTH, context},
};

/// The most master keys at once: the current one, and those of changes that are not finished.
const KEYS_MAX: usize = 8;
/// The bytes of the hash that name a master key: enough to tell a handful apart, and no help to find
/// the key.
const ID_LENGTH: usize = 8;

/// The master keys of a process: the current one wraps new keys, all of them open old ones.
#[derive(Debug)]
pub struct MasterKeys {
    current: MasterKey,
    old: Vec<MasterKey>,
}

#[derive(Debug)]
struct MasterKey {
    id: String,
    key: DataKey,
}

/// Why a text is no list of master keys. It never repeats the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MasterKeyError {
    /// There is none.
    #[error("there is no key")]
    Empty,
    /// A part is no key.
    #[error("a master key is 32 random bytes in base64, such as `openssl rand -base64 32` prints")]
    NotAKey,
    /// Too many.
    #[error("at most {KEYS_MAX} master keys are used at once")]
    TooMany,
    /// The same twice.
    #[error("the same master key stands there twice")]
    Twice,
}

impl MasterKeys {
    /// Reads one or several keys, each 32 bytes in base64, separated by commas or white space. The
    /// first one is the current one; the others are those of before.
    ///
    /// # Errors
    /// [`MasterKeyError`].
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let parts = text.split([',', ' ', '\t', '\r', '\n']).filter(|part| !part.is_empty());
        let mut keys = Vec::new();
        for part in parts {
            if keys.len() == KEYS_MAX {
                return Err(MasterKeyError::TooMany);
            }
            let key = MasterKey::parse(part)?;
            if keys.iter().any(|known: &MasterKey| known.id == key.id) {
                return Err(MasterKeyError::Twice);
            }
            keys.push(key);
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or(MasterKeyError::Empty)?;
        Ok(Self { current, old: keys.collect() })
    }

    /// A key that nobody keeps, for tests and measurements: what it encrypts is lost with it.
    pub fn throwaway() -> Self {
        let bytes = Zeroizing::new(rand::random::<[u8; KEY_LENGTH]>());
        Self { current: MasterKey::new(&bytes), old: Vec::new() }
    }

    /// A new key as text.
    pub fn generate() -> SecretString {
        let bytes = Zeroizing::new(rand::random::<[u8; KEY_LENGTH]>());
        general_purpose::STANDARD.encode(bytes.as_slice()).into()
    }

    /// The name of the current key.
    pub fn current_id(&self) -> &str {
        &self.current.id
    }

    /// The names of all keys, the current one first.
    pub fn ids(&self) -> Vec<&str> {
        std::iter::once(&self.current).chain(&self.old).map(|key| key.id.as_str()).collect()
    }

    /// Makes a person's key. Returns it with its wrapped form under the current master key.
    pub(super) fn make(&self, owner: &Owner<'_>) -> Option<(DataKey, Vec<u8>)> {
        let bytes = Zeroizing::new(rand::random::<[u8; KEY_LENGTH]>());
        let wrapped = self.current.key.seal(&owner.context(), bytes.as_slice())?;
        Some((DataKey::new(&bytes), wrapped))
    }

    /// Opens a person's key.
    pub(super) fn unwrap(
        &self,
        owner: &Owner<'_>,
        (master_key_id, wrapped): (&str, &[u8]),
    ) -> Result<DataKey, VaultError> {
        Ok(DataKey::new(&*self.bytes(owner, (master_key_id, wrapped))?))
    }

    /// The same key, wrapped by the current master key.
    pub(super) fn rewrap(
        &self,
        owner: &Owner<'_>,
        wrapped: (&str, &[u8]),
    ) -> Result<Vec<u8>, VaultError> {
        let bytes = self.bytes(owner, wrapped)?;
        let damaged = VaultError::KeyDamaged { key_id: owner.key_id };
        self.current.key.seal(&owner.context(), bytes.as_slice()).ok_or(damaged)
    }

    /// Seals a secret by the current key; none only for one that no cipher takes.
    pub(super) fn seal(&self, context: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        self.current.key.seal(context, plain)
    }

    /// Opens a secret that one of the keys sealed; none when it is damaged or of another place.
    pub(super) fn open(
        &self,
        context: &[u8],
        (master_key_id, sealed): (&str, &[u8]),
    ) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        Ok(self.find(master_key_id)?.key.open(context, sealed))
    }

    fn find(&self, id: &str) -> Result<&MasterKey, VaultError> {
        let mut all = std::iter::once(&self.current).chain(&self.old);
        all.find(|key| key.id == id).ok_or_else(|| VaultError::MasterKeyUnknown {
            id: id.to_owned(),
            configured: self.ids().join(", "),
        })
    }

    fn bytes(
        &self,
        owner: &Owner<'_>,
        (master_key_id, wrapped): (&str, &[u8]),
    ) -> Result<Zeroizing<[u8; KEY_LENGTH]>, VaultError> {
        let master = self.find(master_key_id)?;
        let damaged = || VaultError::KeyDamaged { key_id: owner.key_id };
        let plain = master.key.open(&owner.context(), wrapped).ok_or_else(damaged)?;
        let bytes: &[u8; KEY_LENGTH] = plain.as_slice().try_into().map_err(|_| damaged())?;
        Ok(Zeroizing::new(*bytes))
    }
}

impl MasterKey {
    fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim_end_matches('=');
        let bytes = general_purpose::STANDARD_NO_PAD
            .decode(text)
            .or_else(|_| general_purpose::URL_SAFE_NO_PAD.decode(text))
            .map(Zeroizing::new)
            .map_err(|_| MasterKeyError::NotAKey)?;
        let bytes: &[u8; KEY_LENGTH] =
            bytes.as_slice().try_into().map_err(|_| MasterKeyError::NotAKey)?;
        Ok(Self::new(bytes))
    }

    fn new(bytes: &[u8; KEY_LENGTH]) -> Self {
        let hash =
            Sha256::new().chain_update("kontor master key id").chain_update(bytes).finalize();
        let id = hash.iter().take(ID_LENGTH).map(|byte| format!("{byte:02x}")).collect();
        Self { id, key: DataKey::new(bytes) }
    }
}

/// Whose key it is. A wrapped key opens for no other row.
pub(super) struct Owner<'a> {
    pub(super) tenant: &'a str,
    pub(super) subject_id: Uuid,
    pub(super) key_id: Uuid,
}

impl Owner<'_> {
    fn context(&self) -> Vec<u8> {
        context(&[
            b"kontor subject key",
            self.tenant.as_bytes(),
            self.subject_id.as_bytes(),
            self.key_id.as_bytes(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const OWNER: Owner<'_> =
        Owner { tenant: "demo", subject_id: Uuid::from_u128(1), key_id: Uuid::from_u128(2) };

    #[test]
    fn a_list_is_read_with_the_current_key_first() {
        let [first, second] = [MasterKeys::generate(), MasterKeys::generate()];
        let (first, second) = (first.expose_secret(), second.expose_secret());
        let alone = MasterKeys::parse(first).unwrap();
        for separator in [",", "\n", " , ", "\r\n"] {
            let both = MasterKeys::parse(&format!("{first}{separator}{second}\n")).unwrap();
            assert_eq!(both.current_id(), alone.current_id());
            assert_eq!(both.ids().len(), 2);
        }
        let url_safe = first.replace('+', "-").replace('/', "_");
        assert_eq!(MasterKeys::parse(&url_safe).unwrap().current_id(), alone.current_id());
        assert!(!format!("{alone:?}").contains(first));
    }

    #[test]
    fn what_is_no_list_of_keys_says_why() {
        let parse = |text: &str| MasterKeys::parse(text).unwrap_err();
        assert_eq!(parse(" \n"), MasterKeyError::Empty);
        for wrong in ["password", "AAAA", &"A".repeat(44), "ключ", "\u{0}"] {
            assert_eq!(parse(wrong), MasterKeyError::NotAKey, "{wrong}");
        }
        let key = MasterKeys::generate();
        assert_eq!(parse(&format!("{0},{0}", key.expose_secret())), MasterKeyError::Twice);
        let many: Vec<String> =
            (0..9).map(|_| MasterKeys::generate().expose_secret().to_owned()).collect();
        assert_eq!(parse(&many.join(",")), MasterKeyError::TooMany);
    }

    #[test]
    fn a_key_opens_for_its_owner_alone_and_survives_a_change_of_the_master_key() {
        let (old, new) = (MasterKeys::generate(), MasterKeys::generate());
        let masters = MasterKeys::parse(old.expose_secret()).unwrap();
        let (key, wrapped) = masters.make(&OWNER).unwrap();
        let sealed = key.seal(b"", "Анна".as_bytes()).unwrap();
        let stranger = Owner { subject_id: Uuid::from_u128(9), ..OWNER };
        let id = masters.current_id().to_owned();
        assert!(matches!(
            masters.unwrap(&stranger, (&id, &wrapped)),
            Err(VaultError::KeyDamaged { .. })
        ));
        let both = format!("{},{}", new.expose_secret(), old.expose_secret());
        let both = MasterKeys::parse(&both).unwrap();
        let again = both.rewrap(&OWNER, (&id, &wrapped)).unwrap();
        let after = MasterKeys::parse(new.expose_secret()).unwrap();
        let key = after.unwrap(&OWNER, (after.current_id(), &again)).unwrap();
        assert_eq!(key.open(b"", &sealed).unwrap().as_slice(), "Анна".as_bytes());
        assert!(matches!(
            after.unwrap(&OWNER, (&id, &wrapped)),
            Err(VaultError::MasterKeyUnknown { .. })
        ));
    }
}
