//! Web Authentication Level 3: the relying party's part, as data.

use crate::id::UserId;

/// Proof that a passkey of this person signed our challenge just now. Only [`authentication::verify`] and
/// [`registration::verify`] make what becomes one.
#[derive(Debug)]
pub struct VerifiedAssertion {
    user: UserId,
}

impl VerifiedAssertion {
    /// Whose passkey it was.
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// Authentication method references (RFC 8176).
    pub fn amr(&self) -> Vec<String> {
        vec!["user".to_owned()]
    }
}
