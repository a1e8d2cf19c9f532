//! What clients learn about a person (OpenID Connect Core sections 2 and 5).

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::claim_rule;
use crate::{
    http::origin::Origin,
    identity::Identity,
    jose::Algorithm,
    oauth::{
        client::Client,
        scope::{Scope, ScopeSet},
    },
    time::UnixTime,
    token::{Access, Plain},
};

/// Every claim that we may send.
pub const SUPPORTED: [&str; 20] = [
    "iss",
    "sub",
    "aud",
    "azp",
    "exp",
    "iat",
    "auth_time",
    "nonce",
    "amr",
    "acr",
    "at_hash",
    "sid",
    "given_name",
    "family_name",
    "name",
    "display_name",
    "preferred_username",
    "email",
    "email_verified",
    "groups",
];

/// The authentication context class of a passkey: phishing-resistant (OpenID Connect Extended Authentication Profile
/// ACR Values 1.0 section 1).
pub const PHISHING_RESISTANT: &str = "phr";

/// An ID token to be.
#[derive(Clone, Copy, Debug)]
pub struct IdToken<'a> {
    /// Us.
    pub issuer: &'a Origin,
    /// For whom.
    pub client: &'a Client,
    /// About whom.
    pub identity: &'a Identity,
    /// What was granted.
    pub scope: ScopeSet,
    /// The nonce of the authorization request; `None` on refresh (OpenID Connect Core section 12.2).
    pub nonce: Option<&'a str>,
    /// The access token that comes along.
    pub access_token: &'a Plain<Access>,
    /// When.
    pub now: UnixTime,
}

impl IdToken<'_> {
    /// Its claims. The claims of the scopes are in it as well as in userinfo: applications look in either place.
    pub fn claims(&self) -> Map<String, Value> {
        let context = &self.identity.context;
        let mut claims = of_person(self.client, self.identity, self.scope);
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", json!(self.issuer.as_str()));
        set("aud", json!(self.client.client_id));
        set("azp", json!(self.client.client_id));
        set("iat", json!(self.now.0));
        set("exp", json!(self.now.after(self.client.lifetimes.id).0));
        set("auth_time", json!(context.auth_time.0));
        set("amr", json!(context.amr));
        set("sid", json!(self.identity.portal_session.as_str()));
        set("at_hash", json!(at_hash(self.client.id_token_alg, self.access_token)));
        if context.is_phishing_resistant() {
            set("acr", json!(PHISHING_RESISTANT));
        }
        if let Some(nonce) = self.nonce {
            set("nonce", json!(nonce));
        }
        claims
    }
}

/// The claims of these scopes, with `sub`: the answer of the userinfo endpoint (OpenID Connect Core sections 5.3.2 and
/// 5.4). What administrators added comes with `profile`, and never in the place of what we say ourselves.
///
/// The client's own rules come last, and can't write what a token proves.
pub fn of_person(client: &Client, identity: &Identity, scope: ScopeSet) -> Map<String, Value> {
    claim_rule::apply(&client.claims, &granted(identity, scope))
}

fn granted(identity: &Identity, scope: ScopeSet) -> Map<String, Value> {
    let mut claims = Map::new();
    let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    set("sub", json!(identity.subject.as_str()));
    if scope.contains(Scope::Profile) {
        let profile = &identity.profile;
        for (key, value) in identity.custom_claims.iter().flat_map(|claims| claims.iter()) {
            set(key, value.clone());
        }
        for (key, part) in [("given_name", &profile.first_name), ("family_name", &profile.last_name)] {
            if !part.is_empty() {
                set(key, json!(part));
            }
        }
        set("name", json!(profile.full_name()));
        set("display_name", json!(profile.display_name));
        set("preferred_username", json!(profile.username.as_str()));
    }
    if let Some(email) = identity.profile.email.as_deref().filter(|_| scope.contains(Scope::Email)) {
        set("email", json!(email));
        set("email_verified", json!(identity.profile.email_verified));
    }
    if scope.contains(Scope::Groups) {
        set("groups", json!(identity.groups.iter().collect::<Vec<_>>()));
    }
    claims
}

/// The left half of the access token's hash (OpenID Connect Core section 3.1.3.6), by the hash of the algorithm:
/// Ed25519 has SHA-512 in it.
fn at_hash(algorithm: Algorithm, access_token: &Plain<Access>) -> String {
    let digest = digest::digest(algorithm.hash(), access_token.expose().as_bytes());
    let (left, _) = digest.as_ref().split_at(digest.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}

#[cfg(test)]
mod tests;
