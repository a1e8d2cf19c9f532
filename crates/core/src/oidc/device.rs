//! Signing in on a device without a browser (RFC 8628): it shows a code, and the person enters it somewhere else.

use std::{net::IpAddr, sync::Arc};

use serde_json::{Value, json};

use super::{discovery, grant::TokenError, issue};
use crate::{
    http::origin::Origin,
    id::{SessionId, UserId},
    identity::{AuthContext, Identity},
    oauth::{
        client::Client,
        error::ErrorCode,
        grant_type::GrantType,
        parameters::Parameters,
        scope::{Scope, ScopeSet},
    },
    policy::{self, Denial, Permit},
    time::{Lifetime, UnixTime},
    token::{Device, Plain, sha256},
};

/// How long a device waits for its person.
pub const LIFETIME: Lifetime = Lifetime::minutes(15);

/// How long a device waits between two requests, and how much longer after each that came too early.
pub const INTERVAL: Lifetime = Lifetime(5);

/// Letters and digits that nobody takes for one another: 32, so that each is five bits.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Random characters of a code: 35 bits, which the limit of attempts turns into centuries.
const DRAWN: usize = 7;

/// What a person enters: `E` and seven characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserCode(String);

impl UserCode {
    /// The code made of these random bytes.
    pub fn from_random(bytes: [u8; DRAWN]) -> Self {
        let drawn = bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte % 32)));
        Self(std::iter::once(&b'E').chain(drawn).map(|byte| char::from(*byte)).collect())
    }

    /// Reads what somebody entered, in either case, with blanks and dashes anywhere. `None` for what can't be a code.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 64 {
            return None;
        }
        let code: String = text
            .chars()
            .filter(|letter| !letter.is_whitespace() && *letter != '-')
            .map(|letter| letter.to_ascii_uppercase())
            .collect();
        let drawn = code.strip_prefix('E')?;
        let whole = drawn.len() == DRAWN && drawn.bytes().all(|byte| ALPHABET.contains(&byte));
        whole.then_some(Self(code))
    }

    /// In two halves, to be read aloud.
    pub fn shown(&self) -> String {
        let (one, other) = self.0.split_at(self.0.len() / 2);
        format!("{one}-{other}")
    }

    /// What the store keeps, under a key besides: a hash alone could be tried out.
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.0.as_bytes())
    }
}

/// What a device asks for. `client` has proved who it is, or is public.
pub fn request(parameters: &Parameters, client: &Client) -> Result<ScopeSet, TokenError> {
    if !client.may_use(GrantType::DeviceCode) {
        return Err(TokenError::unauthorized_client());
    }
    let scope = ScopeSet::parse(parameters.value("scope").unwrap_or_default());
    if scope.contains(Scope::OpenId) {
        return Ok(scope);
    }
    Err(TokenError::new(ErrorCode::InvalidScope, "scope must contain openid"))
}

/// The JSON of the answer (RFC 8628 section 3.2).
pub fn answer(issuer: &Origin, device: &Plain<Device>, code: &UserCode) -> Value {
    let page = format!("{issuer}{}", discovery::DEVICE);
    json!({
        "device_code": device.expose(),
        "user_code": code.shown(),
        "verification_uri_complete": format!("{page}?code={}", code.shown()),
        "verification_uri": page,
        "expires_in": LIFETIME.0,
        "interval": INTERVAL.0,
    })
}

/// A device that waits.
#[derive(Clone, Copy, Debug)]
pub struct Pending<'a> {
    /// Its client as it is declared now.
    pub client: &'a Client,
    /// What it asked for.
    pub scope: ScopeSet,
    /// When it asked: a sign-in since then is one for it.
    pub asked_at: UnixTime,
}

/// The one thing to do with a person who entered a code.
#[must_use]
#[derive(PartialEq, Eq, Debug)]
pub enum Step {
    /// Let them sign in, then come back.
    SignIn {
        /// There is a session and it is not enough.
        reauthenticate: bool,
    },
    /// Ask; this is what to store if they agree.
    Ask(Box<Approval>),
    /// Tell them that the application is not for them.
    Denied(Denial),
}

/// What a person grants to a device. Only a [`Permit`] leads to one.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Approval {
    /// Who.
    pub user: UserId,
    /// In which portal session.
    pub session: SessionId,
    /// By which proof.
    pub context: AuthContext,
    /// When the last token that descends from it expires.
    pub family_expires_at: UnixTime,
}

