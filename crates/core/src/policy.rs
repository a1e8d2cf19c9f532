//! The decision point: may this request pass, may this person use this client?
//!
//! `decide` is the only maker of [`Permit`], and both enforcement points, the proxy and `/authorize`, take a
//! `Permit` by value. Absence never grants: no group list, no session and no match each end in a refusal.

mod basic;
mod bearer;
mod decide;
mod explain;
mod key;
mod near;
mod quarantine;
mod rule;
mod scope;

use std::{fmt, net::IpAddr, sync::Arc};

use ::http::{HeaderName, Method};
use ipnet::IpNet;

pub use basic::{Credentials, Realm, VerifiedUser};
pub use bearer::{Bearer, Presented, TokenProblem, decide_by_token, presented, strip_presented};
use decide::within;
pub use decide::{admit, admit_person, decide};
pub use explain::{describe, explain};
pub use key::{KEY_MIN, Key, KeyProblem, PresentedKey, check_key, presented_keys, strip_keys};
pub use near::{NearMiss, Part, detail, near_misses};
pub use quarantine::Quarantine;
pub use rule::{Effect, Rule};
pub use scope::{Miss, PathRegex, Paths, Scope};

use crate::{
    http::fetch::FetchMetadata,
    id::PersonalTokenId,
    identity::Identity,
    time::{Lifetime, UnixTime},
};

/// A named rule about people: whom it lets in, from where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The name that services and clients refer to.
    pub name: String,
    /// Whom it lets in.
    pub allow: Allow,
    /// Networks to come from; `None` for anywhere. An empty list is nowhere.
    pub networks: Option<Vec<IpNet>>,
}

/// Whom a policy lets in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Allow {
    /// Everybody who is signed in. Written down as `anyone = true`, never implied.
    Anyone,
    /// Members of at least one of these groups. An empty list is nobody.
    AnyOf(Vec<String>),
}

/// What stands in front of a service or a client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guard {
    /// What is demanded of a request that no bypass lets through.
    pub posture: Posture,
    /// Networks that may reach the service at all; `None` for any.
    pub networks: Option<Vec<IpNet>>,
    /// What holds for some requests in place of the posture's policy. The first that is about a request counts.
    pub rules: Vec<Rule>,
    /// What programs present in place of a session.
    pub keys: Vec<Key>,
    /// Requests that pass without a session.
    pub bypass: Vec<Scope>,
    /// Whether unsafe requests and WebSockets from other origins are refused when a session carries them.
    pub csrf_shield: bool,
    /// Whether tokens that people made for this service stand in the place of a session.
    pub tokens: bool,
}

impl Guard {
    /// A posture with nothing besides, and the shield up.
    pub const fn new(posture: Posture) -> Self {
        Self {
            posture,
            networks: None,
            rules: Vec::new(),
            keys: Vec::new(),
            bypass: Vec::new(),
            csrf_shield: true,
            tokens: false,
        }
    }
}

/// What a service demands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Posture {
    /// A session whose person the policy lets in.
    Sso(Arc<Policy>),
    /// A name and a password of a file.
    Basic(Arc<Realm>),
    /// Nothing: the service is for everybody. Written down, never a default.
    Public,
    /// Nothing here: the application signs people in through our OpenID provider.
    NativeOidc,
    /// Nothing here: the application has its own accounts.
    AppLogin,
    /// Nothing: everybody is sent elsewhere.
    Redirect,
    /// The declaration can't be enforced as it is written; everything is refused until it can.
    Quarantined(Quarantine),
}

impl Posture {
    /// Whether it asks who somebody is, so that something can be said about them.
    const fn asks_who(&self) -> bool {
        matches!(self, Self::Sso(_) | Self::Quarantined(_))
    }

    /// The word that the configuration uses.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Sso(_) => "sso",
            Self::Basic(_) => "basic",
            Self::Public => "public",
            Self::NativeOidc => "native-oidc",
            Self::AppLogin => "app-login",
            Self::Redirect => "redirect",
            Self::Quarantined(_) => "quarantined",
        }
    }
}

/// Everything about a request that a decision may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    /// The request method.
    pub method: &'a Method,
    /// The canonical path, which is also the one that would be forwarded.
    pub path: &'a str,
    /// The effective client address.
    pub client: IpAddr,
    /// The signed-in person, if a live session came with the request.
    pub identity: Option<&'a Arc<Identity>>,
    /// What the request presents in place of a session.
    pub credentials: Credential<'a>,
    /// What the browser says about where the request comes from.
    pub fetch: FetchMetadata,
    /// The time of the request.
    pub now: UnixTime,
}

