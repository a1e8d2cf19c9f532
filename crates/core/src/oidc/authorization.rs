//! Authorization requests (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2.1, RFC 7636).
//!
//! `display`, `ui_locales`, `claims_locales`, `acr_values` and whatever is unknown may be there and change nothing, as the
//! specifications allow: whoever signs in by a passkey meets the highest class that we know. A `login_hint` is shown by
//! the sign-in page and proves nothing.

use std::{borrow::Cow, fmt, sync::Arc};

use super::{
    claims_request::{ClaimsError, ClaimsRequest},
    hint::Hint,
    prompt::Prompt,
    response::{ErrorResponse, ResponseMode, ResponseTarget},
};
use crate::{
    http::origin::Origin,
    id::UserId,
    jose::key_ring::KeyRing,
    oauth::{
        client::Client,
        error::ErrorCode,
        parameters::Parameters,
        pkce::{CodeChallenge, PkceError},
        scope::{Scope, ScopeSet},
    },
    return_to::ReturnTo,
};

/// Longest query of a request, in bytes once it is written again: with our progress it must still fit into
/// [`ReturnTo`].
pub const MAX_QUERY: usize = ReturnTo::MAX - 512;

/// A request of a registered client that asks for something we do. Only [`parse`] makes one.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client: Arc<Client>,
    /// Where the answer goes.
    pub target: ResponseTarget,
    /// For what; has `openid`, and the scopes of claims that are asked for by name.
    pub scope: ScopeSet,
    /// What the `claims` parameter demands.
    pub claims: ClaimsRequest,
    /// What the ID token must repeat.
    pub nonce: Option<String>,
    /// The PKCE challenge.
    pub code_challenge: Option<CodeChallenge>,
    /// What the person must be asked.
    pub prompt: Prompt,
    /// How long ago the person may have signed in at most, in seconds.
    pub max_age: Option<u32>,
    /// An ID token of ours that names whom the client expects, not verified yet.
    id_token_hint: Option<String>,
}

impl AuthorizationRequest {
    /// Whom the client expects, if it says so in `claims` or its hint is an ID token that we gave to it. It proves nothing about the browser
    /// (O-28); a hint that we can't verify is as good as none.
    pub fn hinted(&self, issuer: &Origin, keys: &KeyRing) -> Option<UserId> {
        self.claims.subject().or_else(|| self.hinted_by_token(issuer, keys))
    }

    fn hinted_by_token(&self, issuer: &Origin, keys: &KeyRing) -> Option<UserId> {
        let hint = Hint::verify(self.id_token_hint.as_deref()?, issuer, keys)?;
        hint.is_for(&self.client.client_id).then(|| hint.subject())
    }
}

/// Why a request goes no further.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AuthorizationError {
    /// There is no place that may be trusted with an answer: shown as a page, never a redirect.
    Display(DisplayError),
    /// The client learns of it.
    Redirect(Box<ErrorResponse>),
}

/// Why a request has no place to be answered to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DisplayError {
    /// It is longer than [`MAX_QUERY`].
    TooLong,
    /// No `client_id`.
    ClientMissing,
    /// No client has this `client_id`.
    UnknownClient,
    /// No `redirect_uri`.
    RedirectUriMissing,
    /// The `redirect_uri` is not one of the client's.
    UnknownRedirectUri,
}

impl fmt::Display for DisplayError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::TooLong => "the request is too long",
            Self::ClientMissing => "the request does not say which application it comes from (client_id)",
            Self::UnknownClient => "no application is registered with this client_id",
            Self::RedirectUriMissing => "the request does not say where to return to (redirect_uri)",
            Self::UnknownRedirectUri => "the redirect_uri is not registered for this application",
        })
    }
}

impl std::error::Error for DisplayError {}

/// Reads and checks a request.
pub fn parse(
    parameters: &Parameters,
    clients: &[Arc<Client>],
) -> Result<AuthorizationRequest, AuthorizationError> {
    let (client, target) = check_origin(parameters, clients).map_err(AuthorizationError::Display)?;
    // From here on the redirect URI is trusted and errors go there.
    check_details(parameters, &client, target.clone())
        .map_err(|fault| AuthorizationError::Redirect(Box::new(target.refuse(fault.0, fault.1))))
}

