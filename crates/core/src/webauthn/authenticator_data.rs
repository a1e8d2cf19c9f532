//! Authenticator data (Web Authentication Level 3 section 6.1).

use super::{Refused, RelyingParty, cbor, cose::PublicKey};
use crate::token::sha256;

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKUP_STATE: u8 = 0x10;
const ATTESTED: u8 = 0x40;
const EXTENSIONS: u8 = 0x80;
const MALFORMED: Refused = Refused::Malformed("authenticator data");

/// What the authenticator vouches for.
pub(super) struct AuthenticatorData<'a> {
    pub(super) sign_count: u32,
    pub(super) backup_eligible: bool,
    pub(super) backed_up: bool,
    pub(super) attested: Option<Attested<'a>>,
}

/// A new credential.
pub(super) struct Attested<'a> {
    pub(super) aaguid: [u8; 16],
    pub(super) id: &'a [u8],
    pub(super) key: PublicKey<'a>,
    pub(super) key_bytes: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    /// Reads the data and checks relying party, user presence, user verification and backup flags.
    pub(super) fn read(bytes: &'a [u8], rp: &RelyingParty) -> Result<Self, Refused> {
        let (rp_id_hash, rest) = bytes.split_at_checked(32).ok_or(MALFORMED)?;
        let ([flags, a, b, c, d], rest) = rest.split_first_chunk::<5>().ok_or(MALFORMED)?;
        if rp_id_hash != sha256(rp.id.as_bytes()) {
            return Err(Refused::RelyingParty);
        }
        let has = |flag: u8| flags & flag != 0;
        if !has(USER_PRESENT) {
            return Err(Refused::UserPresence);
        }
        if !has(USER_VERIFIED) {
            return Err(Refused::UserVerification);
        }
        if has(BACKUP_STATE) && !has(BACKUP_ELIGIBLE) {
            return Err(Refused::BackupFlags);
        }
        let (attested, rest) = if has(ATTESTED) {
            let (attested, rest) = Attested::read(rest)?;
            (Some(attested), rest)
        } else {
            (None, rest)
        };
        let rest = if has(EXTENSIONS) { cbor::read(rest).ok_or(MALFORMED)?.1 } else { rest };
        if !rest.is_empty() {
            return Err(MALFORMED);
        }
        Ok(Self {
            sign_count: u32::from_be_bytes([*a, *b, *c, *d]),
            backup_eligible: has(BACKUP_ELIGIBLE),
            backed_up: has(BACKUP_STATE),
            attested,
        })
    }
}

impl<'a> Attested<'a> {
    fn read(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), Refused> {
        let (aaguid, rest) = bytes.split_first_chunk::<16>().ok_or(MALFORMED)?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(MALFORMED)?;
        let length = usize::from(u16::from_be_bytes(*length));
        if length == 0 || length > 1023 {
            return Err(MALFORMED);
        }
        let (id, key_and_rest) = rest.split_at_checked(length).ok_or(MALFORMED)?;
        let (_, rest) = cbor::read(key_and_rest).ok_or(MALFORMED)?;
        let (key, _) = PublicKey::read(key_and_rest).ok_or(Refused::Algorithm)?;
        if !key.was_offered() {
            return Err(Refused::Algorithm);
        }
        let key_bytes = &key_and_rest[..key_and_rest.len() - rest.len()];
        let attested = Self { aaguid: *aaguid, id, key, key_bytes };
        Ok((attested, rest))
    }
}
