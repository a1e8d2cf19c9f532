//! Keys that sign ID tokens: one per algorithm, made once and kept sealed in the store.

use std::sync::Arc;

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    error::Unspecified,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RsaKeyPair,
    },
};
use doorward_core::{
    jose::{Algorithm, Signer, SigningFailed, jwk::PublicKey, key_ring::KeyRing},
    time::UnixTime,
};
use doorward_store::{NewSigningKey, Store, StoreError, StoredSigningKey};

use crate::exit::{Failure, Stop};

/// A private key that is ready to sign.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
    kid: String,
}

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Makes a key for `algorithm`, as PKCS #8 (RFC 5208): RSA with 2048 bits, P-256 or Ed25519.
///
/// # Errors
/// The cryptographic library could not make one.
pub fn generate(algorithm: Algorithm) -> Result<Vec<u8>, Unspecified> {
    let random = SystemRandom::new();
    Ok(match algorithm {
        Algorithm::Rs256 => {
            let pair = RsaKeyPair::generate(KeySize::Rsa2048)?;
            let der: Pkcs8V1Der<'_> = pair.as_der()?;
            der.as_ref().to_vec()
        }
        Algorithm::Es256 => {
            let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?;
            document.as_ref().to_vec()
        }
        Algorithm::EdDsa => Ed25519KeyPair::generate_pkcs8(&random)?.as_ref().to_vec(),
    })
}

impl SigningKey {
    /// Reads a PKCS #8 key for `algorithm`; `None` if it is none.
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Option<Self> {
        let (pair, public) = match algorithm {
            Algorithm::Rs256 => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).ok()?;
                let public = PublicKey::from_rsa_der(pair.public_key().as_ref())?;
                (Pair::Rsa(pair), public)
            }
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok()?;
                let public = PublicKey::from_p256_point(pair.public_key().as_ref())?;
                (Pair::P256(pair), public)
            }
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8).ok()?;
                let public = PublicKey::from_ed25519(pair.public_key().as_ref())?;
                (Pair::Ed25519(pair), public)
            }
        };
        let kid = public.thumbprint();
        Some(Self { pair, public, kid })
    }

    /// Reads a key of the store; `None` if it is not what its row says.
    fn from_stored(stored: &StoredSigningKey) -> Option<Self> {
        let key = Self::from_pkcs8(Algorithm::from_name(&stored.alg)?, &stored.private)?;
        (key.kid == stored.kid).then_some(key)
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn kid(&self) -> &str {
        &self.kid
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, input, &mut signature).map_err(|_| SigningFailed)?;
                Ok(signature)
            }
            Pair::P256(pair) => {
                let signature = pair.sign(&random, input).map_err(|_| SigningFailed)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => {
                let signature = pair.try_sign(input).map_err(|_| SigningFailed)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

/// All keys of the installation, after making those that are missing.
///
/// # Errors
/// [`Stop::Database`] when the store can't be asked or holds a key that is none.
pub async fn key_ring(store: &Store, now: UnixTime) -> Result<KeyRing, Failure> {
    let unavailable = |error: StoreError| Failure::new(Stop::Database, error);
    let mut stored = store.signing_keys().await.map_err(unavailable)?;
    for algorithm in Algorithm::ALL {
        if stored.iter().any(|key| key.alg == algorithm.name()) {
            continue;
        }
        let new = new_key(algorithm).ok_or_else(|| {
            let message = format!("a signing key for {} can't be made", algorithm.name());
            Failure::new(Stop::Database, message)
        })?;
        // Of several nodes that start together one wins: what is in the store counts, not what was made here.
        store.add_signing_key_unless_present(new, now).await.map_err(unavailable)?;
        stored = store.signing_keys().await.map_err(unavailable)?;
    }
    let keys: Option<Vec<_>> = stored
        .iter()
        .map(|stored| SigningKey::from_stored(stored).map(|key| Arc::new(key) as Arc<dyn Signer>))
        .collect();
    let unreadable = || Failure::new(Stop::Database, "a signing key in the database can't be read");
    keys.map(KeyRing::new).ok_or_else(unreadable)
}

fn new_key(algorithm: Algorithm) -> Option<NewSigningKey> {
    let private = generate(algorithm).ok()?;
    let kid = SigningKey::from_pkcs8(algorithm, &private)?.kid;
    Some(NewSigningKey { kid, alg: algorithm.name(), private })
}

#[cfg(test)]
mod tests {
    use doorward_core::{jose::jws, seal::RootSecret};
    use doorward_store::Engine;
    use serde_json::json;

    use super::*;
    use crate::clock::OperatingSystem;

    fn key(algorithm: Algorithm) -> SigningKey {
        SigningKey::from_pkcs8(algorithm, &generate(algorithm).unwrap()).unwrap()
    }

    #[test]
    fn o_12_each_algorithm_signs_what_its_own_key_verifies() {
        let keys = Algorithm::ALL.map(key);
        let claims = json!({ "sub": "ada" }).as_object().unwrap().clone();
        for signer in &keys {
            let token = jws::sign(signer, &claims).unwrap();
            let others = keys.iter().filter(|key| key.kid != signer.kid);
            assert!(jws::verify(&token, [signer.public_key()]).is_ok());
            assert!(jws::verify(&token, others.map(Signer::public_key)).is_err());
        }
        let algorithms = keys.each_ref().map(|key| key.public_key().algorithm());
        assert_eq!(algorithms, Algorithm::ALL);
    }

    #[test]
    fn a_key_is_read_for_its_own_algorithm_alone() {
        for made in Algorithm::ALL {
            let pkcs8 = generate(made).unwrap();
            for read in Algorithm::ALL {
                assert_eq!(SigningKey::from_pkcs8(read, &pkcs8).is_some(), made == read, "{made:?} {read:?}");
            }
        }
        assert!(SigningKey::from_pkcs8(Algorithm::EdDsa, b"").is_none());
    }

    #[test]
    fn a_key_under_another_name_is_not_ours() {
        let new = new_key(Algorithm::EdDsa).unwrap();
        let stored = |kid: &str, alg: &str| StoredSigningKey {
            kid: kid.to_owned(),
            alg: alg.to_owned(),
            private: new.private.clone(),
        };
        assert!(SigningKey::from_stored(&stored(&new.kid, "EdDSA")).is_some());
        assert!(SigningKey::from_stored(&stored("other", "EdDSA")).is_none());
        assert!(SigningKey::from_stored(&stored(&new.kid, "RS256")).is_none());
        assert!(SigningKey::from_stored(&stored(&new.kid, "none")).is_none());
    }

    #[tokio::test]
    async fn o_25_a_restart_finds_the_keys_of_before() {
        let scratch = doorward_testkit::Scratch::new("signing").unwrap();
        let root = RootSecret::from_file_content(b"0123456789abcdef").unwrap();
        let settings = doorward_store::Settings {
            engine: Engine::Sqlite { path: scratch.path().join("doorward.db") },
            root: &root,
            random: Arc::new(OperatingSystem::default()),
        };
        let store = Store::open(settings).unwrap();
        let first = key_ring(&store, UnixTime(1)).await.unwrap();
        let second = key_ring(&store, UnixTime(2)).await.unwrap();
        assert_eq!(first.algorithms(), Algorithm::ALL);
        assert_eq!(first.key_set(), second.key_set());
    }

    #[test]
    fn two_keys_are_never_the_same() {
        for algorithm in Algorithm::ALL {
            assert_ne!(key(algorithm).kid, key(algorithm).kid, "{algorithm:?}");
        }
    }
}
