//! Asking about a token (RFC 7662) and giving one back (RFC 7009).
//!
//! A token's kind is in the token itself, so `token_type_hint` has nothing to add and is not read.

use serde_json::{Value, json};

use super::grant::{Granted, TokenError};
use crate::{
    http::origin::Origin,
    oauth::{client::Client, client_auth::ClientAuthError, parameters::Parameters, scope::Scope},
    time::UnixTime,
    token::{Access, Machine, Plain, Refresh},
};

/// What a client asks about or gives back.
#[derive(Debug)]
pub enum Subject {
    /// An access token.
    Access(Plain<Access>),
    /// A refresh token.
    Refresh(Plain<Refresh>),
    /// An access token of a client for itself.
    Machine(Plain<Machine>),
    /// A text that is none of them (O-4, O-26): not active, and there is nothing to revoke.
    Neither,
}

impl Subject {
    /// Reads `token` (RFC 7662 section 2.1, RFC 7009 section 2.1).
    ///
    /// # Errors
    /// `invalid_request` when there is none.
    pub fn read(parameters: &Parameters) -> Result<Self, TokenError> {
        let text =
            parameters.value("token").ok_or_else(|| TokenError::invalid_request("token is missing"))?;
        let access = Plain::parse(text).map(Self::Access);
        let found = access.or_else(|| Plain::parse(text).map(Self::Refresh));
        Ok(found.or_else(|| Plain::parse(text).map(Self::Machine)).unwrap_or(Self::Neither))
    }
}

/// Whether a client may ask about tokens: one that has proved who it is. The identifier of a public client is no secret,
/// and whoever knows it would have a way to try tokens (RFC 7662 section 4).
///
/// # Errors
/// `invalid_client` for a public client.
pub fn may_introspect(client: &Client) -> Result<(), TokenError> {
    if !client.is_public() {
        return Ok(());
    }
    Err(TokenError::of_client(ClientAuthError::SecretMissing, false))
}

/// What is said about every token that is not the client's own live one, whatever the reason.
pub fn inactive() -> Value {
    json!({ "active": false })
}

/// A live token's grant and how long it lasts.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    /// Us.
    pub issuer: &'a Origin,
    /// What was granted.
    pub granted: Granted<'a>,
    /// When the token expires.
    pub expires_at: UnixTime,
    /// Whether it is an access token.
    pub is_access: bool,
}

/// What `client` learns about a live token (RFC 7662 section 2.2): nothing unless the token is its own (O-9) and would be
/// good for something, which the policy decides as it does for every grant (O-17).
pub fn introspect(live: &Live<'_>, client: &Client, now: UnixTime) -> Value {
    let Ok(permit) = live.granted.admit(client, now) else {
        return inactive();
    };
    let Some(identity) = permit.identity() else {
        return inactive();
    };
    let mut answer = json!({
        "active": true,
        "iss": live.issuer.as_str(),
        "sub": identity.subject.as_str(),
        "aud": client.client_id,
        "client_id": client.client_id,
        "scope": live.granted.scope.to_string(),
        "exp": live.expires_at.0,
    });
    if live.is_access {
        answer["token_type"] = json!("Bearer");
    }
    // A name is a claim like any other: only with the scope for it.
    if live.granted.scope.contains(Scope::Profile) {
        answer["username"] = json!(identity.profile.username.as_str());
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        oauth::scope::ScopeSet,
        oidc::fixtures::{NOW, clients, issuer, parameters, person, token},
        token::{Code, Session},
    };

    #[test]
    fn o_4_o_26_a_token_says_its_kind_itself() {
        let kind = |text: &str| match Subject::read(&parameters("").with("token", text)) {
            Ok(Subject::Access(_)) => "access",
            Ok(Subject::Refresh(_)) => "refresh",
            Ok(Subject::Machine(_)) => "machine",
            Ok(Subject::Neither) => "neither",
            Err(_) => "none",
        };
        let access = token::<Access>(1);
        assert_eq!(kind(access.expose()), "access");
        assert_eq!(kind(token::<Refresh>(1).expose()), "refresh");
        assert_eq!(kind(token::<Machine>(1).expose()), "machine");
        for text in [
            token::<Code>(1).expose(),
            token::<Session>(1).expose(),
            &access.expose()[1..],
            &format!("{}A", access.expose()),
            "x",
        ] {
            assert_eq!(kind(text), "neither", "{text}");
        }
        assert_eq!(kind(""), "none");
        let hinted = parameters("token_type_hint=refresh_token").with("token", access.expose());
        assert!(matches!(Subject::read(&hinted), Ok(Subject::Access(_))), "a hint changes nothing");
    }

    #[test]
    fn o_9_o_17_a_token_is_active_for_its_own_client_as_long_as_it_would_open_something() {
        let (clients, issuer) = (clients(), issuer());
        let asked = |groups: &[&str], scope: &str, client: &Client, now: UnixTime| {
            let ada = person(1, groups, NOW);
            let granted = Granted { client_id: "wiki", identity: &ada, scope: ScopeSet::parse(scope) };
            let live = Live { issuer: &issuer, granted, expires_at: UnixTime(NOW.0 + 60), is_access: true };
            introspect(&live, client, now)
        };
        let (wiki, spa) = (&clients[0], &clients[1]);
        let answer = asked(&["users"], "openid profile", wiki, NOW);
        assert_eq!(answer["active"], true);
        assert_eq!((&answer["client_id"], &answer["username"]), (&json!("wiki"), &json!("ada")));
        assert_eq!((&answer["exp"], &answer["scope"]), (&json!(NOW.0 + 60), &json!("openid profile")));
        assert_eq!(asked(&["users"], "openid", wiki, NOW).get("username"), None, "no scope, no name");
        assert_eq!(asked(&["users"], "openid", spa, NOW), inactive());
        assert_eq!(asked(&["guests"], "openid", wiki, NOW), inactive());
        assert_eq!(asked(&["users"], "openid", wiki, UnixTime(NOW.0 + 3600)), inactive());
    }

    #[test]
    fn o_9_a_client_without_a_secret_asks_nothing() {
        let clients = clients();
        assert_eq!(may_introspect(&clients[0]), Ok(()));
        assert_eq!(may_introspect(&clients[1]).unwrap_err().status(), 401);
    }
}
