//! Public keys, their JSON form (RFC 7517) and their thumbprints (RFC 7638).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::Algorithm;
use crate::token::sha256;

/// A public key. Its kind decides the algorithm: no token can ask for another (O-12).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PublicKey {
    /// RSA, big-endian without leading zeros (RFC 7518 section 6.3.1).
    Rsa {
        /// The modulus.
        n: Vec<u8>,
        /// The exponent.
        e: Vec<u8>,
    },
    /// A point of P-256 (RFC 7518 section 6.2.1).
    P256 {
        /// The first coordinate.
        x: [u8; 32],
        /// The second coordinate.
        y: [u8; 32],
    },
    /// An Ed25519 key (RFC 8037 section 2).
    Ed25519 {
        /// The encoded point.
        x: [u8; 32],
    },
}

impl PublicKey {
    /// Reads a DER `RSAPublicKey` (RFC 8017 appendix A.1.1) with a modulus of at least 2048 bits.
    pub fn from_rsa_der(der: &[u8]) -> Option<Self> {
        let (content, rest) = der_element(der, 0x30)?;
        let (n, more) = der_element(content, 0x02)?;
        let (e, end) = der_element(more, 0x02)?;
        let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
        let complete = rest.is_empty() && end.is_empty();
        (complete && n.len() >= 256 && !e.is_empty()).then(|| Self::Rsa { n: n.to_vec(), e: e.to_vec() })
    }

    /// Reads an uncompressed point of P-256 (SEC 1 section 2.3.3): 65 bytes, the first of which is 4.
    pub fn from_p256_point(point: &[u8]) -> Option<Self> {
        let coordinates = point.strip_prefix(&[4])?;
        let (x, y) = coordinates.split_at_checked(32)?;
        Some(Self::P256 { x: x.try_into().ok()?, y: y.try_into().ok()? })
    }

    /// Reads the 32 bytes of an Ed25519 key.
    pub fn from_ed25519(bytes: &[u8]) -> Option<Self> {
        Some(Self::Ed25519 { x: bytes.try_into().ok()? })
    }

    /// The one algorithm that this key is for.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::P256 { .. } => Algorithm::Es256,
            Self::Ed25519 { .. } => Algorithm::EdDsa,
        }
    }

    /// The SHA-256 thumbprint (RFC 7638 section 3, RFC 8037 section 2): the `kid` of our keys.
    pub fn thumbprint(&self) -> String {
        // Only the required members, in lexicographic order, without spaces: what `serde_json` writes for a map.
        URL_SAFE_NO_PAD.encode(sha256(Value::Object(self.required_members()).to_string().as_bytes()))
    }

    /// The entry of this key in a JWK set.
    pub fn to_jwk(&self) -> Value {
        let mut members = self.required_members();
        members.insert("kid".to_owned(), json!(self.thumbprint()));
        members.insert("alg".to_owned(), json!(self.algorithm().name()));
        members.insert("use".to_owned(), json!("sig"));
        Value::Object(members)
    }

    /// Whether `signature` over `message` was made with the private half.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Self::P256 { x, y } => {
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Self::Ed25519 { x } => UnparsedPublicKey::new(&ED25519, x).verify(message, signature),
        };
        verified.is_ok()
    }

    fn required_members(&self) -> serde_json::Map<String, Value> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let members = match self {
            Self::Rsa { n, e } => vec![("kty", "RSA".to_owned()), ("n", text(n)), ("e", text(e))],
            Self::P256 { x, y } => {
                vec![("kty", "EC".to_owned()), ("crv", "P-256".to_owned()), ("x", text(x)), ("y", text(y))]
            }
            Self::Ed25519 { x } => {
                vec![("kty", "OKP".to_owned()), ("crv", "Ed25519".to_owned()), ("x", text(x))]
            }
        };
        members.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
    }
}

/// The JWK set of these keys (RFC 7517 section 5).
pub fn key_set<'a>(keys: impl IntoIterator<Item = &'a PublicKey>) -> Value {
    json!({ "keys": keys.into_iter().map(PublicKey::to_jwk).collect::<Vec<_>>() })
}

/// The content of the DER element with this tag at the beginning of `der`, and what follows it.
fn der_element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, der) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, der) = match first {
        0..=0x7f => (usize::from(first), der),
        0x81 | 0x82 => {
            let (bytes, der) = der.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), der)
        }
        _ => return None,
    };
    der.split_at_checked(length)
}

fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    #[test]
    fn rfc_7638_section_3_1_thumbprint() {
        let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi\
                 FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb\
                 9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls\
                 1jF44-csFCur-kEgU8awapJzKnqDKgw";
        let key = PublicKey::Rsa { n: bytes(n), e: bytes("AQAB") };
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!(key.to_jwk()["kty"], "RSA");
    }

    #[test]
    fn rfc_8037_appendix_a_3_thumbprint() {
        let key = PublicKey::from_ed25519(&bytes("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")).unwrap();
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    #[test]
    fn keys_are_read_whole_or_not_at_all() {
        let modulus = [&[0x02, 0x82, 0x01, 0x01, 0x00], [0xab; 256].as_slice()].concat();
        let content = [modulus.as_slice(), &[0x02, 0x03, 0x01, 0x00, 0x01]].concat();
        let der = [&[0x30, 0x82, 0x01, 0x0a], content.as_slice()].concat();
        assert_eq!(
            PublicKey::from_rsa_der(&der),
            Some(PublicKey::Rsa { n: vec![0xab; 256], e: vec![1, 0, 1] })
        );
        for cut in 0..der.len() {
            assert_eq!(PublicKey::from_rsa_der(&der[..cut]), None, "{cut}");
        }
        assert_eq!(PublicKey::from_rsa_der(&[der.as_slice(), &[0]].concat()), None);
        assert_eq!(PublicKey::from_p256_point(&[4; 64]), None);
        assert_eq!(PublicKey::from_p256_point(&[3; 65]), None);
        assert_eq!(PublicKey::from_ed25519(&[0; 31]), None);
    }
}
