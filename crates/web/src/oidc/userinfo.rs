//! The userinfo endpoint (OpenID Connect Core section 5.3).

use axum::{extract::State, response::Response};
use doorward_core::{
    http::context::RequestContext,
    oauth::parameters::Parameters,
    oidc::userinfo::{self, BearerError},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use super::{Grant, unavailable};
use crate::{
    environment::Environment,
    extract::{Context, Env, Form},
    reply,
};

/// `GET /api/oidc/userinfo`.
pub(crate) async fn get(State(environment): Env, Context(context): Context, headers: HeaderMap) -> Response {
    respond(&environment, &context, &headers, None).await
}

/// `POST /api/oidc/userinfo`: the token in the header, or in a form.
pub(crate) async fn post(
    State(environment): Env,
    Context(context): Context,
    headers: HeaderMap,
    form: Result<Form, crate::refusal::Refusal>,
) -> Response {
    let form = form.ok().map(|Form(parameters)| parameters);
    respond(&environment, &context, &headers, form.as_ref()).await
}

async fn respond(
    environment: &Environment,
    context: &RequestContext,
    headers: &HeaderMap,
    form: Option<&Parameters>,
) -> Response {
    let authorization = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let token = match userinfo::read_bearer(authorization, form) {
        Ok(token) => token,
        Err(error) => return refuse(error),
    };
    let grant = match environment.store.access_token(token.hash(), context.now).await {
        Ok(Some(grant)) => Grant::new(grant),
        Ok(None) => return refuse(BearerError::Invalid),
        Err(error) => return unavailable(error),
    };
    let client = match environment.client(&grant.client_id).await {
        Ok(client) => client,
        Err(error) => return unavailable(error),
    };
    match userinfo::answer(&grant.granted(), client.as_deref(), context.now) {
        Ok(claims) => reply::json(&Value::Object(claims)),
        Err(error) => refuse(error),
    }
}

fn refuse(error: BearerError) -> Response {
    let mut response = reply::json(&error.body());
    *response.status_mut() = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    let challenge = HeaderValue::from_static(error.www_authenticate());
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}
