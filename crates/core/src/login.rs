//! What a proof of identity leads to: a login, or a refusal. Only [`complete`] makes a [`Login`], and it takes a
//! proof that only a verified ceremony makes, so a session without a verified passkey does not type-check.

use crate::{id::UserId, identity::AuthContext, time::UnixTime, webauthn::VerifiedAssertion};

/// A person who may be given a session. The store starts sessions from nothing else.
#[derive(Debug)]
pub struct Login {
    user: UserId,
    context: AuthContext,
}

impl Login {
    /// Who.
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// By which proof, when.
    pub const fn context(&self) -> &AuthContext {
        &self.context
    }
}

/// The state of an account that a login depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Account {
    /// The person.
    pub user: UserId,
    /// Since when the person may not sign in.
    pub disabled_at: Option<UnixTime>,
}

/// Why a verified person gets no session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// An administrator disabled the account.
    Disabled,
    /// The credential belongs to somebody else than the response says.
    UserMismatch,
}

/// Turns a verified assertion into a login (Web Authentication Level 3 section 7.2, last steps).
pub fn complete(account: Account, proof: &VerifiedAssertion, now: UnixTime) -> Result<Login, Refusal> {
    if proof.user() != account.user {
        return Err(Refusal::UserMismatch);
    }
    if account.disabled_at.is_some() {
        return Err(Refusal::Disabled);
    }
    let context = AuthContext { auth_time: now, amr: proof.amr() };
    Ok(Login { user: account.user, context })
}
