//! COSE public keys (RFC 9052, RFC 9053, RFC 8230, RFC 8812) and the signatures they verify.

use aws_lc_rs::{
    rsa::PublicKeyComponents,
    signature::{self, RsaParameters, UnparsedPublicKey, VerificationAlgorithm},
};

use super::cbor::{self, Item};

/// Algorithm identifiers that we offer, best first: EdDSA, ES256, RS256. Every authenticator has one of them. Passkeys
/// that were made elsewhere may have others, and sign in with them; to offer more would only mean more kinds of key.
pub(super) const ALGORITHMS: [i64; 3] = [EDDSA, ES256, RS256];

const EDDSA: i64 = -8;
const ES256: i64 = -7;
const ES384: i64 = -35;
const ES512: i64 = -36;
const PS256: i64 = -37;
const PS384: i64 = -38;
const PS512: i64 = -39;
const RS256: i64 = -257;
const RS384: i64 = -258;
const RS512: i64 = -259;

/// A public key whose algorithm is part of it (O-12 holds for passkeys too).
pub(super) struct PublicKey<'a> {
    algorithm: i64,
    material: Material<'a>,
}

enum Material<'a> {
    Ed25519(&'a [u8]),
    /// An uncompressed point, with the curve and the hash of its algorithm.
    Point(Vec<u8>, &'static dyn VerificationAlgorithm),
    Rsa {
        modulus: &'a [u8],
        exponent: &'a [u8],
        parameters: &'static RsaParameters,
    },
}

impl<'a> PublicKey<'a> {
    /// Reads a key of any algorithm that we verify; what follows it comes back. The order of the members does not matter.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (item, rest) = cbor::read(bytes)?;
        let algorithm = item.at(3)?.integer()?;
        let material = match (item.at(1)?.integer()?, algorithm) {
            (1, EDDSA) => ed25519(&item),
            (2, ES256) => point(&item, 1, 32, &signature::ECDSA_P256_SHA256_ASN1),
            (2, ES384) => point(&item, 2, 48, &signature::ECDSA_P384_SHA384_ASN1),
            (2, ES512) => point(&item, 3, 66, &signature::ECDSA_P521_SHA512_ASN1),
            (3, PS256) => rsa(&item, &signature::RSA_PSS_2048_8192_SHA256),
            (3, PS384) => rsa(&item, &signature::RSA_PSS_2048_8192_SHA384),
            (3, PS512) => rsa(&item, &signature::RSA_PSS_2048_8192_SHA512),
            (3, RS256) => rsa(&item, &signature::RSA_PKCS1_2048_8192_SHA256),
            (3, RS384) => rsa(&item, &signature::RSA_PKCS1_2048_8192_SHA384),
            (3, RS512) => rsa(&item, &signature::RSA_PKCS1_2048_8192_SHA512),
            _ => None,
        };
        Some((Self { algorithm, material: material? }, rest))
    }

    /// The algorithm's identifier.
    pub(super) const fn algorithm(&self) -> i64 {
        self.algorithm
    }

    /// Whether a new passkey may have this algorithm.
    pub(super) fn was_offered(&self) -> bool {
        ALGORITHMS.contains(&self.algorithm)
    }

    /// Whether `signature` over `message` is this key's.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.material {
            Material::Ed25519(key) => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signature)
            }
            Material::Point(point, curve) => UnparsedPublicKey::new(*curve, point).verify(message, signature),
            Material::Rsa { modulus, exponent, parameters } => {
                PublicKeyComponents { n: modulus, e: exponent }.verify(parameters, message, signature)
            }
        };
        verified.is_ok()
    }
}

fn ed25519<'a>(item: &Item<'a>) -> Option<Material<'a>> {
    let on_ed25519 = item.at(-1)?.integer()? == 6;
    let x = item.at(-2)?.bytes()?;
    (on_ed25519 && x.len() == 32).then_some(Material::Ed25519(x))
}

fn point<'a>(
    item: &Item<'a>,
    curve: i64,
    length: usize,
    algorithm: &'static dyn VerificationAlgorithm,
) -> Option<Material<'a>> {
    let (x, y) = (item.at(-2)?.bytes()?, item.at(-3)?.bytes()?);
    let sound = item.at(-1)?.integer()? == curve && x.len() == length && y.len() == length;
    sound.then(|| Material::Point([&[4], x, y].concat(), algorithm))
}

fn rsa<'a>(item: &Item<'a>, parameters: &'static RsaParameters) -> Option<Material<'a>> {
    let (modulus, exponent) = (item.at(-1)?.bytes()?, item.at(-2)?.bytes()?);
    let sizes = (256..=512).contains(&modulus.len()) && (1..=4).contains(&exponent.len());
    sizes.then_some(Material::Rsa { modulus, exponent, parameters })
}
