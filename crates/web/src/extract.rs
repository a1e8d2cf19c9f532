//! What handlers take from a request. Everything is bounded, and a parameter that came twice is refused.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Request},
};
use doorward_core::{http::context::RequestContext, oauth::parameters::Parameters, service::Service};
use http::{HeaderMap, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, Limited};
use serde::de::DeserializeOwned;

use crate::{environment::Environment, refusal::Refusal};

/// Largest request body, in bytes.
const BODY_MAX: usize = 16 * 1024;

pub(crate) type Env = axum::extract::State<Arc<Environment>>;

/// What is known about the request.
pub(crate) struct Context(pub(crate) RequestContext);

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get().cloned().map(Self).ok_or_else(missing)
    }
}

/// The service on whose host the reserved path was asked for.
pub(crate) struct AtService(pub(crate) Arc<Service>);

impl<S: Sync> FromRequestParts<S> for AtService {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.extensions.get().cloned().map(Self).ok_or_else(missing)
    }
}

/// A part of the request that we put there ourselves is gone: a mistake of ours, and nothing may come of it.
fn missing() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "Something is wrong on our side.")
        .because("a request arrived without its context")
}

/// The parameters of the query.
pub(crate) struct Query(pub(crate) Parameters);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parameters(parts.uri.query().unwrap_or_default().as_bytes()).map(Self)
    }
}

/// The fields of a form.
pub(crate) struct Form(pub(crate) Parameters);

impl<S: Sync> FromRequest<S> for Form {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        demand_type(request.headers(), "application/x-www-form-urlencoded")?;
        parameters(&read(request.into_body()).await?).map(Self)
    }
}

/// A JSON body.
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        demand_type(request.headers(), "application/json")?;
        let body = read(request.into_body()).await?;
        let malformed = |error: serde_json::Error| {
            Refusal::bad_request("The request is not the JSON that is expected here.").because(error)
        };
        serde_json::from_slice(&body).map(Self).map_err(malformed)
    }
}

fn parameters(text: &[u8]) -> Result<Parameters, Refusal> {
    let malformed = |error| {
        Refusal::bad_request("The parameters can't be read, or one of them came twice.").because(error)
    };
    Parameters::parse(text).map_err(malformed)
}

/// `Content-Type` decides what a browser may send across origins without asking first, so it must be the one.
fn demand_type(headers: &HeaderMap, wanted: &str) -> Result<(), Refusal> {
    let found = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = found.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let message = format!("The Content-Type must be {wanted}.");
    Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message))
}

async fn read(body: Body) -> Result<bytes::Bytes, Refusal> {
    let too_large =
        |_| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "At most 16 KiB are read here.");
    Ok(Limited::new(body, BODY_MAX).collect().await.map_err(too_large)?.to_bytes())
}

/// What the browser calls itself, for the list of sessions.
pub(crate) fn user_agent(headers: &HeaderMap) -> String {
    headers
        .get(header::USER_AGENT)
        .map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned())
        .unwrap_or_default()
}
