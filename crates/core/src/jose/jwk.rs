//! Public keys, their JSON form (RFC 7517) and their thumbprints (RFC 7638).

use aws_lc_rs::signature::{
    self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{Algorithm, Family};
use crate::token::sha256;

/// Longest identifier of a key that is read, in bytes.
const MAX_KID: usize = 256;

/// A public key with the one algorithm that it is for: no token can ask for another (O-12).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PublicKey {
    algorithm: Algorithm,
    kid: String,
    material: Material,
}

/// Numbers are big-endian. The algorithm says which curve a point is on.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    Point { x: Vec<u8>, y: Vec<u8> },
    Ed25519 { x: [u8; 32] },
}

impl PublicKey {
    /// An RSA key: a modulus of 2048 to 8192 bits and an odd exponent, big-endian.
    pub fn from_rsa(algorithm: Algorithm, n: &[u8], e: &[u8]) -> Option<Self> {
        let (n, e) = (without_leading_zeros(n), without_leading_zeros(e));
        let rsa = matches!(algorithm.family(), Family::RsaPkcs1 | Family::RsaPss);
        let odd = e.last().is_some_and(|last| last % 2 == 1) && e != [1];
        let sound = rsa && (256..=1024).contains(&n.len()) && e.len() <= 8 && odd;
        sound.then(|| Self::named(algorithm, Material::Rsa { n: n.to_vec(), e: e.to_vec() }))
    }

    /// Reads a DER `RSAPublicKey` (RFC 8017 appendix A.1.1).
    pub fn from_rsa_der(algorithm: Algorithm, der: &[u8]) -> Option<Self> {
        let (content, rest) = der_element(der, 0x30)?;
        let (n, more) = der_element(content, 0x02)?;
        let (e, end) = der_element(more, 0x02)?;
        if rest.is_empty() && end.is_empty() { Self::from_rsa(algorithm, n, e) } else { None }
    }

    /// Reads an uncompressed point (SEC 1 section 2.3.3) of the algorithm's curve: 4 and two coordinates.
    pub fn from_point(algorithm: Algorithm, point: &[u8]) -> Option<Self> {
        let (_, length) = algorithm.curve()?;
        let (x, y) = point.strip_prefix(&[4])?.split_at_checked(length)?;
        let (x, y) = (x.to_vec(), y.to_vec());
        (y.len() == length).then(|| Self::named(algorithm, Material::Point { x, y }))
    }

    /// Reads the 32 bytes of an Ed25519 key.
    pub fn from_ed25519(bytes: &[u8]) -> Option<Self> {
        Some(Self::named(Algorithm::EdDsa, Material::Ed25519 { x: bytes.try_into().ok()? }))
    }

