//! What the tests of this module begin with.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use super::{
    authorization::{self, AuthorizationRequest},
    response::Delivery,
};
use crate::{
    http::origin::Origin,
    id::{SessionId, UserId},
    identity::{AuthContext, Identity, IdentityParts},
    jose::Algorithm,
    oauth::{
        client::{
            Client,
            tests::{confidential, public},
        },
        parameters::Parameters,
    },
    time::UnixTime,
    token::{Kind, Plain},
    user::{Profile, Username},
};

pub(crate) const NOW: UnixTime = UnixTime(1_000_000);
/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

pub(crate) fn issuer() -> Origin {
    Origin::parse("https://id.example.org").unwrap()
}

/// `wiki`, which is confidential, and `spa`, which is public; both sign by Ed25519.
pub(crate) fn clients() -> Vec<Arc<Client>> {
    let ed = |client: Client| Arc::new(Client { id_token_alg: Algorithm::EdDsa, ..client });
    vec![ed(confidential("wiki", "s3cret")), ed(public("spa"))]
}

pub(crate) fn user(byte: u8) -> UserId {
    UserId::from_random([byte; 16])
}

/// A person named after the byte, who signed in at `auth_time`.
pub(crate) fn person(byte: u8, groups: &[&str], auth_time: UnixTime) -> Arc<Identity> {
    let session = SessionId::from_random([byte; 16]);
    Arc::new(Identity::new(IdentityParts {
        subject: user(byte),
        profile: Profile {
            first_name: "Ada".to_owned(),
            last_name: "Lovelace".to_owned(),
            email: Some("ada@example.org".to_owned()),
            ..Profile::new(Username::parse("ada").unwrap(), "Ada Lovelace".to_owned())
        },
        groups: groups.iter().map(|group| (*group).to_owned()).collect::<BTreeSet<_>>(),
        context: AuthContext { auth_time, amr: vec!["user".to_owned(), "hwk".to_owned()] },
        session,
        portal_session: session,
        expires_at: UnixTime(NOW.0 + 3600),
    }))
}

pub(crate) fn parameters(text: &str) -> Parameters {
    Parameters::parse(text.as_bytes()).unwrap()
}

/// A request of `wiki` that is complete, with `changes` in place of what they name; an empty value is as good as none.
pub(crate) fn wiki(changes: &str) -> Parameters {
    let complete = parameters(&format!(
        "client_id=wiki&redirect_uri=https%3A%2F%2Fwiki.test%2Fcallback&response_type=code&scope=openid+email\
         &state=s+1&nonce=n&code_challenge={CHALLENGE}&code_challenge_method=S256"
    ));
    let pairs = changes.split('&').filter_map(|pair| pair.split_once('='));
    pairs.fold(complete, |request, (name, value)| {
        let value =
            url::form_urlencoded::parse(format!("v={value}").as_bytes()).next().unwrap().1.into_owned();
        request.with(name, &value)
    })
}

pub(crate) fn request(changes: &str) -> AuthorizationRequest {
    authorization::parse(&wiki(changes), &clients()).unwrap()
}

pub(crate) fn token<K: Kind>(byte: u8) -> Plain<K> {
    Plain::from_random([byte; 32])
}

/// A response in one line.
pub(crate) fn sent(delivery: &Delivery) -> String {
    match delivery {
        Delivery::Location(location) => location.clone(),
        Delivery::Form { action, fields } => format!("POST {action} {fields:?}"),
    }
}
