//! Key pairs of passkeys: making, signing, and the two forms of the public key.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use aws_lc_rs::{
    encoding::AsDer as _,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};

use crate::cbor::Writer;

/// The signature algorithm of a passkey.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256, COSE -7.
    #[default]
    Es256,
    /// Ed25519, COSE -8.
    Ed25519,
}

impl Algorithm {
    /// Its number in the COSE registry, as in `pubKeyCredParams`.
    pub fn cose(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::Ed25519 => -8,
        }
    }
}

/// A private key. Clones are the same key, as in a synchronised or a stolen passkey.
#[derive(Clone, Debug)]
pub(super) enum Key {
    Es256(Arc<EcdsaKeyPair>),
    Ed25519(Arc<Ed25519KeyPair>),
}

impl Key {
    pub(super) fn generate(algorithm: Algorithm) -> Result<Self> {
        Ok(match algorithm {
            Algorithm::Es256 => Self::Es256(Arc::new(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)
                    .context("No P-256 key could be made.")?,
            )),
            Algorithm::Ed25519 => {
                Self::Ed25519(Arc::new(Ed25519KeyPair::generate().context("No Ed25519 key could be made.")?))
            }
        })
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// The signature as WebAuthn section 6.5.5 wants it: DER for ES256, raw for Ed25519.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        Ok(match self {
            Self::Es256(key) => key
                .sign(&SystemRandom::new(), message)
                .map_err(|_| anyhow!("The passkey could not sign."))?
                .as_ref()
                .to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
        })
    }

    /// The public key as COSE_Key (RFC 9053 section 7.1 and 7.2).
    pub(super) fn cose_key(&self) -> Vec<u8> {
        let writer = Writer::default();
        match self {
            Self::Es256(key) => {
                // 0x04, then x and y of 32 bytes each.
                let point = key.public_key().as_ref();
                let (x, y) = (&point[1..33], &point[33..65]);
                writer.map(5).int(1).int(2).int(3).int(-7).int(-1).int(1).int(-2).bytes(x).int(-3).bytes(y)
            }
            Self::Ed25519(key) => {
                let x = key.public_key().as_ref();
                writer.map(4).int(1).int(1).int(3).int(-8).int(-1).int(6).int(-2).bytes(x)
            }
        }
        .finish()
    }

    /// The public key as SubjectPublicKeyInfo, which browsers hand out beside the attestation object.
    pub(super) fn subject_public_key_info(&self) -> Result<Vec<u8>> {
        let der = match self {
            Self::Es256(key) => key.public_key().as_der(),
            Self::Ed25519(key) => key.public_key().as_der(),
        };
        Ok(der.map_err(|_| anyhow!("The public key could not be written as DER."))?.as_ref().to_vec())
    }
}