    /// Reads a JWK (RFC 7517 section 4). `None` when it is not a public key for a signature that we know: a key for
    /// encryption, a symmetric one, one with its private half in it, or one whose `alg` is not of its kind. Without `alg`
    /// an RSA key is for RS256.
    pub fn from_jwk(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name)?.as_str();
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        if ["d", "k", "p", "q", "dp", "dq", "qi", "oth"].iter().any(|private| jwk.get(private).is_some())
            || jwk.get("use").is_some_and(|purpose| purpose != "sig")
        {
            return None;
        }
        let told = jwk.get("alg").map(|alg| alg.as_str().and_then(Algorithm::from_name));
        let key = match text("kty")? {
            "RSA" => Self::from_rsa(told.unwrap_or(Some(Algorithm::Rs256))?, &bytes("n")?, &bytes("e")?),
            "EC" => {
                let named = |algorithm: &Algorithm| {
                    algorithm.curve().is_some_and(|(name, _)| text("crv") == Some(name))
                };
                let algorithm = Algorithm::ALL.into_iter().find(named)?;
                let point = [&[4], bytes("x")?.as_slice(), bytes("y")?.as_slice()].concat();
                let same = told.is_none_or(|told| told == Some(algorithm));
                // The length of the whole does not say where the first coordinate ends.
                let whole = bytes("x")?.len() == algorithm.curve()?.1;
                if same && whole { Self::from_point(algorithm, &point) } else { None }
            }
            "OKP" if text("crv")? == "Ed25519" && told.is_none_or(|told| told == Some(Algorithm::EdDsa)) => {
                Self::from_ed25519(&bytes("x")?)
            }
            _ => None,
        }?;
        match jwk.get("kid") {
            None => Some(key),
            Some(kid) => key.with_kid(kid.as_str()?),
        }
    }

    fn named(algorithm: Algorithm, material: Material) -> Self {
        let kid = material.thumbprint();
        Self { algorithm, kid, material }
    }

    /// The same key under the identifier that others know it by. `None` when it is empty or longer than 256 bytes.
    pub fn with_kid(self, kid: &str) -> Option<Self> {
        let fit = !kid.is_empty() && kid.len() <= MAX_KID;
        fit.then(|| Self { kid: kid.to_owned(), ..self })
    }

    /// The one algorithm that this key is for.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its identifier: the thumbprint, unless it came with a name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The SHA-256 thumbprint (RFC 7638 section 3, RFC 8037 section 2).
    pub fn thumbprint(&self) -> String {
        self.material.thumbprint()
    }

    /// The entry of this key in a JWK set.
    pub fn to_jwk(&self) -> Value {
        let mut members = self.material.required_members();
        members.insert("kid".to_owned(), json!(self.kid));
        members.insert("alg".to_owned(), json!(self.algorithm.name()));
        members.insert("use".to_owned(), json!("sig"));
        Value::Object(members)
    }

    /// Whether `signature` over `message` was made with the private half.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match (&self.material, self.algorithm) {
            (Material::Rsa { n, e }, algorithm) => {
                RsaPublicKeyComponents { n, e }.verify(rsa_parameters(algorithm), message, signature)
            }
            (Material::Point { x, y }, algorithm) => {
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                UnparsedPublicKey::new(ecdsa(algorithm), point).verify(message, signature)
            }
            (Material::Ed25519 { x }, _) => {
                UnparsedPublicKey::new(&signature::ED25519, x).verify(message, signature)
            }
        };
        verified.is_ok()
    }
}

impl Material {
    fn thumbprint(&self) -> String {
        // Only the required members, in lexicographic order, without spaces: what `serde_json` writes for a map.
        URL_SAFE_NO_PAD.encode(sha256(Value::Object(self.required_members()).to_string().as_bytes()))
    }

    fn required_members(&self) -> Map<String, Value> {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let members = match self {
            Self::Rsa { n, e } => vec![("kty", "RSA".to_owned()), ("n", text(n)), ("e", text(e))],
            Self::Point { x, y } => {
                let of_length = |algorithm: &Algorithm| {
                    algorithm.curve().filter(|(_, length)| *length == x.len()).map(|(name, _)| name)
                };
                let curve = Algorithm::ALL.iter().find_map(of_length).unwrap_or_default();
                vec![("kty", "EC".to_owned()), ("crv", curve.to_owned()), ("x", text(x)), ("y", text(y))]
            }
            Self::Ed25519 { x } => {
                vec![("kty", "OKP".to_owned()), ("crv", "Ed25519".to_owned()), ("x", text(x))]
            }
        };
        members.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
    }
}

fn rsa_parameters(algorithm: Algorithm) -> &'static RsaParameters {
    let pss = algorithm.family() == Family::RsaPss;
    match (pss, algorithm.hash().output_len()) {
        (false, 48) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (false, 64) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (false, _) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (true, 48) => &signature::RSA_PSS_2048_8192_SHA384,
        (true, 64) => &signature::RSA_PSS_2048_8192_SHA512,
        (true, _) => &signature::RSA_PSS_2048_8192_SHA256,
    }
}

/// Signatures of fixed length (RFC 7518 section 3.4).
fn ecdsa(algorithm: Algorithm) -> &'static dyn VerificationAlgorithm {
    match algorithm {
        Algorithm::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::Es512 => &signature::ECDSA_P521_SHA512_FIXED,
        _ => &signature::ECDSA_P256_SHA256_FIXED,
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
mod tests;
