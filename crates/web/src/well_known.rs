//! Documents at addresses that others expect.

use axum::{extract::State, response::Response};
use http::{HeaderValue, header};
use serde_json::json;

use crate::{extract::Env, refusal::Refusal, reply};

/// `GET /.well-known/passkey-endpoints`: where providers send people to make and manage passkeys.
pub(crate) async fn passkey_endpoints(State(environment): Env) -> Response {
    let page = format!("{}/account/passkeys", environment.config().portal.origin);
    reply::json(&json!({ "enroll": page, "manage": page }))
}

/// `GET /.well-known/webauthn` (Web Authentication Level 3 section 5.11.1), where related origins are declared.
pub(crate) async fn webauthn(State(environment): Env) -> Result<Response, Refusal> {
    let config = environment.config();
    let portal = &config.portal;
    if portal.related_origins.is_empty() {
        return Err(Refusal::not_found());
    }
    let origins: Vec<_> =
        std::iter::once(&portal.origin).chain(&portal.related_origins).map(ToString::to_string).collect();
    Ok(reply::json(&json!({ "origins": origins })))
}

/// `GET /robots.txt`: nothing here is for search engines.
pub(crate) async fn robots() -> Response {
    let mut response = reply::with_type("text/plain; charset=utf-8", "User-agent: *\nDisallow: /\n");
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=86400"));
    response
}

/// `GET /healthz`: whether the database answers.
pub(crate) async fn health(State(environment): Env) -> Result<Response, Refusal> {
    environment.store.setup_is_closed().await?;
    Ok(reply::json(&json!({ "status": "ok" })))
}
