//! A software authenticator together with the part of the browser that stands in front of it.

mod ceremony;
mod key;
#[cfg(test)]
mod tests;

use aws_lc_rs::digest::{SHA256, digest};

pub use self::key::Algorithm;
use self::key::Key;

/// What the authenticator claims about backup, the flags BE and BS (WebAuthn section 6.1.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backup {
    /// Bound to one device: neither flag.
    #[default]
    DeviceBound,
    /// May be synchronised and is not yet: BE.
    Eligible,
    /// Synchronised: BE and BS.
    BackedUp,
    /// BS without BE, which no authenticator may claim.
    Impossible,
}

impl Backup {
    fn flags(self) -> u8 {
        match self {
            Self::DeviceBound => 0,
            Self::Eligible => 0x08,
            Self::BackedUp => 0x18,
            Self::Impossible => 0x10,
        }
    }
}

/// How the signature counter behaves (WebAuthn section 6.1.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignCounter {
    /// Always zero, as synchronised passkeys do.
    #[default]
    Zero,
    /// One more with each ceremony, as security keys do.
    Increasing,
}

/// Lies for tests. Each one that is set replaces the honest value in the next responses.
#[derive(Clone, Debug, Default)]
pub struct Tamper {
    /// The `type` in the client data.
    pub client_data_type: Option<String>,
    /// The `challenge` in the client data.
    pub challenge: Option<String>,
    /// The `origin` in the client data; the check of the RP ID still uses the real one.
    pub origin: Option<String>,
    /// The RP ID whose hash is in the authenticator data.
    pub rp_id: Option<String>,
    /// The `userHandle` of an assertion: `Some(None)` leaves it out.
    pub user_handle: Option<Option<Vec<u8>>>,
    /// Whether one bit of the signature is flipped.
    pub signature: bool,
}

/// A discoverable credential.
#[derive(Clone, Debug)]
pub struct Passkey {
    /// The credential ID.
    pub id: Vec<u8>,
    /// The RP ID that it belongs to.
    pub rp_id: String,
    /// `user.id` of its creation.
    pub user_handle: Vec<u8>,
    /// `user.name` of its creation.
    pub user_name: String,
    /// The counter that was sent last.
    pub sign_count: u32,
    key: Key,
}

impl Passkey {
    /// The algorithm of its key.
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }
}

/// An authenticator and the browser before it. Its fields are its settings; they take effect with the next ceremony.
///
/// A copy holds the same keys: a clone of the device.
#[derive(Clone, Debug)]
pub struct Authenticator {
    /// The algorithm of new passkeys. Creation fails if the server does not offer it.
    pub algorithm: Algorithm,
    /// The flag UP.
    pub user_present: bool,
    /// The flag UV. It is not raised by `userVerification: "required"`: that the server checks it is what tests ask.
    pub user_verified: bool,
    /// `crossOrigin` in the client data: whether the page is in a frame of another site.
    pub cross_origin: bool,
    /// The flags BE and BS.
    pub backup: Backup,
    /// What the counter does.
    pub counter: SignCounter,
    /// The model identifier in new passkeys; zeros as with attestation `none`.
    pub aaguid: [u8; 16],
    /// How the authenticator is reached, in registrations.
    pub transports: Vec<String>,
    /// Lies for tests.
    pub tamper: Tamper,
    /// What it holds, oldest first. An assertion takes the newest that fits.
    pub passkeys: Vec<Passkey>,
}

impl Default for Authenticator {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::default(),
            user_present: true,
            user_verified: true,
            cross_origin: false,
            backup: Backup::default(),
            counter: SignCounter::default(),
            aaguid: [0; 16],
            transports: vec!["internal".to_owned()],
            tamper: Tamper::default(),
            passkeys: Vec::new(),
        }
    }
}

impl Authenticator {
    /// An honest platform authenticator without passkeys: ES256, UP and UV, device-bound, counter zero.
    pub fn new() -> Self {
        Self::default()
    }

    fn next_count(&self, last: u32) -> u32 {
        match self.counter {
            SignCounter::Zero => 0,
            SignCounter::Increasing => last.wrapping_add(1),
        }
    }

    /// Authenticator data without attested credential data (WebAuthn section 6.1).
    fn data(&self, rp_id: &str, more_flags: u8, count: u32) -> Vec<u8> {
        let rp_id = self.tamper.rp_id.as_deref().unwrap_or(rp_id);
        let mut data = digest(&SHA256, rp_id.as_bytes()).as_ref().to_vec();
        let user = u8::from(self.user_present) | u8::from(self.user_verified) << 2;
        data.push(user | self.backup.flags() | more_flags);
        data.extend(count.to_be_bytes());
        data
    }
}
