//! The token endpoint (RFC 6749 section 5, OpenID Connect Core section 3.1.3): one file per grant.

pub mod authorization_code;
pub mod client_credentials;
pub mod device_code;
pub mod refresh_token;

use std::{borrow::Cow, sync::Arc};

use serde_json::{Value, json};

use super::claims::IdToken;
use crate::{
    http::origin::Origin,
    identity::Identity,
    jose::{jws, key_ring::KeyRing},
    oauth::{
        client::Client,
        client_auth::ClientAuthError,
        error::ErrorCode,
        grant_type::{GrantType, REFRESH_TOKEN},
        parameters::{Parameters, ParametersError},
        scope::ScopeSet,
    },
    policy::{Denial, Permit, admit_person},
    time::UnixTime,
    token::{Access, Plain, Refresh},
};

/// What a client asks for. There is no password grant and no other one (O-15).
#[derive(Debug)]
pub enum TokenRequest {
    /// RFC 6749 section 4.1.3.
    AuthorizationCode(authorization_code::Request),
    /// RFC 6749 section 6.
    RefreshToken(refresh_token::Request),
    /// RFC 6749 section 4.4.
    ClientCredentials(client_credentials::Grant),
    /// RFC 8628 section 3.4.
    DeviceCode(device_code::Request),
}

/// Reads a request of `client`, which has proved who it is. It may ask in the ways that are declared for it; refreshing
/// goes with each that has a person.
pub fn parse(parameters: &Parameters, client: &Client) -> Result<TokenRequest, TokenError> {
    let name =
        parameters.value("grant_type").ok_or_else(|| TokenError::invalid_request("grant_type is missing"))?;
    if name == REFRESH_TOKEN {
        let person = GrantType::ALL.into_iter().any(|grant| grant.is_of_a_person() && client.may_use(grant));
        demand(person)?;
        return refresh_token::Request::parse(parameters).map(TokenRequest::RefreshToken);
    }
    let grant = GrantType::ALL.into_iter().find(|grant| grant.name() == name);
    let grant = grant.ok_or_else(|| {
        TokenError::new(ErrorCode::UnsupportedGrantType, "there is no such grant_type here")
    })?;
    demand(client.may_use(grant))?;
    match grant {
        GrantType::AuthorizationCode => {
            authorization_code::Request::parse(parameters).map(TokenRequest::AuthorizationCode)
        }
        GrantType::ClientCredentials => {
            client_credentials::Grant::read(parameters, client).map(TokenRequest::ClientCredentials)
        }
        GrantType::DeviceCode => device_code::Request::parse(parameters).map(TokenRequest::DeviceCode),
    }
}

fn demand(allowed: bool) -> Result<(), TokenError> {
    if allowed { Ok(()) } else { Err(TokenError::unauthorized_client()) }
}

/// Why there are no tokens (RFC 6749 section 5.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenError {
    code: ErrorCode,
    description: Cow<'static, str>,
    basic: bool,
}

