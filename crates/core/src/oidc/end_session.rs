//! Signing out at a client's request (OpenID Connect RP-Initiated Logout section 2).

use std::sync::Arc;

use super::{hint::Hint, response::append};
use crate::{
    http::origin::Origin,
    identity::Identity,
    jose::key_ring::KeyRing,
    oauth::{client::Client, parameters::Parameters},
};

/// What is known besides the parameters.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Us.
    pub issuer: &'a Origin,
    /// Our keys.
    pub keys: &'a KeyRing,
    /// The client of [`client_of`], if there is one.
    pub clients: &'a [Arc<Client>],
    /// The person of the portal session, if a live one came with the request.
    pub identity: Option<&'a Identity>,
    /// Whether the person agreed on our own page: a POST whose origin is ours.
    pub confirmed: bool,
}

/// What to do.
#[must_use]
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EndSession {
    /// Ask the person: nothing proves that it was not another site that sent them here.
    Confirm,
    /// End the session that came with the request, if one did, and go there.
    End(Destination),
}

/// Where a person goes after signing out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Destination {
    /// Our own page.
    SignedOut,
    /// A registered URI of the client, with its `state`.
    Client(String),
}

/// The client that a request speaks of: the one that it names, or the one that its hint was given to.
pub fn client_of(parameters: &Parameters, issuer: &Origin, keys: &KeyRing) -> Option<String> {
    let named = parameters.value("client_id").map(str::to_owned);
    named.or_else(|| {
        let hint = Hint::verify(parameters.value("id_token_hint")?, issuer, keys)?;
        hint.client_id().map(str::to_owned)
    })
}

/// Decides. A `post_logout_redirect_uri` counts only if it is registered for the client that the hint or `client_id`
/// names; anything else leads to our own page, never to an error that redirects.
pub fn decide(parameters: &Parameters, situation: &Situation<'_>) -> EndSession {
    let hint = parameters
        .value("id_token_hint")
        .and_then(|token| Hint::verify(token, situation.issuer, situation.keys));
    let client = find_client(parameters, hint.as_ref(), situation.clients);
    // A hint is good for the person who is signed in here and for the client that it was given to.
    let vouches = |identity: &Identity| {
        client.is_some() && hint.as_ref().is_some_and(|hint| hint.subject() == identity.subject)
    };
    match situation.identity {
        Some(identity) if !situation.confirmed && !vouches(identity) => EndSession::Confirm,
        _ => EndSession::End(destination(parameters, client)),
    }
}

/// The client that the hint was given to, which `client_id` must name too if it is there; without a hint, the client
/// of `client_id`.
fn find_client<'a>(
    parameters: &Parameters,
    hint: Option<&Hint>,
    clients: &'a [Arc<Client>],
) -> Option<&'a Client> {
    let client_id = parameters.value("client_id");
    let named = |client: &&Arc<Client>| match (client_id, hint) {
        (None, None) => false,
        (Some(client_id), None) => client.client_id == client_id,
        (None, Some(hint)) => hint.is_for(&client.client_id),
        (Some(client_id), Some(hint)) => client.client_id == client_id && hint.is_for(client_id),
    };
    clients.iter().find(named).map(|client| &**client)
}

fn destination(parameters: &Parameters, client: Option<&Client>) -> Destination {
    let requested = parameters.value("post_logout_redirect_uri");
    let fits = |uri: &&str| client.is_some_and(|client| client.post_logout.allow(uri));
    let Some(uri) = requested.filter(fits) else {
        return Destination::SignedOut;
    };
    let state: Vec<_> = parameters.value("state").map(|state| ("state", state)).into_iter().collect();
    Destination::Client(append(uri, &state))
}

#[cfg(test)]
mod tests;
