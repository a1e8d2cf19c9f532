//! Signatures: RFC 7515, 7517, 7518, 7638, 8037.
//!
//! Core builds what is signed, puts tokens together and verifies them. Private keys stay in the shell behind
//! [`Signer`], because drawing randomness (which ES256 needs) is not for this crate.

pub mod jwk;
pub mod jws;
pub mod key_ring;

use std::fmt;

use jwk::PublicKey;

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256, 2048-bit keys. The default: every application knows it.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// All of them, in the order of preference for applications that do not care.
    pub const ALL: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this registered name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// A private key that the shell keeps ready.
pub trait Signer: Send + Sync {
    /// Its public half, which also says with which algorithm it signs.
    fn public_key(&self) -> &PublicKey;

    /// Its identifier: the thumbprint of the public half (RFC 7638).
    fn kid(&self) -> &str;

    /// Signs `input` in the form that RFC 7518 section 3 gives to signatures of this algorithm.
    fn sign(&self, input: &[u8]) -> Result<Vec<u8>, SigningFailed>;
}

/// The cryptographic library refused to sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SigningFailed;

impl fmt::Display for SigningFailed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the signature could not be made")
    }
}

impl std::error::Error for SigningFailed {}
