//! Who a client says it is, and whether it is (RFC 6749 section 2.3).

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{
    client::{Client, ClientKind, ClientSecret},
    parameters::{Parameters, decode},
};
use crate::time::UnixTime;

/// Why a client is not believed. What the caller learns is `invalid_client` or `invalid_request`, never which of
/// identifier and secret was wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClientAuthError {
    /// No client identifier came.
    Missing,
    /// More than one way to authenticate in one request, or two identifiers (RFC 6749 section 2.3).
    Several,
    /// An `Authorization` header that is not well-formed `Basic`.
    Malformed,
    /// No such client.
    UnknownClient,
    /// The client has a secret and none came.
    SecretMissing,
    /// The secret is not the client's.
    WrongSecret,
    /// The secret was the client's, and its time is over.
    ExpiredSecret,
    /// The client is public and a secret came: somebody mixes clients up.
    UnexpectedSecret,
}

impl fmt::Display for ClientAuthError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Missing => "no client_id came",
            Self::Several => "the client authenticated in more than one way",
            Self::Malformed => "the Authorization header is not well-formed",
            Self::UnknownClient => "no client has this client_id",
            Self::SecretMissing => "the client has a secret and none came",
            Self::WrongSecret => "the client_secret is wrong",
            Self::ExpiredSecret => "the client_secret has expired",
            Self::UnexpectedSecret => "the client is public and a client_secret came",
        })
    }
}

impl std::error::Error for ClientAuthError {}

/// What a client presented.
pub struct Presented {
    client_id: String,
    /// More than one reading of the same characters, where libraries differ.
    secrets: Vec<Zeroizing<String>>,
    basic: bool,
}

impl Presented {
    /// Reads the `Authorization` header, if one came, and the body's parameters.
    pub fn read(authorization: Option<&[u8]>, parameters: &Parameters) -> Result<Self, ClientAuthError> {
        let (id, secret) = (parameters.value("client_id"), parameters.value("client_secret"));
        let Some(authorization) = authorization else {
            let client_id = id.ok_or(ClientAuthError::Missing)?.to_owned();
            let secrets = secret.into_iter().map(|secret| Zeroizing::new(secret.to_owned())).collect();
            return Ok(Self { client_id, secrets, basic: false });
        };
        let presented = read_basic(authorization).ok_or(ClientAuthError::Malformed)?;
        if secret.is_some() || id.is_some_and(|id| id != presented.client_id) {
            return Err(ClientAuthError::Several);
        }
        Ok(presented)
    }

    /// The client that it claims to be.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The secrets that it may have meant.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(|secret| secret.as_str())
    }

    /// Whether it came in the `Authorization` header, in which case a refusal carries `WWW-Authenticate`.
    pub const fn is_basic(&self) -> bool {
        self.basic
    }
}

impl fmt::Debug for Presented {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Presented").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

/// Whether the client is who it says. The comparison takes the same time wherever the secrets differ, and every secret
/// of the client is compared, so that the time does not tell which of them it was.
pub fn verify(client: &Client, presented: &Presented, now: UnixTime) -> Result<(), ClientAuthError> {
    if client.client_id != presented.client_id {
        return Err(ClientAuthError::UnknownClient);
    }
    match (&client.kind, presented.secrets.as_slice()) {
        (ClientKind::Public, []) => Ok(()),
        (ClientKind::Public, _) => Err(ClientAuthError::UnexpectedSecret),
        (ClientKind::Confidential(_), []) => Err(ClientAuthError::SecretMissing),
        (ClientKind::Confidential(secrets), presented) => compare(secrets, presented, now),
    }
}

fn compare(
    secrets: &[ClientSecret],
    presented: &[Zeroizing<String>],
    now: UnixTime,
) -> Result<(), ClientAuthError> {
    let mut outcome = Err(ClientAuthError::WrongSecret);
    for secret in secrets {
        let matching = presented.iter().filter(|presented| secret.hash.matches(presented.as_bytes())).count();
        match (matching > 0, secret.is_live(now)) {
            (true, true) => outcome = Ok(()),
            (true, false) if outcome.is_err() => outcome = Err(ClientAuthError::ExpiredSecret),
            _ => {}
        }
    }
    outcome
}

/// Reads `Basic` credentials. RFC 6749 section 2.3.1 has both halves form-encoded first, but many libraries send the
/// secret as it is: both readings of it are tried.
fn read_basic(authorization: &[u8]) -> Option<Presented> {
    let (scheme, encoded) = authorization.split_at_checked(6)?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let text = Zeroizing::new(String::from_utf8(STANDARD.decode(encoded.trim_ascii()).ok()?).ok()?);
    let (client_id, secret) = text.split_once(':')?;
    let client_id = decode(client_id.as_bytes()).filter(|client_id| !client_id.is_empty())?;
    let mut secrets = Vec::new();
    if !secret.is_empty() {
        secrets.push(Zeroizing::new(secret.to_owned()));
        secrets.extend(decode(secret.as_bytes()).filter(|decoded| decoded != secret).map(Zeroizing::new));
    }
    Some(Presented { client_id, secrets, basic: true })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        oauth::client::tests::{confidential, public},
        token::HashedSecret,
    };

