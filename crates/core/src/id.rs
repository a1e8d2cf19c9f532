//! Identifiers. They name things and grant nothing; what grants is a [`crate::token`].

use std::fmt;

/// A text that is not the 36 characters of a lower-case hyphenated UUID.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub struct InvalidId;

impl fmt::Display for InvalidId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not an identifier (36 characters, a lower-case UUID)")
    }
}

impl std::error::Error for InvalidId {}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 36]);

        impl $name {
            /// A version 4 UUID from 16 random bytes (RFC 9562 section 5.4).
            pub fn from_random(bytes: [u8; 16]) -> Self {
                let mut text = [0; 36];
                uuid::Builder::from_random_bytes(bytes).into_uuid().hyphenated().encode_lower(&mut text);
                Self(text)
            }

            /// Reads the 36 characters of a lower-case hyphenated UUID of any version.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let bytes: [u8; 36] = text.as_bytes().try_into().map_err(|_| InvalidId)?;
                let well_formed = bytes.iter().enumerate().all(|(at, byte)| match at {
                    8 | 13 | 18 | 23 => *byte == b'-',
                    _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
                });
                if well_formed { Ok(Self(bytes)) } else { Err(InvalidId) }
            }

            /// The 36 characters.
            pub fn as_str(&self) -> &str {
                std::str::from_utf8(&self.0).unwrap_or_default()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self.as_str())
            }
        }
    )+};
}

ids! {
    /// A person. The OIDC `sub` and, as 36 ASCII bytes, the WebAuthn user handle are this same text.
    UserId,
    /// A group of people.
    GroupId,
    /// A key by which a program administers.
    ApiKeyId,
    /// A client that was registered without an identifier of its own choice.
    ClientUuid,
    /// A secret of a client.
    SecretId,
    /// A session, of the portal or of one service's host.
    SessionId,
    /// The tokens that descend from one authorization code.
    FamilyId,
    /// A token that a person made for one service.
    PersonalTokenId,
}

impl From<PersonalTokenId> for SessionId {
    /// A token stands in the place of a session.
    fn from(id: PersonalTokenId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_prints_what_it_parsed() {
        let id = UserId::from_random([7; 16]);
        assert_eq!(UserId::parse(id.as_str()), Ok(id));
        assert_eq!(id.as_str().len(), 36);
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "abc",
            "07070707-0707-4707-8707-07070707070G",
            "07070707-0707-4707-8707-0707070707AA",
            "070707070-707-4707-8707-070707070707",
        ] {
            assert_eq!(UserId::parse(text), Err(InvalidId), "{text}");
        }
    }
}
