//! Keys that sign tokens: made when they are needed and kept sealed in the store.

mod keeper;
mod private_jwk;

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    error::Unspecified,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding, RsaKeyPair,
    },
};
use doorward_core::{
    config::Config,
    jose::{Algorithm, Family, Signer, SigningFailed, jwk::PublicKey},
    time::Lifetime,
};
use doorward_store::{NewSigningKey, Store, StoreError};

pub(crate) use self::keeper::KeyKeeper;
pub use self::private_jwk::read as from_private_jwk;

/// A private key that is ready to sign.
pub struct SigningKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Makes a key for `algorithm`, as PKCS #8 (RFC 5208). RSA keys grow with the hash: 2048, 3072 and 4096 bits.
///
/// # Errors
/// The cryptographic library could not make one.
pub fn generate(algorithm: Algorithm) -> Result<Vec<u8>, Unspecified> {
    let random = SystemRandom::new();
    Ok(match algorithm.family() {
        Family::RsaPkcs1 | Family::RsaPss => {
            let size = match algorithm.hash().output_len() {
                32 => KeySize::Rsa2048,
                48 => KeySize::Rsa3072,
                _ => KeySize::Rsa4096,
            };
            let pair = RsaKeyPair::generate(size)?;
            let der: Pkcs8V1Der<'_> = pair.as_der()?;
            der.as_ref().to_vec()
        }
        Family::Ecdsa => {
            let document = EcdsaKeyPair::generate_pkcs8(curve(algorithm), &random)?;
            document.as_ref().to_vec()
        }
        Family::Ed25519 => Ed25519KeyPair::generate_pkcs8(&random)?.as_ref().to_vec(),
    })
}

fn curve(algorithm: Algorithm) -> &'static EcdsaSigningAlgorithm {
    match algorithm {
        Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        Algorithm::Es512 => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        _ => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
    }
}

fn encoding(algorithm: Algorithm) -> &'static dyn RsaEncoding {
    match algorithm {
        Algorithm::Rs384 => &signature::RSA_PKCS1_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_SHA512,
        _ => &signature::RSA_PKCS1_SHA256,
    }
}