/// What a request presents in place of a session. The default is nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Credential<'a> {
    /// What is in the headers of the service's keys.
    pub keys: &'a [PresentedKey],
    /// Who signed in by name and password.
    pub user: Option<&'a Arc<VerifiedUser>>,
}

/// Proof that the policy allowed one request. Only [`decide()`], [`admit`] and [`admit_person`] make one.
#[must_use]
#[derive(Debug)]
pub struct Permit {
    identity: Option<Arc<Identity>>,
    user: Option<Arc<VerifiedUser>>,
    grounds: Grounds,
}

impl Permit {
    /// The person on whose session the permission rests; `None` when it rests on no person.
    pub fn identity(&self) -> Option<&Arc<Identity>> {
        self.identity.as_ref()
    }

    /// Who signed in by name and password, if the permission rests on that.
    pub fn user(&self) -> Option<&Arc<VerifiedUser>> {
        self.user.as_ref()
    }

    /// Why the request may pass.
    pub const fn grounds(&self) -> &Grounds {
        &self.grounds
    }
}

/// Why a request may pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Grounds {
    /// The policy lets this person in.
    Session,
    /// A bypass rule opens this path for this network and method; its index in the declaration.
    Bypass(usize),
    /// A key of this name opens this request.
    Key(Arc<str>),
    /// A name and its password.
    Basic,
    /// The service demands nothing here.
    Open,
    /// The policy lets in the person who made this token, and the token is good for this.
    Token(PersonalTokenId),
}

impl fmt::Display for Grounds {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session => formatter.write_str("session"),
            Self::Bypass(index) => write!(formatter, "bypass[{index}]"),
            Self::Key(name) => write!(formatter, "key:{name}"),
            Self::Basic => formatter.write_str("basic"),
            Self::Open => formatter.write_str("open"),
            Self::Token(id) => write!(formatter, "token:{id}"),
        }
    }
}

/// The answer.
#[must_use]
#[derive(Debug)]
pub enum Decision {
    /// Forward it.
    Permit(Permit),
    /// The person must do something first.
    Demand(Demand),
    /// Refuse it.
    Deny(Denial),
}

/// What the person must do first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Demand {
    /// Sign in.
    SignIn,
    /// Use a passkey again: the last time is longer ago than this.
    StepUp(Lifetime),
    /// Say name and password (RFC 7617).
    Password,
}

impl Demand {
    /// A stable word for logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SignIn => "no_session",
            Self::StepUp(_) => "step_up",
            Self::Password => "no_password",
        }
    }
}

/// Why a request is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Denial {
    /// The client address is outside the networks that may reach the service.
    ServiceNetwork,
    /// The client address is outside the networks of this policy.
    PolicyNetwork {
        /// Name of the policy.
        policy: String,
    },
    /// The person is in none of the groups that the policy names.
    Group {
        /// Name of the policy.
        policy: String,
        /// The groups, one of which would do.
        any_of: Vec<String>,
    },
    /// A rule closes this to everybody.
    Rule {
        /// Its index in the declaration.
        index: usize,
    },
    /// What was presented as a key does not open this.
    Key {
        /// The header that carried it.
        header: HeaderName,
        /// The key's name, if it is one.
        name: Option<Arc<str>>,
        /// Why not.
        problem: KeyProblem,
    },
    /// An unsafe request or a WebSocket that another origin started.
    CrossOrigin,
    /// The session ended before the request.
    Expired,
    /// The service is closed: its declaration can't be enforced.
    Quarantined {
        /// The identifier of the reason.
        id: &'static str,
    },
    /// A token that does not open this.
    Token(TokenProblem),
}

impl Denial {
    /// A stable word for logs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ServiceNetwork => "service_network",
            Self::PolicyNetwork { .. } => "policy_network",
            Self::Group { .. } => "group",
            Self::Rule { .. } => "rule",
            Self::Key { problem, .. } => match problem {
                KeyProblem::Unknown => "key_unknown",
                KeyProblem::Scope(Miss::Path) => "key_path",
                KeyProblem::Scope(Miss::Network) => "key_network",
                KeyProblem::Scope(Miss::Method) => "key_method",
                KeyProblem::Scope(Miss::Expired) => "key_expired",
            },
            Self::CrossOrigin => "cross_origin",
            Self::Expired => "expired",
            Self::Quarantined { id } => id,
            Self::Token(problem) => problem.code(),
        }
    }
}

#[cfg(test)]
mod tests;
