//! What we publish about ourselves.

use axum::{extract::State, response::Response};
use doorward_core::{oidc::discovery, time::Lifetime};
use http::{HeaderValue, header};
use serde_json::Value;

use crate::{extract::Env, reply};

/// `GET /.well-known/openid-configuration` and `GET /.well-known/oauth-authorization-server`.
pub(crate) async fn configuration(State(environment): Env) -> Response {
    let document = discovery::document(&environment.config().portal.origin, &environment.keys());
    cached(&document, Lifetime::hours(1))
}

/// `GET /.well-known/jwks.json`.
pub(crate) async fn keys(State(environment): Env) -> Response {
    cached(&environment.keys().key_set(), discovery::KEY_SET_AGE)
}

fn cached(document: &Value, age: Lifetime) -> Response {
    let mut response = reply::json(document);
    let age = HeaderValue::from_str(&format!("public, max-age={}", age.0));
    response.headers_mut().insert(header::CACHE_CONTROL, age.unwrap_or(HeaderValue::from_static("no-store")));
    response
}
