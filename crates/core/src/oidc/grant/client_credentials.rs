//! A client for itself (RFC 6749 section 4.4).

use serde_json::{Value, json};

use super::TokenError;
use crate::{
    oauth::{
        client::Client, error::ErrorCode, grant_type::GrantType, parameters::Parameters, scope::ScopeSet,
    },
    time::{Lifetime, UnixTime},
    token::{Machine, Plain},
};

/// What a client gets for itself. Only `Grant::read` makes one.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
pub struct Grant {
    lifetime: Lifetime,
}

/// The `sub` of a client's own tokens: no identifier of a person looks like it.
pub fn subject(client: &Client) -> String {
    format!("client-{}", client.client_id)
}

impl Grant {
    /// Reads a request. There is nobody whom such a token could tell about, so every scope that is about a person is
    /// refused (O-16).
    pub(super) fn read(parameters: &Parameters, client: &Client) -> Result<Self, TokenError> {
        let scope = ScopeSet::parse(parameters.value("scope").unwrap_or_default());
        if scope == ScopeSet::default() {
            return Ok(Self { lifetime: client.lifetimes.access });
        }
        let description = format!("{scope} is about a person, and here is none");
        Err(TokenError::new(ErrorCode::InvalidScope, description))
    }

    /// When the token ends.
    pub const fn expires_at(&self, now: UnixTime) -> UnixTime {
        now.after(self.lifetime)
    }

    /// The JSON of the answer (RFC 6749 section 4.4.3): without a refresh token.
    pub fn answer(self, token: &Plain<Machine>) -> Value {
        json!({ "access_token": token.expose(), "token_type": "Bearer", "expires_in": self.lifetime.0 })
    }
}

/// What `client` learns about a live token for itself that was given to `issued_to` (RFC 7662 section 2.2); `None` for
/// another's, or when it may not have such tokens any more.
pub fn introspect(client: &Client, issuer: &str, issued_to: &str, expires_at: UnixTime) -> Option<Value> {
    let own = issued_to == client.client_id && client.may_use(GrantType::ClientCredentials);
    own.then(|| {
        json!({
            "active": true,
            "iss": issuer,
            "sub": subject(client),
            "aud": client.client_id,
            "client_id": client.client_id,
            "token_type": "Bearer",
            "exp": expires_at.0,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::fixtures::{NOW, clients, parameters};

    #[test]
    fn o_16_nothing_about_a_person_is_granted_to_a_client() {
        let clients = clients();
        let read = |scope: &str| Grant::read(&parameters("").with("scope", scope), &clients[0]);
        for scope in ["openid", "profile", "unknown email", "offline_access", "groups"] {
            assert_eq!(read(scope).unwrap_err().code(), ErrorCode::InvalidScope, "{scope}");
        }
        for scope in ["", "unknown", "read:things"] {
            assert_eq!(read(scope).unwrap().expires_at(NOW), UnixTime(NOW.0 + 3600), "{scope}");
        }
    }

    #[test]
    fn o_9_o_27_a_client_learns_about_its_own_token_while_it_may_have_it() {
        let clients = clients();
        let allowed = Client { grants: vec![GrantType::ClientCredentials], ..(*clients[0]).clone() };
        let about = |client: &Client, issued_to: &str| introspect(client, "https://id", issued_to, NOW);
        assert_eq!(about(&allowed, "wiki").unwrap()["sub"], "client-wiki");
        assert_eq!(about(&allowed, "spa"), None);
        assert_eq!(about(&clients[0], "wiki"), None);
        let public = Client { grants: vec![GrantType::ClientCredentials], ..(*clients[1]).clone() };
        assert_eq!(about(&public, "spa"), None);
    }
}
