//! An OAuth client (RFC 6749 section 2).

use std::sync::Arc;

use super::{grant_type::GrantType, redirect_uri};
use crate::{
    jose::Algorithm,
    oidc::{claim_rule::ClaimRule, issue},
    policy::Policy,
    time::{Lifetime, UnixTime},
    token::HashedSecret,
};

/// How many secrets a client has at most.
pub const SECRETS_MAX: usize = 20;

/// An application that signs people in through us. [`Client::new`] makes one that nobody can use yet: it has no secret
/// and no place to return to.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the configuration")]
pub struct Client {
    /// The name in the configuration: `[clients.<name>]`.
    pub name: String,
    /// The identifier that the application sends.
    pub client_id: String,
    /// What people see when asked for consent.
    pub title: String,
    /// Whether it can keep a secret (RFC 6749 section 2.1).
    pub kind: ClientKind,
    /// Where authorization responses may go.
    pub redirect_uris: RedirectUris,
    /// Where sign-out may lead.
    pub post_logout: RedirectUris,
    /// Who may use it.
    pub policy: Arc<Policy>,
    /// How it may get tokens.
    pub grants: Vec<GrantType>,
    /// Whether people are asked before their data is handed over.
    pub consent: bool,
    /// Whether each authorization asks for the passkey, however fresh the session is.
    pub reauthenticate: bool,
    /// Whether PKCE is demanded of a confidential client as well.
    pub require_pkce: bool,
    /// Whether its authorization requests must be pushed (RFC 9126 section 6).
    pub require_par: bool,
    /// The algorithm of its ID tokens.
    pub id_token_alg: Algorithm,
    /// The algorithm by which userinfo is signed for it; `None` for plain JSON.
    pub userinfo_alg: Option<Algorithm>,
    /// How long its tokens are valid.
    pub lifetimes: TokenLifetimes,
    /// What it is told in words of its own.
    pub claims: Vec<ClaimRule>,
    /// Where the launcher leads; `None` for no tile.
    pub launch_url: Option<String>,
}

/// What a client proves itself with. A confidential client whose secrets have all expired is still confidential: it
/// can't authenticate, and never passes for a public one.
#[derive(Clone, Debug)]
pub enum ClientKind {
    /// It can't keep a secret, and must use PKCE.
    Public,
    /// It has secrets, any of which is enough: so one can be replaced while the other still works.
    Confidential(Vec<ClientSecret>),
}

/// A secret of a client.
#[derive(Clone, Debug)]
pub struct ClientSecret {
    /// Its hash.
    pub hash: HashedSecret,
    /// Until when it is good; `None` for as long as it is declared.
    pub expires_at: Option<UnixTime>,
}

impl ClientSecret {
    /// Whether it is good at `now`.
    pub fn is_live(&self, now: UnixTime) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }
}

/// Where answers may go.
#[derive(Clone, Debug, Default)]
pub struct RedirectUris {
    /// Compared exactly.
    pub exact: Vec<String>,
    /// With wildcards, compared by component.
    pub patterns: Vec<redirect_uri::Pattern>,
}

impl RedirectUris {
    /// Whether an answer may go to `requested`.
    pub fn allow(&self, requested: &str) -> bool {
        self.exact.iter().any(|registered| redirect_uri::matches(registered, requested))
            || self.patterns.iter().any(|pattern| pattern.matches(requested))
    }
}

/// How long a client's tokens are valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TokenLifetimes {
    /// An access token.
    pub access: Lifetime,
    /// A refresh token, to its next use.
    pub refresh: Lifetime,
    /// An ID token.
    pub id: Lifetime,
}

impl Default for TokenLifetimes {
    fn default() -> Self {
        Self { access: issue::ACCESS_TOKEN, refresh: issue::REFRESH_TOKEN, id: issue::ID_TOKEN }
    }
}

impl Client {
    /// A confidential client without secrets and without redirect URIs, by the defaults of the configuration.
    pub fn new(name: &str, client_id: &str, policy: Arc<Policy>) -> Self {
        Self {
            name: name.to_owned(),
            client_id: client_id.to_owned(),
            title: name.to_owned(),
            kind: ClientKind::Confidential(Vec::new()),
            redirect_uris: RedirectUris::default(),
            post_logout: RedirectUris::default(),
            policy,
            grants: vec![GrantType::AuthorizationCode],
            consent: true,
            reauthenticate: false,
            require_pkce: false,
            require_par: false,
            id_token_alg: Algorithm::Rs256,
            userinfo_alg: None,
            lifetimes: TokenLifetimes::default(),
            claims: Vec::new(),
            launch_url: None,
        }
    }

    /// Whether it is a public client.
    pub const fn is_public(&self) -> bool {
        matches!(self.kind, ClientKind::Public)
    }

    /// Whether it may get tokens by this grant. A public client has no proof of its own, so it gets none for itself (RFC
    /// 6749 section 4.4).
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grants.contains(&grant) && !(self.is_public() && grant == GrantType::ClientCredentials)
    }

    /// Whether authorization requests must carry a PKCE challenge: always for a public client, which has no other
    /// proof that the code is its own (RFC 9700 section 2.1.1).
    pub const fn needs_pkce(&self) -> bool {
        self.require_pkce || self.is_public()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::policy::Allow;

    pub(crate) fn confidential(client_id: &str, secret: &str) -> Client {
        let policy = Arc::new(Policy {
            name: "users".to_owned(),
            allow: Allow::AnyOf(vec!["users".to_owned()]),
            networks: None,
        });
        let hash = HashedSecret::of(secret.as_bytes());
        Client {
            title: client_id.to_uppercase(),
            kind: ClientKind::Confidential(vec![ClientSecret { hash, expires_at: None }]),
            redirect_uris: exactly(&format!("https://{client_id}.test/callback")),
            post_logout: exactly(&format!("https://{client_id}.test/bye")),
            ..Client::new(client_id, client_id, policy)
        }
    }

    pub(crate) fn public(client_id: &str) -> Client {
        Client { kind: ClientKind::Public, ..confidential(client_id, "") }
    }

    pub(crate) fn exactly(uri: &str) -> RedirectUris {
        RedirectUris { exact: vec![uri.to_owned()], patterns: Vec::new() }
    }
}
