//! All keys of ours: those that sign, and those whose signatures are still believed.

use std::{fmt, sync::Arc};

use serde_json::Value;

use super::{
    Algorithm, Signer,
    jwk::{PublicKey, key_set},
    rotation::KeyState,
};

/// The keys of an installation at one moment. It is replaced whole when one of them changes its state.
#[derive(Clone, Default)]
pub struct KeyRing(Vec<(Arc<dyn Signer>, KeyState)>);

impl KeyRing {
    /// Takes all keys with their states. Of several for one algorithm the active one signs; those that are published ahead
    /// or retired are in the key set, so that what they sign or signed is believed (O-25). Revoked keys are left out.
    pub fn new(keys: Vec<(Arc<dyn Signer>, KeyState)>) -> Self {
        Self(keys.into_iter().filter(|(_, state)| state.is_believed()).collect())
    }

    /// The key that signs by this algorithm.
    pub fn signer(&self, algorithm: Algorithm) -> Option<&dyn Signer> {
        let signs = |(key, state): &&(Arc<dyn Signer>, KeyState)| {
            *state == KeyState::Active && key.public_key().algorithm() == algorithm
        };
        self.0.iter().find(signs).map(|(key, _)| &**key)
    }

    /// The algorithms that there are keys for, in the order of preference.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let known = |algorithm: &Algorithm| self.signer(*algorithm).is_some();
        Algorithm::ALL.into_iter().filter(known).collect()
    }

    /// The public halves.
    pub fn public_keys(&self) -> impl Iterator<Item = &PublicKey> {
        self.0.iter().map(|(key, _)| key.public_key())
    }

    /// The JWK set to publish at `jwks_uri` (RFC 7517 section 5): public halves only.
    pub fn key_set(&self) -> Value {
        key_set(self.public_keys())
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.public_keys().map(PublicKey::kid)).finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;
    use crate::{jose::SigningFailed, time::UnixTime};

    /// Signs by Ed25519 with a key made of one byte repeated.
    pub(crate) struct TestSigner(Ed25519KeyPair, PublicKey);

    impl TestSigner {
        pub(crate) fn new(byte: u8) -> Self {
            Self::of(Ed25519KeyPair::from_seed_unchecked(&[byte; 32]).unwrap())
        }

        pub(crate) fn of(pair: Ed25519KeyPair) -> Self {
            let public = PublicKey::from_ed25519(pair.public_key().as_ref()).unwrap();
            Self(pair, public)
        }

        pub(crate) fn with_kid(self, kid: &str) -> Self {
            Self(self.0, self.1.with_kid(kid).unwrap())
        }

        pub(crate) fn kid(&self) -> &str {
            self.1.kid()
        }
    }

    impl Signer for TestSigner {
        fn public_key(&self) -> &PublicKey {
            &self.1
        }

        fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SigningFailed> {
            Ok(self.0.sign(input).as_ref().to_vec())
        }
    }

    pub(crate) fn ring(bytes: &[u8]) -> KeyRing {
        let (last, former) = bytes.split_last().unwrap();
        let key = |byte: &u8, state| (Arc::new(TestSigner::new(*byte)) as Arc<dyn Signer>, state);
        let retired = KeyState::Retired { since: UnixTime(0) };
        let former = former.iter().map(|byte| key(byte, retired));
        KeyRing::new(former.chain([key(last, KeyState::Active)]).collect())
    }

    #[test]
    fn o_25_the_active_key_signs_and_the_others_are_still_published() {
        let keys = ring(&[1, 2]);
        let young = TestSigner::new(2);
        assert_eq!(keys.signer(Algorithm::EdDsa).unwrap().public_key().kid(), young.kid());
        assert_eq!(keys.key_set()["keys"].as_array().unwrap().len(), 2);
        assert!(keys.signer(Algorithm::Rs256).is_none());
        assert_eq!(keys.algorithms(), [Algorithm::EdDsa]);
        let alone = |state| KeyRing::new(vec![(Arc::new(TestSigner::new(1)) as Arc<dyn Signer>, state)]);
        assert!(alone(KeyState::Published).signer(Algorithm::EdDsa).is_none());
        assert_eq!(alone(KeyState::Published).public_keys().count(), 1);
        assert_eq!(alone(KeyState::Revoked).public_keys().count(), 0);
    }

    #[test]
    fn no_private_half_is_published_or_printed() {
        let keys = ring(&[7]);
        let entry = keys.key_set()["keys"][0].as_object().unwrap().clone();
        let names: Vec<&str> = entry.keys().map(String::as_str).collect();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"]);
        assert_eq!(format!("{keys:?}"), format!("[{:?}]", TestSigner::new(7).kid()));
    }
}
