//! Web Authentication Level 3: the relying party's part, as pure functions.
//!
//! Ceremony state comes in as a value, responses as the JSON that browsers make, and what comes out is a proof:
//! [`registration::VerifiedRegistration`] or [`VerifiedAssertion`]. Proofs have no public constructor.

pub mod aaguid;
pub mod authentication;
mod authenticator_data;
mod cbor;
pub mod ceremony;
mod client_data;
mod cose;
pub mod imported;
pub mod registration;

use std::fmt;

use crate::{http::origin::Origin, id::UserId};

pub use authentication::VerifiedAssertion;

/// Us, as WebAuthn sees us.
#[derive(Clone, Debug)]
pub struct RelyingParty {
    /// The RP ID: the identity host.
    pub id: String,
    /// The name that providers show.
    pub name: String,
    /// Origins whose pages may run ceremonies: the portal's, and related origins.
    pub origins: Vec<Origin>,
}

/// A registered passkey as the store keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    /// Its identifier, at most 1023 bytes.
    pub id: Vec<u8>,
    /// Whose it is.
    pub user: UserId,
    /// The COSE public key (RFC 9052), in the bytes in which it was registered.
    pub public_key: Vec<u8>,
    /// The highest signature counter seen.
    pub sign_count: u32,
    /// Whether it can be synced.
    pub backup_eligible: bool,
}

/// Why a response is refused. One word for the log; people get one sentence for all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Not the shape of a response.
    Malformed(&'static str),
    /// The wrong kind of ceremony.
    Type,
    /// Not the challenge that we drew, or for another person or purpose.
    Challenge,
    /// The ceremony took too long.
    Expired,
    /// Run by a page of another origin.
    Origin,
    /// Run inside a page of another origin.
    CrossOrigin,
    /// For another relying party.
    RelyingParty,
    /// Nobody was there.
    UserPresence,
    /// Nobody was verified (W-2).
    UserVerification,
    /// Backup flags that contradict each other.
    BackupFlags,
    /// An algorithm or key that was not offered.
    Algorithm,
    /// The attestation statement does not hold.
    Attestation,
    /// The provider did not make a discoverable passkey.
    NotDiscoverable,
    /// The response names another person than the passkey's owner.
    UserHandle,
    /// The signature does not hold.
    Signature,
    /// The counter went back: the passkey may have been copied.
    Counter,
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(formatter, "malformed: {what}"),
            other => write!(formatter, "{other:?}"),
        }
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests;
