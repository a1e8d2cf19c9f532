//! Refreshing tokens (RFC 6749 section 6, RFC 9700 section 4.14).
//!
//! The store rotates the token first: of several uses one wins, and a second use revokes the family.

use super::{Granted, TokenError};
use crate::{
    oauth::{client::Client, error::ErrorCode, parameters::Parameters, scope::ScopeSet},
    policy::Permit,
    time::UnixTime,
    token::{Plain, Refresh},
};

/// A request for new tokens.
#[derive(Debug)]
#[non_exhaustive]
pub struct Request {
    /// The refresh token.
    pub refresh_token: Plain<Refresh>,
    scope: Option<ScopeSet>,
}

impl Request {
    pub(super) fn parse(parameters: &Parameters) -> Result<Self, TokenError> {
        let token = parameters
            .value("refresh_token")
            .ok_or_else(|| TokenError::invalid_request("refresh_token is missing"))?;
        Ok(Self {
            refresh_token: Plain::parse(token).ok_or_else(TokenError::not_valid)?,
            scope: parameters.value("scope").map(ScopeSet::parse),
        })
    }
}

/// Whether new tokens may be issued: the grant is the client's, no more is asked for than was granted (O-16), and the
/// policy still lets the person in (O-17, E-12).
///
/// Less may be asked for and changes nothing: the new tokens are for all that was granted, which is what the answer's
/// `scope` says (RFC 6749 section 3.3).
pub fn check(
    request: &Request,
    granted: &Granted<'_>,
    client: &Client,
    now: UnixTime,
) -> Result<Permit, TokenError> {
    let permit = granted.admit(client, now)?;
    if request.scope.is_some_and(|scope| !scope.is_within(granted.scope)) {
        return Err(TokenError::new(ErrorCode::InvalidScope, "scope is more than was granted"));
    }
    Ok(permit)
}