impl TokenError {
    pub(super) fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into(), basic: false }
    }

    pub(super) fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }

    /// The grant is not among those that are declared for the client.
    pub(super) fn unauthorized_client() -> Self {
        Self::new(ErrorCode::UnauthorizedClient, "this client may not use this grant")
    }

    /// Whether it may come from trying: a device that waits for its person does not.
    pub fn is_guess(&self) -> bool {
        self.code != ErrorCode::AuthorizationPending
    }

    /// The store knows no such code, refresh token or family: unknown, of another client, expired, used, revoked, or
    /// its person disabled. The client does not learn which.
    pub fn not_valid() -> Self {
        Self::invalid_grant("it is not valid, has expired or was used before")
    }

    /// The client is not believed. `basic` says whether it came in the `Authorization` header. Which of identifier and
    /// secret was wrong is for the log.
    pub fn of_client(error: ClientAuthError, basic: bool) -> Self {
        let basic = basic || error == ClientAuthError::Malformed;
        match error {
            ClientAuthError::Several => Self::invalid_request(error.to_string()),
            _ => {
                Self { basic, ..Self::new(ErrorCode::InvalidClient, "the client could not be authenticated") }
            }
        }
    }

    /// Something of ours failed.
    pub fn server_error() -> Self {
        Self::new(ErrorCode::ServerError, "something is wrong on our side")
    }

    /// The error code.
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// The HTTP status: 400, 401 for a client that is not believed, 500 for a mistake of ours.
    pub const fn status(&self) -> u16 {
        match self.code {
            ErrorCode::InvalidClient => 401,
            ErrorCode::ServerError => 500,
            _ => 400,
        }
    }

    /// The `WWW-Authenticate` that goes along, if the client tried that.
    pub fn www_authenticate(&self) -> Option<&'static str> {
        (self.basic && self.code == ErrorCode::InvalidClient).then_some(r#"Basic realm="token""#)
    }

    /// The JSON to answer.
    pub fn body(&self) -> Value {
        json!({ "error": self.code.as_str(), "error_description": self.description })
    }
}

impl From<ParametersError> for TokenError {
    fn from(error: ParametersError) -> Self {
        Self::invalid_request(error.to_string())
    }
}

/// What the store says may be issued in a family.
#[derive(Clone, Copy, Debug)]
pub struct Granted<'a> {
    /// The family's client.
    pub client_id: &'a str,
    /// The person, with the groups of now.
    pub identity: &'a Arc<Identity>,
    /// What was granted.
    pub scope: ScopeSet,
}

impl Granted<'_> {
    /// Whether this client may have tokens for this person now: the grant is its own, and the policy of `/authorize`
    /// still lets the person in (O-3, O-17, E-12).
    pub fn admit(&self, client: &Client, now: UnixTime) -> Result<Permit, TokenError> {
        if self.client_id != client.client_id {
            return Err(TokenError::not_valid());
        }
        admit_person(&client.policy, self.identity, now).map_err(|denial| match denial {
            Denial::Expired => TokenError::not_valid(),
            _ => TokenError::invalid_grant("the person may not use this application any more"),
        })
    }
}

/// Tokens to be handed out, after the store has them.
#[derive(Clone, Copy, Debug)]
pub struct Issuance<'a> {
    /// Us.
    pub issuer: &'a Origin,
    /// To whom.
    pub client: &'a Client,
    /// What was granted.
    pub scope: ScopeSet,
    /// The nonce of the authorization request; `None` on refresh.
    pub nonce: Option<&'a str>,
    /// The access token.
    pub access: &'a Plain<Access>,
    /// The refresh token.
    pub refresh: &'a Plain<Refresh>,
    /// When.
    pub now: UnixTime,
}

/// The JSON of a successful answer (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3), about the person on
/// whom `permit` rests. To be sent with `Cache-Control: no-store`.
#[expect(clippy::needless_pass_by_value, reason = "a permit is spent: it lets tokens out once")]
pub fn answer(permit: Permit, issuance: &Issuance<'_>, keys: &KeyRing) -> Result<Value, TokenError> {
    let identity = permit.identity().ok_or_else(TokenError::server_error)?;
    let signer = keys.signer(issuance.client.id_token_alg).ok_or_else(TokenError::server_error)?;
    let id_token = IdToken {
        issuer: issuance.issuer,
        client: issuance.client,
        identity,
        scope: issuance.scope,
        nonce: issuance.nonce,
        access_token: issuance.access,
        now: issuance.now,
    };
    let id_token = jws::sign(signer, &id_token.claims()).map_err(|_| TokenError::server_error())?;
    Ok(json!({
        "access_token": issuance.access.expose(),
        "token_type": "Bearer",
        "expires_in": issuance.client.lifetimes.access.0,
        "refresh_token": issuance.refresh.expose(),
        "id_token": id_token,
        "scope": issuance.scope.to_string(),
    }))
}

#[cfg(test)]
mod tests;
