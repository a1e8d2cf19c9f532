//! Signatures: RFC 7515, 7517, 7518, 7638, 8037.
//!
//! Core builds what is signed, puts tokens together and verifies them. Private keys stay in the shell behind
//! [`Signer`], because drawing randomness (which ES256 needs) is not for this crate.

pub mod jwk;
pub mod jws;
pub mod key_ring;
pub mod rotation;

use std::fmt;

use aws_lc_rs::digest;
use jwk::PublicKey;

/// A signature algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1). None is symmetric, and `none` is none of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256. The default: every application knows it.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
}

/// What a key is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// RSA, PKCS #1 version 1.5.
    RsaPkcs1,
    /// RSA, PSS.
    RsaPss,
    /// A curve of NIST.
    Ecdsa,
    /// Ed25519.
    Ed25519,
}

impl Algorithm {
    /// All of them, in the order of preference for applications that do not care.
    pub const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Es256,
        Self::EdDsa,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es384,
        Self::Es512,
    ];

    /// Those that every installation has a key for; for the others one is made when something asks for them.
    pub const ALWAYS: [Self; 3] = [Self::Rs256, Self::Es256, Self::EdDsa];

    /// The registered name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
        }
    }

    /// The algorithm of this registered name, which is compared exactly.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// What its keys are made of.
    pub const fn family(self) -> Family {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 => Family::RsaPkcs1,
            Self::Ps256 | Self::Ps384 | Self::Ps512 => Family::RsaPss,
            Self::Es256 | Self::Es384 | Self::Es512 => Family::Ecdsa,
            Self::EdDsa => Family::Ed25519,
        }
    }

    /// The hash in it. Ed25519 has SHA-512.
    pub fn hash(self) -> &'static digest::Algorithm {
        match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => &digest::SHA256,
            Self::Rs384 | Self::Ps384 | Self::Es384 => &digest::SHA384,
            Self::Rs512 | Self::Ps512 | Self::Es512 | Self::EdDsa => &digest::SHA512,
        }
    }

    /// The curve's name and the length of a coordinate in bytes (RFC 7518 section 6.2.1), for those of NIST.
    pub const fn curve(self) -> Option<(&'static str, usize)> {
        match self {
            Self::Es256 => Some(("P-256", 32)),
            Self::Es384 => Some(("P-384", 48)),
            Self::Es512 => Some(("P-521", 66)),
            _ => None,
        }
    }
}

/// A private key that the shell keeps ready.
pub trait Signer: Send + Sync {
    /// Its public half, which also says by which algorithm it signs and what its identifier is.
    fn public_key(&self) -> &PublicKey;

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
