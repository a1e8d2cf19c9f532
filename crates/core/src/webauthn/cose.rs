//! COSE public keys (RFC 9052, RFC 9053, RFC 8230) and the signatures they verify.

use aws_lc_rs::{
    rsa::PublicKeyComponents,
    signature::{self, UnparsedPublicKey},
};

use super::cbor::{self, Item};

/// Algorithm identifiers that we offer, best first: EdDSA, ES256, RS256.
pub(super) const ALGORITHMS: [i64; 3] = [-8, -7, -257];

/// A public key whose algorithm is part of it (O-12 holds for passkeys too).
pub(super) enum PublicKey<'a> {
    EdDsa(&'a [u8]),
    Es256([u8; 65]),
    Rs256 { modulus: &'a [u8], exponent: &'a [u8] },
}

impl<'a> PublicKey<'a> {
    /// Reads a key; what follows it comes back.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (item, rest) = cbor::read(bytes)?;
        let key = match (item.at(1)?.integer()?, item.at(3)?.integer()?) {
            (1, -8) => Self::ed25519(&item),
            (2, -7) => Self::p256(&item),
            (3, -257) => Self::rsa(&item),
            _ => None,
        };
        Some((key?, rest))
    }

    fn ed25519(item: &Item<'a>) -> Option<Self> {
        let on_ed25519 = item.at(-1)?.integer()? == 6;
        let x = item.at(-2)?.bytes()?;
        (on_ed25519 && x.len() == 32).then_some(Self::EdDsa(x))
    }

    fn p256(item: &Item<'a>) -> Option<Self> {
        let (x, y) = (item.at(-2)?.bytes()?, item.at(-3)?.bytes()?);
        if item.at(-1)?.integer()? != 1 || x.len() != 32 || y.len() != 32 {
            return None;
        }
        let mut point = [4; 65];
        point[1..33].copy_from_slice(x);
        point[33..].copy_from_slice(y);
        Some(Self::Es256(point))
    }

    fn rsa(item: &Item<'a>) -> Option<Self> {
        let (modulus, exponent) = (item.at(-1)?.bytes()?, item.at(-2)?.bytes()?);
        let sizes = (256..=512).contains(&modulus.len()) && (1..=4).contains(&exponent.len());
        sizes.then_some(Self::Rs256 { modulus, exponent })
    }

    /// The algorithm's identifier.
    pub(super) const fn algorithm(&self) -> i64 {
        match self {
            Self::EdDsa(_) => -8,
            Self::Es256(_) => -7,
            Self::Rs256 { .. } => -257,
        }
    }

    /// Whether `signature` over `message` is this key's.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::EdDsa(key) => {
                UnparsedPublicKey::new(&signature::ED25519, key).verify(message, signature).is_ok()
            }
            Self::Es256(point) => UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, point)
                .verify(message, signature)
                .is_ok(),
            Self::Rs256 { modulus, exponent } => PublicKeyComponents { n: modulus, e: exponent }
                .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
        }
    }
}
