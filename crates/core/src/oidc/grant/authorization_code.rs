//! Redeeming an authorization code (RFC 6749 section 4.1.3, RFC 7636 section 4.5).
//!
//! The store consumes the code by its hash and the client's identifier first; what is checked here is checked on a code
//! that nobody can try again.

use super::{Granted, TokenError};
use crate::{
    oauth::{client::Client, parameters::Parameters, pkce},
    policy::Permit,
    time::UnixTime,
    token::{Code, Plain},
};

/// A request to redeem a code.
#[derive(Debug)]
#[non_exhaustive]
pub struct Request {
    /// The code.
    pub code: Plain<Code>,
    redirect_uri: String,
    code_verifier: Option<String>,
}

impl Request {
    /// Reads one. A text that can't be a code of ours, a token of another kind among them (O-4), is no valid grant.
    pub(super) fn parse(parameters: &Parameters) -> Result<Self, TokenError> {
        let required = |name: &'static str| {
            parameters.value(name).ok_or_else(|| TokenError::invalid_request(format!("{name} is missing")))
        };
        let (code, redirect_uri) = (required("code")?, required("redirect_uri")?);
        Ok(Self {
            code: Plain::parse(code).ok_or_else(TokenError::not_valid)?,
            redirect_uri: redirect_uri.to_owned(),
            code_verifier: parameters.value("code_verifier").map(str::to_owned),
        })
    }
}

/// What the store says about the code that was consumed.
#[derive(Clone, Copy, Debug)]
pub struct Issued<'a> {
    /// What may be issued.
    pub granted: Granted<'a>,
    /// Where the code was sent.
    pub redirect_uri: &'a str,
    /// The PKCE challenge of the authorization request.
    pub code_challenge: Option<&'a str>,
}

/// Whether tokens may be issued, in the order: client, redirect URI, PKCE, policy (O-1, O-2, O-17).
pub fn check(
    request: &Request,
    issued: &Issued<'_>,
    client: &Client,
    now: UnixTime,
) -> Result<Permit, TokenError> {
    if issued.granted.client_id != client.client_id {
        return Err(TokenError::not_valid());
    }
    // The same text, not an equivalent URI: the client sent both.
    if issued.redirect_uri != request.redirect_uri {
        return Err(TokenError::invalid_grant("redirect_uri is not the one of the authorization request"));
    }
    pkce::verify(issued.code_challenge, request.code_verifier.as_deref())
        .map_err(|error| TokenError::invalid_grant(error.to_string()))?;
    issued.granted.admit(client, now)
}
