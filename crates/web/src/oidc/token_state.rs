//! Introspection (RFC 7662) and revocation (RFC 7009).

use axum::{body::Body, extract::State, response::Response};
use doorward_core::{
    http::context::RequestContext,
    oauth::parameters::Parameters,
    oidc::{
        grant::client_credentials,
        token_state::{self, Live, Subject},
    },
};
use doorward_store::LiveToken;
use http::HeaderMap;
use serde_json::Value;

use super::{
    Grant,
    token::{Failed, authenticate, settle},
};
use crate::{
    environment::Environment,
    extract::{Context, Env, Form},
    reply,
};

/// `POST /api/oidc/introspect`.
pub(crate) async fn introspect(
    State(environment): Env,
    Context(context): Context,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Response {
    let answer = look_up(&environment, &context, &headers, &parameters);
    settle(&environment, &context, answer, |answer| reply::json(&answer)).await
}

async fn look_up(
    environment: &Environment,
    context: &RequestContext,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<Value, Failed> {
    let client = authenticate(environment, context, headers, parameters).await?;
    token_state::may_introspect(&client)?;
    let subject = Subject::read(parameters)?;
    let (store, now) = (&environment.store, context.now);
    let live = match &subject {
        Subject::Access(token) => store.live_access_token(token.hash(), now).await?,
        Subject::Refresh(token) => store.live_refresh_token(token.hash(), now).await?,
        Subject::Machine(token) => {
            let found = store.client_token(token.hash(), now).await?;
            let issuer = environment.config().portal.origin.clone();
            let about = found.and_then(|found| {
                client_credentials::introspect(&client, issuer.as_str(), &found.client_id, found.expires_at)
            });
            return Ok(about.unwrap_or_else(token_state::inactive));
        }
        Subject::Neither => None,
    };
    let Some(LiveToken { grant, expires_at }) = live else {
        return Ok(token_state::inactive());
    };
    let grant = Grant::new(grant);
    let live = Live {
        issuer: &environment.config().portal.origin,
        granted: grant.granted(),
        expires_at,
        is_access: matches!(subject, Subject::Access(_)),
    };
    Ok(token_state::introspect(&live, &client, now))
}

/// `POST /api/oidc/revoke`. A token of another client is answered like one that never was: nothing is revoked, and
/// nobody learns that it exists.
pub(crate) async fn revoke(
    State(environment): Env,
    Context(context): Context,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Response {
    let answer = take_back(&environment, &context, &headers, &parameters);
    settle(&environment, &context, answer, |()| Response::new(Body::empty())).await
}

async fn take_back(
    environment: &Environment,
    context: &RequestContext,
    headers: &HeaderMap,
    parameters: &Parameters,
) -> Result<(), Failed> {
    let client = authenticate(environment, context, headers, parameters).await?;
    let store = &environment.store;
    // An error of the store is the answer (O-8): a client that is told 200 forgets the token.
    let revoked = match Subject::read(parameters)? {
        Subject::Access(token) => store.revoke_access_token(token.hash(), &client.client_id).await?,
        Subject::Refresh(token) => {
            store.revoke_refresh_token(token.hash(), &client.client_id, context.now).await?
        }
        Subject::Machine(token) => store.revoke_client_token(token.hash(), &client.client_id).await?,
        Subject::Neither => false,
    };
    if revoked {
        tracing::info!(request = %context.id, client = %context.client, application = %client.name, "token revoked");
    }
    Ok(())
}
