//! A ceremony in progress: what we must remember between drawing a challenge and reading the answer.

use serde::{Deserialize, Serialize};

use super::Refused;
use crate::{
    id::UserId,
    time::{Lifetime, UnixTime},
    token::sha256,
};

/// How long a person may take.
pub const LIFETIME: Lifetime = Lifetime::minutes(5);

/// The state of a ceremony. Sealed into the browser's cookie, never stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ceremony {
    /// The random challenge.
    pub challenge: [u8; 32],
    /// When it stops being good, in seconds since the epoch.
    pub expires_at: i64,
    /// What it is for.
    pub purpose: Purpose,
}

/// What a ceremony is for. One that was started for one purpose never finishes another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Purpose {
    /// Signing in, by whoever has a passkey.
    SignIn,
    /// Adding a passkey to the account of the signed-in person.
    AddPasskey {
        /// The person, 36 characters.
        user: String,
    },
    /// Registering the first passkey by a one-time link.
    Enrol {
        /// The person, 36 characters.
        user: String,
        /// The link's token.
        token: String,
    },
    /// Making the first administrator.
    SetUp {
        /// The person to be, 36 characters.
        user: String,
        /// The link's token.
        token: String,
        /// User name.
        username: String,
        /// Name to show.
        display_name: String,
        /// Mail address.
        email: Option<String>,
    },
}

impl Ceremony {
    /// Begins a ceremony with a random challenge.
    pub const fn begin(challenge: [u8; 32], purpose: Purpose, now: UnixTime) -> Self {
        Self { challenge, expires_at: now.after(LIFETIME).0, purpose }
    }

    /// The bytes to seal.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads opened bytes; refuses a ceremony that took too long.
    pub fn from_bytes(bytes: &[u8], now: UnixTime) -> Result<Self, Refused> {
        let ceremony: Self = serde_json::from_slice(bytes).map_err(|_| Refused::Challenge)?;
        if ceremony.expires_at <= now.0 { Err(Refused::Expired) } else { Ok(ceremony) }
    }

    /// What the store records so that the challenge is used once.
    pub fn challenge_hash(&self) -> [u8; 32] {
        sha256(&self.challenge)
    }

    /// The person of a stored identifier.
    pub fn user(text: &str) -> Result<UserId, Refused> {
        UserId::parse(text).map_err(|_| Refused::Challenge)
    }
}
