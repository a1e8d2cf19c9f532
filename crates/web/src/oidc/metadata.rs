//! What we publish about ourselves.

use axum::{extract::State, response::Response};
use doorward_core::{
    oidc::{
        discovery,
        webfinger::{self, WebFingerError},
    },
    time::Lifetime,
};
use http::{HeaderValue, header};
use serde_json::Value;

use crate::{
    extract::{Env, Query},
    refusal::Refusal,
    reply,
};

/// `GET /.well-known/openid-configuration` and `GET /.well-known/oauth-authorization-server`.
pub(crate) async fn configuration(State(environment): Env) -> Response {
    let document = discovery::document(&environment.config().portal.origin, &environment.keys());
    cached(&document, Lifetime::hours(1))
}

/// `GET /.well-known/jwks.json`.
pub(crate) async fn keys(State(environment): Env) -> Response {
    cached(&environment.keys().key_set(), discovery::KEY_SET_AGE)
}

/// `GET /.well-known/webfinger`.
pub(crate) async fn webfinger(
    State(environment): Env,
    Query(parameters): Query,
) -> Result<Response, Refusal> {
    let config = environment.config();
    match webfinger::answer(&parameters, &config.portal.origin, &config.domain) {
        Ok(answer) => Ok(reply::with_type("application/jrd+json", answer.to_string())),
        Err(WebFingerError::Elsewhere) => Err(Refusal::not_found()),
        Err(WebFingerError::Malformed) => {
            Err(Refusal::bad_request("The resource is missing, or it can't be read."))
        }
    }
}

fn cached(document: &Value, age: Lifetime) -> Response {
    let mut response = reply::json(document);
    let age = HeaderValue::from_str(&format!("public, max-age={}", age.0));
    response.headers_mut().insert(header::CACHE_CONTROL, age.unwrap_or(HeaderValue::from_static("no-store")));
    response
}