fn check_origin(
    parameters: &Parameters,
    clients: &[Arc<Client>],
) -> Result<(Arc<Client>, ResponseTarget), DisplayError> {
    if parameters.to_query().len() > MAX_QUERY {
        return Err(DisplayError::TooLong);
    }
    let client_id = parameters.value("client_id").ok_or(DisplayError::ClientMissing)?;
    let client =
        clients.iter().find(|client| client.client_id == client_id).ok_or(DisplayError::UnknownClient)?;
    let requested = parameters.value("redirect_uri").ok_or(DisplayError::RedirectUriMissing)?;
    if !client.redirect_uris.allow(requested) {
        return Err(DisplayError::UnknownRedirectUri);
    }
    let state = parameters.value("state").map(str::to_owned);
    // A mode that we do not know is refused below, by the default one.
    let mode = parameters.value("response_mode").and_then(ResponseMode::from_name).unwrap_or_default();
    Ok((Arc::clone(client), ResponseTarget::new(requested.to_owned(), state, mode)))
}

/// An error code and what goes with it.
type Fault = (ErrorCode, Cow<'static, str>);

fn check_details(
    parameters: &Parameters,
    client: &Arc<Client>,
    target: ResponseTarget,
) -> Result<AuthorizationRequest, Fault> {
    check_unsupported(parameters)?;
    check_response(parameters)?;
    let (scope, claims) = (read_scope(parameters)?, read_claims(parameters)?);
    Ok(AuthorizationRequest {
        client: Arc::clone(client),
        target,
        scope: scope.union(claims.scope()),
        claims,
        nonce: parameters.value("nonce").map(str::to_owned),
        code_challenge: read_code_challenge(parameters, client)?,
        prompt: read_prompt(parameters)?,
        max_age: read_max_age(parameters)?,
        id_token_hint: parameters.value("id_token_hint").map(str::to_owned),
    })
}

/// Request objects would have parameters inside that we do not read (OpenID Connect Core sections 6 and 7.2.1).
fn check_unsupported(parameters: &Parameters) -> Result<(), Fault> {
    for (name, code, description) in [
        ("request", ErrorCode::RequestNotSupported, "request objects are not supported"),
        ("request_uri", ErrorCode::RequestUriNotSupported, "request_uri is not supported"),
        ("registration", ErrorCode::RegistrationNotSupported, "registration is not supported"),
    ] {
        if parameters.value(name).is_some() {
            return Err((code, description.into()));
        }
    }
    Ok(())
}

fn check_response(parameters: &Parameters) -> Result<(), Fault> {
    match parameters.value("response_type") {
        Some("code") => {}
        Some(_) => {
            return Err((ErrorCode::UnsupportedResponseType, "response_type must be code".into()));
        }
        None => return Err(invalid("response_type is missing")),
    }
    match parameters.value("response_mode") {
        Some(name) if ResponseMode::from_name(name).is_none() => {
            Err(invalid("response_mode must be query, fragment or form_post"))
        }
        _ => Ok(()),
    }
}

fn read_scope(parameters: &Parameters) -> Result<ScopeSet, Fault> {
    let scope = ScopeSet::parse(parameters.value("scope").unwrap_or_default());
    if scope.contains(Scope::OpenId) {
        Ok(scope)
    } else {
        Err((ErrorCode::InvalidScope, "scope must contain openid".into()))
    }
}

fn read_claims(parameters: &Parameters) -> Result<ClaimsRequest, Fault> {
    let read = parameters.value("claims").map_or(Ok(ClaimsRequest::default()), ClaimsRequest::parse);
    read.map_err(|error| match error {
        ClaimsError::Malformed => invalid("claims is not the JSON that is expected"),
        ClaimsError::Unmet => (
            ErrorCode::UnmetAuthenticationRequirements,
            "no sign-in here has the acr that is demanded".into(),
        ),
        ClaimsError::Nobody => (ErrorCode::LoginRequired, "nobody has the sub that is demanded".into()),
    })
}

fn read_code_challenge(parameters: &Parameters, client: &Client) -> Result<Option<CodeChallenge>, Fault> {
    let (challenge, method) = (parameters.value("code_challenge"), parameters.value("code_challenge_method"));
    let challenge = CodeChallenge::read(challenge, method).map_err(|error| invalid(error.to_string()))?;
    if challenge.is_none() && client.needs_pkce() {
        return Err(invalid(PkceError::ChallengeMissing.to_string()));
    }
    Ok(challenge)
}

fn read_prompt(parameters: &Parameters) -> Result<Prompt, Fault> {
    Prompt::parse(parameters.value("prompt").unwrap_or_default())
        .ok_or_else(|| invalid("prompt must be none, or some of login, consent and select_account"))
}

fn read_max_age(parameters: &Parameters) -> Result<Option<u32>, Fault> {
    let read = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = text.parse().ok().filter(|_| digits);
        seconds.ok_or_else(|| invalid("max_age must be a number of seconds"))
    };
    parameters.value("max_age").map(read).transpose()
}

fn invalid(description: impl Into<Cow<'static, str>>) -> Fault {
    (ErrorCode::InvalidRequest, description.into())
}

#[cfg(test)]
mod tests;
