//! Signed tokens in compact form (RFC 7515 section 7.1).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Signer, SigningFailed, jwk::PublicKey};

/// Longest token that is read, in bytes.
pub const MAX_LENGTH: usize = 16 * 1024;

/// Claims of a token whose signature was verified. Only [`verify`] makes one, so that nothing can be decided on
/// claims that nobody signed (O-13).
#[derive(Clone, PartialEq, Debug)]
pub struct VerifiedClaims(Map<String, Value>);

impl VerifiedClaims {
    /// The claim of this name, if it is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// The audience of the token, if it is for one alone.
    pub fn audience(&self) -> Option<&str> {
        match self.0.get("aud") {
            Some(Value::String(one)) => Some(one),
            Some(Value::Array(several)) if several.len() == 1 => several.first()?.as_str(),
            _ => None,
        }
    }

    /// Whether the token is for `audience`: its `aud` is that text or a list with it (RFC 7519 section 4.1.3).
    pub fn is_for(&self, audience: &str) -> bool {
        match self.0.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        }
    }
}

/// Why a token is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VerifyError {
    /// Not three parts of base64url, not JSON, too long, a header with more than `alg`, `kid` and `typ`, or of another type.
    Malformed,
    /// No key of ours has this identifier.
    UnknownKey,
    /// The header names another algorithm than the key's.
    WrongAlgorithm,
    /// The signature is not by this key over this text.
    BadSignature,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "not a token that we could have signed",
            Self::UnknownKey => "signed with a key that is not ours",
            Self::WrongAlgorithm => "signed with another algorithm than its key is for",
            Self::BadSignature => "the signature does not fit",
        })
    }
}

impl std::error::Error for VerifyError {}

/// The type of tokens that have none of their own.
const JWT: &str = "JWT";

/// Signs `claims` as a token with the headers `alg`, `kid` and `typ` = `JWT`.
pub fn sign(signer: &dyn Signer, claims: &Map<String, Value>) -> Result<String, SigningFailed> {
    sign_as(JWT, signer, claims)
}

/// The same with another type, so that no token can be used as one of another kind (RFC 8725 section 3.11).
pub fn sign_as(typ: &str, signer: &dyn Signer, claims: &Map<String, Value>) -> Result<String, SigningFailed> {
    let header = json!({ "alg": signer.public_key().algorithm().name(), "kid": signer.public_key().kid(), "typ": typ });
    let input =
        signing_input(header.to_string().as_bytes(), Value::Object(claims.clone()).to_string().as_bytes());
    let signature = signer.sign(input.as_bytes())?;
    Ok(assemble(input, &signature))
}

/// What is signed (RFC 7515 section 5.1 step 5).
pub fn signing_input(header: &[u8], payload: &[u8]) -> String {
    let mut input = URL_SAFE_NO_PAD.encode(header);
    input.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut input);
    input
}

/// The token made of a signing input and its signature.
pub fn assemble(mut signing_input: String, signature: &[u8]) -> String {
    signing_input.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut signing_input);
    signing_input
}

/// Verifies a token that one of `keys` signed: `kid` chooses the key, and the key decides the algorithm.
pub fn verify<'a>(
    token: &str,
    keys: impl IntoIterator<Item = &'a PublicKey>,
) -> Result<VerifiedClaims, VerifyError> {
    verify_as(JWT, token, keys)
}

/// The same for a token of another type.
pub fn verify_as<'a>(
    typ: &str,
    token: &str,
    keys: impl IntoIterator<Item = &'a PublicKey>,
) -> Result<VerifiedClaims, VerifyError> {
    let token = Compact::read(token)?;
    if token.header.typ.as_deref().unwrap_or(JWT) != typ {
        return Err(VerifyError::Malformed);
    }
    let kid = token.header.kid.as_deref().ok_or(VerifyError::UnknownKey)?;
    let key = keys.into_iter().find(|key| key.kid() == kid).ok_or(VerifyError::UnknownKey)?;
    let payload = token.verify(key)?;
    serde_json::from_slice(&payload).map(VerifiedClaims).map_err(|_| VerifyError::Malformed)
}

/// Ours never carry anything else, so whatever else is there (`crit`, `b64`, `jwk`, `jku`, `x5u`, `x5c`, a name
/// twice) makes the token foreign: nothing in it can bring its own key (O-12).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
}

struct Compact<'a> {
    header: Header,
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    fn read(token: &'a str) -> Result<Self, VerifyError> {
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| VerifyError::Malformed);
        let (signed, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(VerifyError::Malformed)?;
        if token.len() > MAX_LENGTH {
            return Err(VerifyError::Malformed);
        }
        let header = serde_json::from_slice(&decode(header)?).map_err(|_| VerifyError::Malformed)?;
        Ok(Self { header, signed, payload: decode(payload)?, signature: decode(signature)? })
    }

    fn verify(self, key: &PublicKey) -> Result<Vec<u8>, VerifyError> {
        if self.header.alg != key.algorithm().name() {
            return Err(VerifyError::WrongAlgorithm);
        }
        if key.verifies(self.signed.as_bytes(), &self.signature) {
            Ok(self.payload)
        } else {
            Err(VerifyError::BadSignature)
        }
    }
}

#[cfg(test)]
mod tests;
