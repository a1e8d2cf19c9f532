//! Proof Key for Code Exchange (RFC 7636), with `S256` alone.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use subtle::ConstantTimeEq as _;

use crate::token::sha256;

/// A challenge that a client sent: the SHA-256 of its verifier in base64url.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CodeChallenge(String);

/// Why a challenge or a verifier is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PkceError {
    /// The method is not `S256`. A challenge without a method would mean `plain`, which protects nothing.
    Method,
    /// The challenge is not 43 characters of base64url, or a method came without one.
    Challenge,
    /// The client must send a challenge.
    ChallengeMissing,
    /// The verifier is missing or is not the challenge's.
    Mismatch,
    /// A verifier came for a code that was issued without a challenge: somebody took the challenge out of the
    /// authorization request (O-1).
    Unexpected,
}

impl fmt::Display for PkceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Method => "code_challenge_method must be S256",
            Self::Challenge => "code_challenge must be the 43 characters of a SHA-256 in base64url",
            Self::ChallengeMissing => "this client must use PKCE: code_challenge is missing",
            Self::Mismatch => "code_verifier is missing or does not fit the code_challenge",
            Self::Unexpected => "a code_verifier came for a code that has no code_challenge",
        })
    }
}

impl std::error::Error for PkceError {}

impl CodeChallenge {
    /// Reads the two parameters of an authorization request; neither is fine.
    pub fn read(challenge: Option<&str>, method: Option<&str>) -> Result<Option<Self>, PkceError> {
        match (challenge, method) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err(PkceError::Challenge),
            (Some(challenge), Some("S256")) => Self::parse(challenge).map(Some),
            (Some(_), _) => Err(PkceError::Method),
        }
    }

    /// Reads a challenge whose method is `S256`.
    pub fn parse(text: &str) -> Result<Self, PkceError> {
        let well_formed = URL_SAFE_NO_PAD.decode(text).is_ok_and(|digest| digest.len() == 32);
        if well_formed { Ok(Self(text.to_owned())) } else { Err(PkceError::Challenge) }
    }

    /// The 43 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a token request proves that it comes from whoever asked for the code. Both directions count: a challenge
/// needs its verifier, and a verifier needs a challenge (O-1).
pub fn verify(challenge: Option<&str>, verifier: Option<&str>) -> Result<(), PkceError> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(PkceError::Unexpected),
        (Some(_), None) => Err(PkceError::Mismatch),
        (Some(challenge), Some(verifier)) => {
            let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            let well_formed = (43..=128).contains(&verifier.len()) && verifier.bytes().all(unreserved);
            let computed = URL_SAFE_NO_PAD.encode(sha256(verifier.as_bytes()));
            let same: bool = computed.as_bytes().ct_eq(challenge.as_bytes()).into();
            if well_formed && same { Ok(()) } else { Err(PkceError::Mismatch) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn rfc_7636_appendix_b() {
        assert_eq!(verify(Some(CHALLENGE), Some(VERIFIER)), Ok(()));
    }

    #[test]
    fn o_1_a_challenge_needs_its_verifier_and_a_verifier_its_challenge() {
        assert_eq!(verify(Some(CHALLENGE), None), Err(PkceError::Mismatch));
        assert_eq!(verify(None, Some(VERIFIER)), Err(PkceError::Unexpected));
        assert_eq!(verify(None, None), Ok(()));
        for verifier in
            ["", CHALLENGE, &VERIFIER[1..], "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXl", &"a".repeat(129)]
        {
            assert_eq!(verify(Some(CHALLENGE), Some(verifier)), Err(PkceError::Mismatch), "{verifier}");
        }
        // A short verifier has its hash, too, but could be guessed.
        let short = URL_SAFE_NO_PAD.encode(sha256(b"short"));
        assert_eq!(verify(Some(&short), Some("short")), Err(PkceError::Mismatch));
    }

    #[test]
    fn o_1_plain_is_off_in_every_spelling() {
        for method in [None, Some("plain"), Some("PLAIN"), Some("s256"), Some("")] {
            assert_eq!(CodeChallenge::read(Some(CHALLENGE), method), Err(PkceError::Method), "{method:?}");
        }
        assert_eq!(CodeChallenge::read(None, Some("S256")), Err(PkceError::Challenge));
        assert_eq!(CodeChallenge::read(None, None), Ok(None));
        for challenge in
            ["", "short", VERIFIER.trim_end_matches('k'), &format!("{CHALLENGE}="), &CHALLENGE.repeat(2)]
        {
            assert_eq!(
                CodeChallenge::read(Some(challenge), Some("S256")),
                Err(PkceError::Challenge),
                "{challenge}"
            );
        }
    }
}