/// Decides, in the order: session, sign-in again, policy. What a device gets is always asked about: whoever sends a code
/// to somebody else would otherwise be signed in as them (RFC 8628 section 5.4).
pub fn next_step(
    pending: &Pending<'_>,
    identity: Option<&Arc<Identity>>,
    client: IpAddr,
    now: UnixTime,
) -> Step {
    let Some(identity) = identity.filter(|identity| identity.expires_at > now) else {
        return Step::SignIn { reauthenticate: false };
    };
    if pending.client.reauthenticate && identity.context.auth_time < pending.asked_at {
        return Step::SignIn { reauthenticate: true };
    }
    match policy::admit(&pending.client.policy, identity, client, now) {
        Ok(permit) => approval(&permit, pending, now),
        Err(denial) => Step::Denied(denial),
    }
}

fn approval(permit: &Permit, pending: &Pending<'_>, now: UnixTime) -> Step {
    let Some(identity) = permit.identity() else {
        return Step::SignIn { reauthenticate: false };
    };
    Step::Ask(Box::new(Approval {
        user: identity.subject,
        session: identity.portal_session,
        context: identity.context.clone(),
        family_expires_at: now.after(issue::family(pending.client, pending.scope)),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oidc::fixtures::{HERE, NOW, clients, issuer, parameters, person, token};

    #[test]
    fn e_7_a_code_is_read_as_people_write_it() {
        let code = UserCode::from_random([0, 1, 31, 32, 63, 200, 255]);
        assert_eq!(code.shown(), "EAB9-A9J9");
        for text in ["EAB9A9J9", "eab9-a9j9", " eab9 a9j9\t", "E-A-B-9-A-9-J-9"] {
            assert_eq!(UserCode::parse(text), Some(code.clone()), "{text}");
        }
        let long = "-".repeat(65);
        for text in ["", "E", "AAB9A9J9", "EAB9A9J", "EAB9A9J9A", "EAB9A9J0", "EAB9A9JI", "EAB9A9Jé", &long]
        {
            assert_eq!(UserCode::parse(text), None, "{text}");
        }
        let mut drawn = std::collections::BTreeSet::new();
        for byte in 0..=255 {
            drawn.insert(UserCode::from_random([byte; 7]).shown());
        }
        assert_eq!(drawn.len(), 32, "every character, each as often as the others");
        assert_ne!(code.hash(), UserCode::from_random([1; 7]).hash());
    }

    #[test]
    fn o_16_a_device_asks_for_what_its_client_may_ask() {
        let clients = clients();
        let allowed = Client { grants: vec![GrantType::DeviceCode], ..(*clients[1]).clone() };
        let asked = |client: &Client, scope: &str| {
            let found = request(&parameters("").with("scope", scope), client);
            found.map(|scope| scope.to_string()).map_err(|error| error.code().as_str())
        };
        assert_eq!(asked(&allowed, "openid admin email"), Ok("openid email".to_owned()));
        assert_eq!(asked(&allowed, "email"), Err("invalid_scope"));
        assert_eq!(asked(&clients[1], "openid"), Err("unauthorized_client"));
    }

    #[test]
    fn o_17_a_device_is_decided_like_a_sign_in() {
        let clients = clients();
        let ago = |seconds: i64| UnixTime(NOW.0 - seconds);
        let (member, stranger) = (person(1, &["users"], ago(100)), person(2, &["guests"], ago(100)));
        let strict = Client { reauthenticate: true, ..(*clients[0]).clone() };
        let name = |client: &Client, identity, asked_at, now| {
            let pending = Pending { client, scope: ScopeSet::parse("openid"), asked_at };
            match next_step(&pending, identity, HERE, now) {
                Step::SignIn { reauthenticate } => format!("sign in {reauthenticate}"),
                Step::Ask(approval) => format!("ask {}", approval.family_expires_at.0 - NOW.0),
                Step::Denied(denial) => denial.code().to_owned(),
            }
        };
        let (wiki, month) = (&clients[0], format!("ask {}", 30 * 86_400));
        assert_eq!(name(wiki, None, ago(10), NOW), "sign in false");
        assert_eq!(name(wiki, Some(&member), ago(10), NOW), month);
        assert_eq!(name(wiki, Some(&stranger), ago(10), NOW), "group");
        assert_eq!(name(wiki, Some(&member), ago(10), UnixTime(NOW.0 + 3600)), "sign in false");
        assert_eq!(name(&strict, Some(&member), ago(99), NOW), "sign in true");
        assert_eq!(name(&strict, Some(&member), ago(100), NOW), month);
    }

    #[test]
    fn the_answer_leads_to_our_page() {
        let (device, code) = (token::<Device>(1), UserCode::from_random([0; 7]));
        let answer = answer(&issuer(), &device, &code);
        assert_eq!(answer["verification_uri"], "https://id.example.org/device");
        assert_eq!(answer["verification_uri_complete"], "https://id.example.org/device?code=EAAA-AAAA");
        assert_eq!((&answer["expires_in"], &answer["interval"]), (&json!(900), &json!(5)));
    }
}
