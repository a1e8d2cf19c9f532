//! Pushed authorization requests (RFC 9126).

use axum::{extract::State, response::Response};
use doorward_core::{
    http::context::RequestContext,
    oauth::parameters::Parameters,
    oidc::pushed,
    token::{Plain, Pushed},
};
use doorward_store::NewPushedRequest;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use super::token::{Failed, authenticate, settle};
use crate::{
    app,
    environment::Environment,
    extract::{Context, Env, Form},
    refusal, reply,
};

/// `POST /api/oidc/par`.
pub(crate) async fn push(
    State(environment): Env,
    Context(context): Context,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Response {
    let answer = keep(&environment, &context, &headers, &parameters);
    let created = |answer: Option<Value>| match answer {
        Some(answer) => app::with_status(reply::json(&answer), StatusCode::CREATED),
        None => refusal::too_many_attempts(),
    };
    settle(&environment, &context, answer, created).await
}

async fn keep(
    environment: &Environment,
    context: &RequestContext,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Option<Value>, Failed> {
    let client = authenticate(environment, context, headers, parameters).await?;
    // Anybody can say that they are a public client, so what they may have us keep is bounded.
    if client.is_public() && !environment.limits.take(context.client, context.now) {
        return Ok(None);
    }
    let request = pushed::accept(parameters, &client)?;
    let token: Plain<Pushed> = environment.token();
    let new = NewPushedRequest {
        token: token.hash(),
        client_id: client.client_id.clone(),
        request: request.to_query(),
        expires_at: context.now.after(pushed::LIFETIME),
    };
    environment.store.push_request(new).await?;
    Ok(Some(json!({ "request_uri": pushed::request_uri(&token), "expires_in": pushed::LIFETIME.0 })))
}
