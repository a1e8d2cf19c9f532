//! What we vouch for towards one service: a signed statement about the person, in `X-Doorward-Assertion`.
//!
//! A header is believed because of who can send it; a statement because of its signature. It is for one service
//! (`aud`), for a few minutes (`exp`), and of a type of its own (`typ`), so that neither an ID token nor the statement
//! for another service can take its place.

use ::http::{HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use crate::{
    http::origin::Origin,
    identity::Identity,
    jose::{Signer, SigningFailed, jws},
    service::Service,
    time::{Lifetime, UnixTime},
};

/// The header that carries it.
pub const HEADER: HeaderName = HeaderName::from_static("x-doorward-assertion");

/// Its type (RFC 8725 section 3.11).
pub const TYPE: &str = "doorward-assertion+jwt";

/// How long it is valid. It is renewed when half of that is over, so that an application always receives one that is good
/// for a while.
pub const LIFETIME: Lifetime = Lifetime::minutes(5);

/// What is to be stated.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    /// Us.
    pub issuer: &'a Origin,
    /// For whom: the origin of the service's first host, whichever of its hosts was asked.
    pub audience: &'a Origin,
    /// The service, for its roles.
    pub service: &'a Service,
    /// About whom.
    pub person: &'a Identity,
    /// When.
    pub now: UnixTime,
}

impl Statement<'_> {
    /// Its claims (RFC 7519 section 4.1, OpenID Connect Core section 5.1).
    pub fn claims(&self) -> Map<String, Value> {
        let person = self.person;
        let roles: Vec<&str> = self.service.disclosure.roles_of(person).collect();
        let mut claims = Map::new();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", json!(self.issuer.as_str()));
        set("aud", json!(self.audience.as_str()));
        set("sub", json!(person.subject.as_str()));
        set("iat", json!(self.now.0));
        set("exp", json!(self.expires_at().0));
        set("preferred_username", json!(person.profile.username.as_str()));
        set("name", json!(person.profile.display_name));
        if let Some(email) = &person.profile.email {
            set("email", json!(email));
        }
        set("groups", json!(&*person.groups));
        set("roles", json!(roles));
        // A token of a program proves nothing about the person's presence.
        if !person.context.amr.is_empty() {
            set("amr", json!(person.context.amr));
            set("auth_time", json!(person.context.auth_time.0));
        }
        set("sid", json!(person.portal_session.as_str()));
        claims
    }

    /// It does not outlive the session.
    fn expires_at(&self) -> UnixTime {
        self.now.after(LIFETIME).min(self.person.expires_at)
    }
}

/// A signed statement, ready to send.
#[derive(Clone, Debug)]
pub struct Assertion {
    value: HeaderValue,
    signed_at: UnixTime,
    fresh_until: UnixTime,
}

impl Assertion {
    /// Signs.
    ///
    /// # Errors
    /// The cryptographic library refused, or what it made can't stand in a header.
    pub fn sign(statement: &Statement<'_>, signer: &dyn Signer) -> Result<Self, SigningFailed> {
        let token = jws::sign_as(TYPE, signer, &statement.claims())?;
        let mut value = HeaderValue::try_from(token).map_err(|_| SigningFailed)?;
        // Whoever reads it can be the person for this service: it does not show in logs.
        value.set_sensitive(true);
        let half = statement.expires_at().since(statement.now) / 2;
        let fresh_until = UnixTime(statement.now.0.saturating_add(half));
        Ok(Self { value, signed_at: statement.now, fresh_until })
    }

    /// The header's value.
    pub const fn value(&self) -> &HeaderValue {
        &self.value
    }

    /// Whether it can still be sent at `now`.
    pub fn is_fresh(&self, now: UnixTime) -> bool {
        self.signed_at <= now && now < self.fresh_until
    }
}

#[cfg(test)]
mod tests;
