//! Passkeys that were registered with another provider for the same relying party, and come with an import.
//!
//! They carry no proof: whoever runs the import vouches for them. That is why they have a type of their own, which
//! nothing but an import makes: a web page can't reach it.

use super::cose::PublicKey;
use crate::{id::UserId, time::UnixTime};

/// What an export says about a passkey.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Export {
    /// Whose it is: the person's identifier must be the one of the export, because it is the user handle that the
    /// passkey answers with.
    pub user: UserId,
    /// The credential's identifier, raw.
    pub id: Vec<u8>,
    /// The COSE public key (RFC 9052), in any order of its members.
    pub public_key: Vec<u8>,
    /// The name to show.
    pub label: String,
    /// How browsers reach it.
    pub transports: Vec<String>,
    /// Whether it can be synced, as it said at registration.
    pub backup_eligible: bool,
    /// Whether it was synced then.
    pub backed_up: bool,
    /// When it was registered.
    pub created_at: UnixTime,
}

/// Why a passkey can't be taken over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotImportable {
    /// No identifier, or one of more than 1023 bytes.
    Identifier,
    /// Not a COSE key of an algorithm that we verify, or something after it.
    PublicKey,
    /// Synced, and yet not to be synced.
    BackupFlags,
}

impl std::fmt::Display for NotImportable {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Identifier => "its identifier is empty or too long",
            Self::PublicKey => "its public key can't be read, or is of an algorithm that is not known",
            Self::BackupFlags => "it says that it is synced and that it can't be synced",
        })
    }
}

impl std::error::Error for NotImportable {}

/// A passkey that can be taken over. Its counter is unknown, which is kept as zero: the first sign-in that counts sets
/// it. Its model is unknown, too.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImportedCredential(Export);

impl ImportedCredential {
    /// Checks what an export says.
    ///
    /// # Errors
    /// See [`NotImportable`]. A name that is too long is cut, and words that are no transports are left out.
    pub fn check(export: Export) -> Result<Self, NotImportable> {
        if export.id.is_empty() || export.id.len() > 1023 {
            return Err(NotImportable::Identifier);
        }
        if !key_is_known(&export.public_key) {
            return Err(NotImportable::PublicKey);
        }
        if export.backed_up && !export.backup_eligible {
            return Err(NotImportable::BackupFlags);
        }
        let label = export.label.chars().filter(|char| !char.is_control()).take(LABEL).collect();
        let transports = super::registration::transports(&export.transports);
        Ok(Self(Export { label, transports, ..export }))
    }

    /// Whose it is.
    pub const fn user(&self) -> UserId {
        self.0.user
    }

    /// The credential's identifier.
    pub fn id(&self) -> &[u8] {
        &self.0.id
    }

    /// The COSE public key as it was exported.
    pub fn public_key(&self) -> &[u8] {
        &self.0.public_key
    }

    /// The name to show.
    pub fn label(&self) -> &str {
        &self.0.label
    }

    /// How browsers reach it: at most eight short words.
    pub fn transports(&self) -> &[String] {
        &self.0.transports
    }

    /// Whether it can be synced.
    pub const fn backup_eligible(&self) -> bool {
        self.0.backup_eligible
    }

    /// Whether it is synced.
    pub const fn backed_up(&self) -> bool {
        self.0.backed_up
    }

    /// When it was registered.
    pub const fn created_at(&self) -> UnixTime {
        self.0.created_at
    }
}

/// Longest name, in characters.
const LABEL: usize = 100;

/// Whether these are the bytes of one COSE key whose signatures we can verify, and nothing else.
pub fn key_is_known(public_key: &[u8]) -> bool {
    PublicKey::read(public_key).is_some_and(|(_, rest)| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn export() -> Export {
        Export {
            user: UserId::from_random([1; 16]),
            id: vec![7; 16],
            public_key: [vec![0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 0x20], vec![3; 32]].concat(),
            label: "1Password".to_owned(),
            transports: vec!["internal".to_owned(), "HYBRID!".to_owned()],
            backup_eligible: true,
            backed_up: true,
            created_at: UnixTime(7),
        }
    }

    #[test]
    fn what_can_be_used_is_taken_over() {
        let made = ImportedCredential::check(export()).unwrap();
        assert_eq!(
            (made.id(), made.label(), made.created_at()),
            ([7; 16].as_slice(), "1Password", UnixTime(7))
        );
        assert_eq!(made.transports(), ["internal"]);
        let long = Export { label: "a\n".repeat(99), ..export() };
        assert_eq!(ImportedCredential::check(long).unwrap().label(), "a".repeat(99));
    }

    #[test]
    fn what_could_never_sign_in_is_not() {
        let check = |export| ImportedCredential::check(export).map(drop);
        assert_eq!(check(Export { id: Vec::new(), ..export() }), Err(NotImportable::Identifier));
        assert_eq!(check(Export { id: vec![0; 1024], ..export() }), Err(NotImportable::Identifier));
        let flags = Export { backup_eligible: false, ..export() };
        assert_eq!(check(flags), Err(NotImportable::BackupFlags));
        let key = export().public_key;
        for at in 0..key.len() {
            let cut = Export { public_key: key[..at].to_vec(), ..export() };
            assert_eq!(check(cut), Err(NotImportable::PublicKey), "{at}");
        }
        let longer = Export { public_key: [key.as_slice(), &[0]].concat(), ..export() };
        assert_eq!(check(longer), Err(NotImportable::PublicKey));
    }
}
