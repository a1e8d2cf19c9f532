//! What is issued, for how long.

use super::{authorization::AuthorizationRequest, response::ResponseTarget};
use crate::{
    id::{SessionId, UserId},
    identity::AuthContext,
    oauth::{
        client::Client,
        scope::{Scope, ScopeSet},
    },
    policy::Permit,
    time::{Lifetime, UnixTime},
};

/// How long an authorization code waits to be redeemed.
pub const CODE: Lifetime = Lifetime(60);

/// How long an access token is valid, if its client says nothing else.
pub const ACCESS_TOKEN: Lifetime = Lifetime::hours(1);

/// How long an ID token is valid, if its client says nothing else.
pub const ID_TOKEN: Lifetime = Lifetime::hours(1);

/// How long a refresh token waits for its next use, if its client says nothing else.
pub const REFRESH_TOKEN: Lifetime = Lifetime::days(30);

/// How long tokens descend from one sign-in at most, when they may outlive the session.
const OFFLINE_FAMILY: Lifetime = Lifetime::days(365);

/// A code that may be issued. Only a [`Permit`] leads to one.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct CodeGrant {
    /// To whom.
    pub client_id: String,
    /// Where it goes.
    pub target: ResponseTarget,
    /// Who signed in.
    pub user: UserId,
    /// In which portal session.
    pub session: SessionId,
    /// By which proof.
    pub context: AuthContext,
    /// What is granted.
    pub scope: ScopeSet,
    /// What the ID token must repeat.
    pub nonce: Option<String>,
    /// The PKCE challenge.
    pub code_challenge: Option<String>,
    /// When the code expires.
    pub expires_at: UnixTime,
    /// When the last token that descends from it expires.
    pub family_expires_at: UnixTime,
}

impl CodeGrant {
    /// `None` for a permit that rests on no person.
    pub(super) fn new(permit: &Permit, request: &AuthorizationRequest, now: UnixTime) -> Option<Self> {
        let identity = permit.identity()?;
        Some(Self {
            client_id: request.client.client_id.clone(),
            target: request.target.clone(),
            user: identity.subject,
            session: identity.portal_session,
            context: identity.context.clone(),
            scope: request.scope,
            nonce: request.nonce.clone(),
            code_challenge: request.code_challenge.as_ref().map(|challenge| challenge.as_str().to_owned()),
            expires_at: now.after(CODE),
            family_expires_at: now.after(family(&request.client, request.scope)),
        })
    }
}

/// How long tokens descend from one sign-in at most.
pub(super) fn family(client: &Client, scope: ScopeSet) -> Lifetime {
    let longest = client.lifetimes.access.max(client.lifetimes.refresh);
    if scope.contains(Scope::OfflineAccess) { OFFLINE_FAMILY.max(longest) } else { longest }
}
