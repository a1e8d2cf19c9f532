//! The userinfo endpoint (OpenID Connect Core section 5.3) and bearer tokens (RFC 6750).

use serde_json::{Map, Value, json};

use super::{claims, grant::Granted};
use crate::{
    http::origin::Origin,
    jose::{Algorithm, jws, key_ring::KeyRing},
    oauth::{client::Client, error::ErrorCode, parameters::Parameters},
    time::UnixTime,
    token::{Access, Plain},
};

/// Why a bearer is told nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BearerError {
    /// No token came (RFC 6750 section 3.1: then no error code goes along).
    Missing,
    /// Two tokens came, or a header that is not `Bearer`.
    Malformed,
    /// It is no live access token, or its person may not use the client any more.
    Invalid,
}

impl BearerError {
    /// The HTTP status.
    pub const fn status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Missing | Self::Invalid => 401,
        }
    }

    /// The `WWW-Authenticate` that goes along.
    pub const fn www_authenticate(self) -> &'static str {
        match self {
            Self::Missing => r#"Bearer realm="userinfo""#,
            Self::Malformed => r#"Bearer realm="userinfo", error="invalid_request""#,
            Self::Invalid => r#"Bearer realm="userinfo", error="invalid_token""#,
        }
    }

    /// The JSON to answer.
    pub fn body(self) -> Value {
        let code = match self {
            Self::Malformed => ErrorCode::InvalidRequest,
            Self::Missing | Self::Invalid => ErrorCode::InvalidToken,
        };
        json!({ "error": code.as_str() })
    }
}

/// Reads the token from the `Authorization` header or a form's `access_token`, never from a query, where it would end
/// up in logs (RFC 9700 section 4.3.2).
pub fn read_bearer(
    authorization: Option<&[u8]>,
    form: Option<&Parameters>,
) -> Result<Plain<Access>, BearerError> {
    let in_form = form.and_then(|form| form.value("access_token"));
    let text = match (authorization, in_form) {
        (None, None) => return Err(BearerError::Missing),
        (Some(_), Some(_)) => return Err(BearerError::Malformed),
        (None, Some(token)) => token,
        (Some(header), None) => {
            let (scheme, token) = header.split_at_checked(7).ok_or(BearerError::Malformed)?;
            if !scheme.eq_ignore_ascii_case(b"bearer ") {
                return Err(BearerError::Malformed);
            }
            std::str::from_utf8(token).map_err(|_| BearerError::Malformed)?.trim_matches(' ')
        }
    };
    Plain::parse(text).ok_or(BearerError::Invalid)
}

/// The answer about a live token's grant. `client` is the grant's client as it is declared now: a client that is gone
/// or a person whom its policy does not let in any more gets nothing (O-17, O-27).
pub fn answer(
    granted: &Granted<'_>,
    client: Option<&Client>,
    now: UnixTime,
) -> Result<Map<String, Value>, BearerError> {
    let client = client.ok_or(BearerError::Invalid)?;
    let permit = granted.admit(client, now).map_err(|_| BearerError::Invalid)?;
    let identity = permit.identity().ok_or(BearerError::Invalid)?;
    Ok(claims::of_person(client, identity, granted.scope))
}

/// The type of a signed answer. An ID token has another one, so that an answer is never taken for one, as a hint or else.
const SIGNED: &str = "userinfo+jwt";

/// The same, signed for a client that asked for it in its registration (OpenID Connect Core section 5.3.2). `None` when
/// there is no key for `algorithm`: what should be signed is not sent otherwise.
pub fn sign(
    mut claims: Map<String, Value>,
    (client, algorithm): (&Client, Algorithm),
    issuer: &Origin,
    keys: &KeyRing,
) -> Option<String> {
    claims.insert("iss".to_owned(), json!(issuer.as_str()));
    claims.insert("aud".to_owned(), json!(client.client_id));
    jws::sign_as(SIGNED, keys.signer(algorithm)?, &claims).ok()
}

#[cfg(test)]
mod tests;