impl SigningKey {
    /// Reads a PKCS #8 key for `algorithm`; `None` if it is none. Its identifier is its thumbprint.
    pub fn from_pkcs8(algorithm: Algorithm, pkcs8: &[u8]) -> Option<Self> {
        let (pair, public) = match algorithm.family() {
            Family::RsaPkcs1 | Family::RsaPss => {
                let pair = RsaKeyPair::from_pkcs8(pkcs8).ok()?;
                let public = PublicKey::from_rsa_der(algorithm, pair.public_key().as_ref())?;
                (Pair::Rsa(pair, encoding(algorithm)), public)
            }
            Family::Ecdsa => {
                let pair = EcdsaKeyPair::from_pkcs8(curve(algorithm), pkcs8).ok()?;
                let public = PublicKey::from_point(algorithm, pair.public_key().as_ref())?;
                (Pair::Ecdsa(pair), public)
            }
            Family::Ed25519 => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8).ok()?;
                let public = PublicKey::from_ed25519(pair.public_key().as_ref())?;
                (Pair::Ed25519(pair), public)
            }
        };
        Some(Self { pair, public })
    }

    /// Reads a key of the store; `None` if it is not what its row says. A key that came from elsewhere is known by the
    /// name that it had there; its private half is sealed together with that name.
    fn named(kid: &str, algorithm: Algorithm, private: &[u8]) -> Option<Self> {
        let key = Self::from_pkcs8(algorithm, private)?;
        Some(Self { public: key.public.with_kid(kid)?, ..key })
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> &PublicKey {
        &self.public
    }

    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair, encoding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*encoding, &random, input, &mut signature).map_err(|_| SigningFailed)?;
                Ok(signature)
            }
            Pair::Ecdsa(pair) => {
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

/// The algorithms that something signs by: those that every installation has, and those that a client asks for.
pub fn wanted(config: &Config) -> Vec<Algorithm> {
    let of_clients =
        config.clients.iter().flat_map(|client| [Some(client.id_token_alg), client.userinfo_alg]).flatten();
    let mut wanted: Vec<Algorithm> = Algorithm::ALWAYS.into_iter().chain(of_clients).collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// A fresh key for `algorithm`, called by its thumbprint.
///
/// # Errors
/// The cryptographic library could not make one.
pub fn new_key(algorithm: Algorithm) -> Result<NewSigningKey, Unspecified> {
    let private = generate(algorithm)?;
    let key = SigningKey::from_pkcs8(algorithm, &private).ok_or(Unspecified)?;
    Ok(NewSigningKey { kid: key.public.kid().to_owned(), algorithm, private })
}

/// Longer than clocks of nodes and applications differ, and than a token takes to be used.
const MARGIN: Lifetime = Lifetime::days(1);

/// How long what a key signed is believed after another one signs: as long as the longest token that was ever handed out
/// may live, and as somebody may come back with an old ID token to sign out.
pub(crate) async fn keep(store: &Store, config: &Config) -> Result<Lifetime, StoreError> {
    let of_clients = config.clients.iter().map(|client| client.lifetimes.id.max(client.lifetimes.access));
    let longest = of_clients.fold(config.portal.sessions.absolute.max(Lifetime::days(30)), Lifetime::max);
    let longest = store.longest_token(longest).await?;
    Ok(Lifetime(longest.0.saturating_add(MARGIN.0)))
}

#[cfg(test)]
mod tests {
    use doorward_core::jose::jws;
    use serde_json::json;

    use super::*;

    fn key(algorithm: Algorithm) -> SigningKey {
        SigningKey::from_pkcs8(algorithm, &generate(algorithm).unwrap()).unwrap()
    }

    #[test]
    fn o_12_each_algorithm_signs_what_its_own_key_verifies() {
        let keys = Algorithm::ALL.map(key);
        let claims = json!({ "sub": "ada" }).as_object().unwrap().clone();
        for signer in &keys {
            let token = jws::sign(signer, &claims).unwrap();
            let others = keys.iter().filter(|key| key.public.kid() != signer.public.kid());
            assert!(jws::verify(&token, [signer.public_key()]).is_ok());
            assert!(jws::verify(&token, others.map(Signer::public_key)).is_err());
        }
        let algorithms = keys.each_ref().map(|key| key.public_key().algorithm());
        assert_eq!(algorithms, Algorithm::ALL);
    }

    #[test]
    fn a_key_is_read_for_algorithms_of_its_own_kind_alone() {
        for made in Algorithm::ALL {
            let pkcs8 = generate(made).unwrap();
            for read in Algorithm::ALL {
                // A modulus does not say by which padding and hash it is used: that is what the row is for.
                let rsa =
                    |algorithm: Algorithm| matches!(algorithm.family(), Family::RsaPkcs1 | Family::RsaPss);
                let fits = made == read || rsa(made) && rsa(read);
                assert_eq!(SigningKey::from_pkcs8(read, &pkcs8).is_some(), fits, "{made:?} {read:?}");
            }
        }
        assert!(SigningKey::from_pkcs8(Algorithm::EdDsa, b"").is_none());
    }

    #[test]
    fn a_key_of_elsewhere_keeps_its_name() {
        let new = new_key(Algorithm::EdDsa).unwrap();
        let read = |kid: &str, algorithm| SigningKey::named(kid, algorithm, &new.private);
        let theirs = read("Yz0BUVZ3cJc", Algorithm::EdDsa).unwrap();
        let token = jws::sign(&theirs, &serde_json::Map::new()).unwrap();
        let published = theirs.public.to_jwk();
        assert_eq!(published["kid"], "Yz0BUVZ3cJc");
        assert!(jws::verify(&token, [&PublicKey::from_jwk(&published).unwrap()]).is_ok());
        assert!(read(&new.kid, Algorithm::Rs256).is_none());
        assert!(read("", Algorithm::EdDsa).is_none());
    }

    #[test]
    fn two_keys_are_never_the_same() {
        for algorithm in Algorithm::ALWAYS {
            let kid = |key: SigningKey| key.public.kid().to_owned();
            assert_ne!(kid(key(algorithm)), kid(key(algorithm)), "{algorithm:?}");
        }
    }
}
