//! Tokens that people made for one service: what their programs present in place of a session.

use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    Access, Credential, Decision, Denial, Grounds, Guard, Miss, Permit, Scope, decide, key::bearer_of,
};
use crate::{
    http::{
        fetch::{FetchMetadata, Site},
        headers,
    },
    id::PersonalTokenId,
    identity::Identity,
    token::{Hashed, Kind as _, Personal, Plain},
};

/// The header that carries a token besides `Authorization`.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// A live token: who is behind it, and the requests that it is good for.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// What the log calls it.
    pub id: PersonalTokenId,
    /// The person, as of now.
    pub identity: Arc<Identity>,
    /// The requests that it is good for.
    pub scope: Scope,
}

/// What a request presents as such a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presented {
    /// One that is well-formed; whether it is live is for the store to say.
    Token(Hashed<Personal>),
    /// A malformed one, or several.
    Unfit,
}

/// Why a token does not open this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenProblem {
    /// It is no live token for this service.
    Unknown,
    /// It is one, and not good for this request.
    Scope(Miss),
    /// This request needs the person, with their passkey.
    Person,
}

impl TokenProblem {
    /// A stable word for logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "token_unknown",
            Self::Scope(Miss::Path) => "token_path",
            Self::Scope(Miss::Method) => "token_method",
            Self::Scope(Miss::Network) => "token_network",
            Self::Scope(Miss::Expired) => "token_expired",
            Self::Person => "token_person",
        }
    }
}

/// What a request presents as a token of ours: `Authorization: Bearer dw_k_…` or `X-Api-Key: dw_k_…`. Everything else in
/// these headers is between the client and the application.
pub fn presented(headers: &HeaderMap) -> Option<Presented> {
    let bearers = headers.get_all(header::AUTHORIZATION).iter().filter_map(bearer);
    let keys = headers.get_all(X_API_KEY).iter().filter_map(|line| std::str::from_utf8(line.as_bytes()).ok());
    let mut ours = bearers.chain(keys).filter(|text| is_ours(text));
    let first = ours.next()?;
    // Which of several counts is not for us to guess (H-15).
    let token = if ours.next().is_none() { Plain::<Personal>::parse(first) } else { None };
    Some(token.map_or(Presented::Unfit, |token| Presented::Token(token.hash())))
}

/// Removes tokens of ours, under every name that upstreams read as one of the two: the application shall not learn what
/// opens it.
pub fn strip_presented(headers: &mut HeaderMap) {
    let carries = |name: &HeaderName, line: &HeaderValue| {
        let text = if headers::are_alike(name.as_str(), header::AUTHORIZATION.as_str()) {
            bearer(line)
        } else if headers::are_alike(name.as_str(), X_API_KEY.as_str()) {
            std::str::from_utf8(line.as_bytes()).ok()
        } else {
            None
        };
        text.is_some_and(is_ours)
    };
    headers::remove_names(headers, carries);
}

/// Whether this is a token of ours, well-formed or not.
pub(super) fn is_ours(text: &str) -> bool {
    text.trim_start().starts_with(Personal::PREFIX)
}

fn bearer(line: &HeaderValue) -> Option<&str> {
    bearer_of(line).and_then(|token| std::str::from_utf8(token).ok())
}

/// Decides about a request that presents a token; `None` when the store knows no such live one. The service's own
/// decision is asked with the person behind the token, and can only be narrowed here: by the token's scope, and by what
/// needs the person themselves. It does not fall through to a bypass or a session: who presents a token means it.
pub fn decide_by_token(guard: &Guard, access: &Access<'_>, token: Option<&Arc<Bearer>>) -> Decision {
    let refused = |problem| Decision::Deny(Denial::Token(problem));
    let Some(token) = token.filter(|_| guard.tokens) else {
        // What closes the service to everybody is said first.
        return match decide(guard, &Access { identity: None, credentials: Credential::default(), ..*access })
        {
            Decision::Deny(denial) => Decision::Deny(denial),
            Decision::Permit(_) | Decision::Demand(_) => refused(TokenProblem::Unknown),
        };
    };
    // No browser sends such a token by itself, so no other site can have it sent: there is nothing to shield from.
    let fetch = FetchMetadata { site: Site::Own, ..access.fetch };
    // It may have come in a header that carries keys too: what is presented is this token, and it was found live.
    let credentials = Credential::default();
    let asked = Access { identity: Some(&token.identity), credentials, fetch, ..*access };
    let decision = decide(guard, &asked);
    match decision {
        Decision::Deny(denial) => Decision::Deny(denial),
        // A token is no passkey, however young it is.
        Decision::Demand(_) => refused(TokenProblem::Person),
        Decision::Permit(permit) => match token.scope.missed(access) {
            Some(miss) => refused(TokenProblem::Scope(miss)),
            None if permit.identity.is_some() => {
                Decision::Permit(Permit { grounds: Grounds::Token(token.id), ..permit })
            }
            None => Decision::Permit(permit),
        },
    }
}
