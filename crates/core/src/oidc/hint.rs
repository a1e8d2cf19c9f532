//! ID tokens of ours that come back as `id_token_hint` (OpenID Connect Core section 3.1.2.1, RP-Initiated Logout
//! section 2).

use crate::{
    http::origin::Origin,
    id::{SessionId, UserId},
    jose::{jws, key_ring::KeyRing},
};

/// What an ID token that we signed says about whom it was for. It may have expired long ago and anybody may have it:
/// it names a person and proves nothing (O-28).
#[derive(Clone, PartialEq, Debug)]
pub struct Hint {
    claims: jws::VerifiedClaims,
    subject: UserId,
}

impl Hint {
    /// Reads an ID token. `None` when we did not sign it as this issuer.
    pub fn verify(token: &str, issuer: &Origin, keys: &KeyRing) -> Option<Self> {
        let claims = jws::verify(token, keys.public_keys()).ok()?;
        let ours = claims.text("iss") == Some(issuer.as_str());
        let subject = UserId::parse(claims.text("sub")?).ok()?;
        ours.then_some(Self { claims, subject })
    }

    /// About whom it is.
    pub const fn subject(&self) -> UserId {
        self.subject
    }

    /// The client that it was given to.
    pub fn client_id(&self) -> Option<&str> {
        self.claims.audience()
    }

    /// Whether it was given to this client.
    pub fn is_for(&self, client_id: &str) -> bool {
        self.claims.is_for(client_id)
    }

    /// In which portal session it was given.
    pub fn session(&self) -> Option<SessionId> {
        SessionId::parse(self.claims.text("sid")?).ok()
    }
}
