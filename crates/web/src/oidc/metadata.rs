//! What we publish about ourselves.

use axum::{extract::State, response::Response};
use doorward_core::oidc::discovery;
use http::{HeaderValue, header};
use serde_json::Value;

use crate::{extract::Env, reply};

/// `GET /.well-known/openid-configuration` and `GET /.well-known/oauth-authorization-server`.
pub(crate) async fn configuration(State(environment): Env) -> Response {
    cached(&discovery::document(&environment.config().portal.origin, &environment.keys))
}

/// `GET /.well-known/jwks.json`.
pub(crate) async fn keys(State(environment): Env) -> Response {
    cached(&environment.keys.key_set())
}

fn cached(document: &Value) -> Response {
    let mut response = reply::json(document);
    let hour = HeaderValue::from_static("public, max-age=3600");
    response.headers_mut().insert(header::CACHE_CONTROL, hour);
    response
}
