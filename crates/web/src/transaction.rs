//! Signing in to a service: what its host remembers in a sealed cookie until the browser comes back from the identity
//! host. Nothing is stored, so starting one is free for us however often it is done.

use axum::{extract::State, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    http::{context::RequestContext, cookie, host::Host, return_path::ReturnPath},
    oauth::parameters::Parameters,
    return_to::ReturnTo,
    service::Service,
    time::{Lifetime, UnixTime},
    token::sha256,
};
use http::{HeaderMap, HeaderValue, request::Parts};
use serde::{Deserialize, Serialize};

use crate::{
    environment::Environment,
    extract::{AtService, Context, Env, Query},
    reply,
};

/// Where a service's host begins a sign-in.
pub(crate) const SIGN_IN: &str = "/.doorward/sign-in";
/// How old a sign-in may be, in seconds: the parameter of that name in an authorization request.
const MAX_AGE: &str = "max_age";
/// How long a person may take.
const LIFETIME: Lifetime = Lifetime::minutes(10);
/// Characters of a transaction's identifier.
pub(crate) const ID_LENGTH: usize = 8;

/// A transaction that the browser brought back.
#[derive(Serialize, Deserialize)]
pub(crate) struct Transaction {
    nonce: [u8; 32],
    path: String,
    expires_at: i64,
}

impl Transaction {
    /// What the identity host was told of the nonce.
    pub(crate) fn challenge(&self) -> [u8; 32] {
        sha256(&self.nonce)
    }

    /// The page that the person wanted.
    pub(crate) fn return_path(&self) -> ReturnPath {
        ReturnPath::parse(&self.path)
    }
}

/// Whether `id` could be a transaction's identifier.
pub(crate) fn is_id(id: &str) -> bool {
    id.len() == ID_LENGTH
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The cookie's name.
pub(crate) fn cookie_name(id: &str) -> String {
    format!("{}{id}", cookie::LOGIN_PREFIX)
}

/// What a person wanted from a service.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The page, to come back to.
    pub(crate) path: &'a str,
    /// The longest time since a passkey was used; `None` for any.
    pub(crate) max_age: Option<Lifetime>,
}

impl<'a> Wanted<'a> {
    /// The path and query of a request.
    pub(crate) fn path_of(head: &'a Parts) -> &'a str {
        head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)
    }
}

/// Begins a transaction on the service's host: the path of the handoff on the identity host, and the cookie line.
pub(crate) fn begin(
    environment: &Environment,
    (service, wanted): (&Service, Wanted<'_>),
    context: &RequestContext,
) -> (String, Option<HeaderValue>) {
    let id = URL_SAFE_NO_PAD.encode(environment.draw::<6>());
    let transaction = Transaction {
        nonce: environment.draw(),
        path: ReturnPath::parse(wanted.path).as_str().to_owned(),
        expires_at: context.now.after(LIFETIME).0,
    };
    let plain = serde_json::to_vec(&transaction).unwrap_or_default();
    let sealed = environment.transactions.seal(environment.draw(), &binding(context, &id), &plain);
    let line = cookie::set(&cookie_name(&id), &URL_SAFE_NO_PAD.encode(sealed), Some(LIFETIME));
    let query = query((service, &context.host), (&id, &transaction.challenge()), wanted.max_age);
    (ReturnTo::Handoff(query).to_path(), line)
}

/// What the identity host is asked.
pub(crate) fn query(
    (service, host): (&Service, &Host),
    (id, challenge): (&str, &[u8; 32]),
    max_age: Option<Lifetime>,
) -> String {
    let query = Parameters::default()
        .with("service", &service.name)
        .with("host", host.as_str())
        .with("tx", id)
        .with("challenge", &URL_SAFE_NO_PAD.encode(challenge));
    let query = match max_age {
        Some(Lifetime(seconds)) => query.with(MAX_AGE, &seconds.to_string()),
        None => query,
    };
    query.to_query()
}

/// How old a sign-in may be, if the query says so. Who leaves it out comes back with a session that the service refuses.
pub(crate) fn max_age(query: &Parameters) -> Option<Lifetime> {
    query.value(MAX_AGE)?.parse().ok().map(Lifetime)
}

/// Where a service's host begins a sign-in, perhaps one with a fresh passkey.
pub(crate) fn sign_in_path(max_age: Option<Lifetime>) -> String {
    match max_age {
        Some(Lifetime(seconds)) => format!("{SIGN_IN}?{MAX_AGE}={seconds}"),
        None => SIGN_IN.to_owned(),
    }
}

/// The transaction of this identifier, if the browser has it, it was begun on this host, and it is not too old.
pub(crate) fn open(
    environment: &Environment,
    headers: &HeaderMap,
    id: &str,
    context: &RequestContext,
) -> Option<Transaction> {
    let value = cookie::find(headers, &cookie_name(id)).ok().flatten()?;
    let sealed = URL_SAFE_NO_PAD.decode(value).ok()?;
    let plain = environment.transactions.open(&binding(context, id), &sealed)?;
    let transaction: Transaction = serde_json::from_slice(&plain).ok()?;
    (context.now < UnixTime(transaction.expires_at)).then_some(transaction)
}

/// A sealed cookie opens only on the host and under the name that it was made for.
fn binding(context: &RequestContext, id: &str) -> Vec<u8> {
    format!("{} {id}", context.host).into_bytes()
}

/// Begins a transaction for a request that needs a session, and sends the browser to the identity host.
pub(crate) fn begin_from(
    environment: &Environment,
    (service, wanted): (&Service, Wanted<'_>),
    headers: &HeaderMap,
    context: &RequestContext,
) -> Response {
    let (handoff, line) = begin(environment, (service, wanted), context);
    let mut response = reply::see_other(&format!("{}{handoff}", environment.config().portal.origin));
    reply::add_cookie(&mut response, line);
    // One more was set: what a browser holds stays bounded. Browsers send the oldest first (RFC 6265 section 5.4).
    let surplus = (cookie::logins(headers).count() + 1).saturating_sub(cookie::LOGINS_MAX);
    for id in cookie::logins(headers).take(surplus.min(64)) {
        reply::add_cookie(&mut response, cookie::expire(&cookie_name(id)));
    }
    response
}

/// `GET /.doorward/sign-in`: for links in pages that scripts show after a 401.
pub(crate) async fn start(
    State(environment): Env,
    Context(context): Context,
    AtService(service): AtService,
    Query(query): Query,
    headers: HeaderMap,
) -> Response {
    let wanted = Wanted { path: query.value("return_to").unwrap_or("/"), max_age: max_age(&query) };
    begin_from(&environment, (&service, wanted), &headers, &context)
}
