//! The userinfo endpoint (OpenID Connect Core section 5.3).

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use doorward_core::{
    http::context::RequestContext,
    oauth::{client::Client, parameters::Parameters},
    oidc::userinfo::{self, BearerError},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

use super::{Grant, unavailable};
use crate::{
    environment::Environment,
    extract::{Context, Env, Form},
    refusal::Refusal,
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
    form: Result<Form, Refusal>,
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
        Ok(claims) => show(environment, client.as_deref(), claims),
        Err(error) => refuse(error),
    }
}

/// As the client asked for it in its registration: JSON, or a signed token.
fn show(environment: &Environment, client: Option<&Client>, claims: Map<String, Value>) -> Response {
    let signed = client.and_then(|client| client.userinfo_alg.map(|algorithm| (client, algorithm)));
    let Some(signed) = signed else {
        return reply::json(&Value::Object(claims));
    };
    let issuer = &environment.config().portal.origin;
    match userinfo::sign(claims, signed, issuer, &environment.keys()) {
        Some(token) => reply::with_type("application/jwt", token),
        None => {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "Something is wrong on our side.")
                .because("there is no key for the algorithm of userinfo")
                .into_response()
        }
    }
}

fn refuse(error: BearerError) -> Response {
    let mut response = reply::json(&error.body());
    *response.status_mut() = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::UNAUTHORIZED);
    let challenge = HeaderValue::from_static(error.www_authenticate());
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}