    const NOW: UnixTime = UnixTime(1_000);

    fn basic(text: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(text)).into_bytes()
    }

    fn outcome(client: &Client, authorization: Option<&[u8]>, body: &str) -> Result<(), ClientAuthError> {
        let parameters = Parameters::parse(body.as_bytes()).unwrap();
        Presented::read(authorization, &parameters).and_then(|presented| verify(client, &presented, NOW))
    }

    #[test]
    fn a_confidential_client_authenticates_in_exactly_one_way() {
        let client = confidential("wiki", "s3cret+/=%41");
        for (authorization, body, expected) in [
            (None, "client_id=wiki&client_secret=s3cret%2B%2F%3D%2541", Ok(())),
            (Some(basic("wiki:s3cret+/=%41")), "", Ok(())),
            (Some(basic("wiki:s3cret%2B%2F%3D%2541")), "", Ok(())),
            (Some(basic("wiki:s3cret+/=%41")), "client_id=wiki", Ok(())),
            (Some(basic("wiki:s3cret+/=%41")), "client_id=other", Err(ClientAuthError::Several)),
            (Some(basic("wiki:s3cret+/=%41")), "client_secret=s3cret", Err(ClientAuthError::Several)),
            (None, "client_id=wiki", Err(ClientAuthError::SecretMissing)),
            (None, "client_id=wiki&client_secret=", Err(ClientAuthError::SecretMissing)),
            (None, "client_id=wiki&client_secret=s3cret", Err(ClientAuthError::WrongSecret)),
            (None, "client_secret=s3cret", Err(ClientAuthError::Missing)),
            (None, "client_id=other&client_secret=s3cret", Err(ClientAuthError::UnknownClient)),
            (Some(basic("wiki:")), "", Err(ClientAuthError::SecretMissing)),
            (Some(basic("wiki")), "", Err(ClientAuthError::Malformed)),
            (Some(basic(":s3cret")), "", Err(ClientAuthError::Malformed)),
            (
                Some(b"Bearer x".to_vec()),
                "client_id=wiki&client_secret=s3cret",
                Err(ClientAuthError::Malformed),
            ),
            (Some(b"Basic !".to_vec()), "", Err(ClientAuthError::Malformed)),
            (Some(b"".to_vec()), "client_id=wiki", Err(ClientAuthError::Malformed)),
        ] {
            assert_eq!(
                outcome(&client, authorization.as_deref(), body),
                expected,
                "{authorization:?} {body}"
            );
        }
    }

    #[test]
    fn a_public_client_has_nothing_to_present() {
        let client = public("spa");
        assert_eq!(outcome(&client, None, "client_id=spa"), Ok(()));
        assert_eq!(outcome(&client, Some(&basic("spa:")), ""), Ok(()));
        assert_eq!(
            outcome(&client, None, "client_id=spa&client_secret=x"),
            Err(ClientAuthError::UnexpectedSecret)
        );
        assert_eq!(outcome(&client, None, "client_id=spa&client_secret="), Ok(()));
    }

    #[test]
    fn a_secret_is_replaced_while_the_old_one_still_works() {
        let secret = |text: &str, expires_at: Option<i64>| ClientSecret {
            hash: HashedSecret::of(text.as_bytes()),
            expires_at: expires_at.map(UnixTime),
        };
        let with = |secrets| Client { kind: ClientKind::Confidential(secrets), ..confidential("wiki", "") };
        let client = with(vec![
            secret("past", Some(NOW.0)),
            secret("old", Some(NOW.0 + 1)),
            secret("new", None),
            secret("again", Some(1)),
            secret("again", None),
        ]);
        let told = |client: &Client, secret: &str| {
            outcome(client, None, &format!("client_id=wiki&client_secret={secret}"))
        };
        assert_eq!(told(&client, "old"), Ok(()));
        assert_eq!(told(&client, "new"), Ok(()));
        assert_eq!(told(&client, "again"), Ok(()));
        assert_eq!(told(&client, "past"), Err(ClientAuthError::ExpiredSecret));
        assert_eq!(told(&client, "other"), Err(ClientAuthError::WrongSecret));
        // Nothing that has expired makes a client public.
        for client in [with(Vec::new()), with(vec![secret("past", Some(1))])] {
            assert_eq!(outcome(&client, None, "client_id=wiki"), Err(ClientAuthError::SecretMissing));
            assert!(told(&client, "x").is_err() && !client.is_public());
        }
    }

    #[test]
    fn what_was_presented_does_not_print() {
        let parameters = Parameters::parse(b"client_id=wiki&client_secret=hunter2").unwrap();
        assert!(!format!("{:?}", Presented::read(None, &parameters).unwrap()).contains("hunter2"));
    }
}
