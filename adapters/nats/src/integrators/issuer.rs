//! The key by which Kontor vouches for integrators.

use std::{fmt, sync::Arc};

use nkeys::{KeyPair, KeyPairType};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::jwt;

/// Why a seed is no issuer.
#[derive(Debug, thiserror::Error)]
#[error("an issuer's seed begins with SA and comes from `kontor integrator issuer`")]
pub struct IssuerError;

/// The account key whose public half stands in the broker's configuration (`auth_callout.issuer`):
/// the broker believes whom it signs for. Cheap to clone.
#[derive(Clone)]
pub struct Issuer(Arc<KeyPair>);

impl Issuer {
    /// Makes a key. Returns its seed, which is a secret.
    ///
    /// # Errors
    /// Never for a key that was just made, as far as is known.
    pub fn generate() -> Result<(Self, SecretString), IssuerError> {
        let key = KeyPair::new_account();
        let seed = key.seed().map_err(|_| IssuerError)?;
        Ok((Self(Arc::new(key)), seed.into()))
    }

    /// The key of a seed.
    ///
    /// # Errors
    /// When it is no seed of an account key.
    pub fn from_seed(seed: &SecretString) -> Result<Self, IssuerError> {
        let key = KeyPair::from_seed(seed.expose_secret().trim()).map_err(|_| IssuerError)?;
        match key.key_pair_type() {
            KeyPairType::Account => Ok(Self(Arc::new(key))),
            KeyPairType::Server
            | KeyPairType::Cluster
            | KeyPairType::Operator
            | KeyPairType::User
            | KeyPairType::Module
            | KeyPairType::Service
            | KeyPairType::Curve => Err(IssuerError),
        }
    }

    /// What the broker's configuration names.
    pub fn public_key(&self) -> String {
        self.0.public_key()
    }

    pub(super) fn sign(&self, claims: &impl Serialize) -> Option<String> {
        jwt::sign(&self.0, claims)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Issuer").field(&self.public_key()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_key_again_and_other_seeds_are_refused() {
        let (issuer, seed) = Issuer::generate().unwrap();
        assert_eq!(Issuer::from_seed(&seed).unwrap().public_key(), issuer.public_key());
        assert!(issuer.public_key().starts_with('A'));
        assert!(!format!("{issuer:?}").contains(seed.expose_secret()));
        let user = KeyPair::new_user().seed().unwrap();
        for wrong in ["", "SA", "счёт", &user, &issuer.public_key()] {
            assert!(Issuer::from_seed(&wrong.to_owned().into()).is_err(), "{wrong}");
        }
    }
}
