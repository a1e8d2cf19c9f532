//! Signing out at an application's request (OpenID Connect RP-Initiated Logout section 2).

use std::sync::Arc;

use axum::{extract::State, response::Response};
use doorward_core::{
    http::{
        context::RequestContext,
        fetch::{FetchMetadata, Site},
    },
    identity::Identity,
    oauth::{parameters::Parameters, redirect_uri},
    oidc::{
        discovery,
        end_session::{self, Destination, EndSession, Situation, decide},
    },
    return_to::ReturnTo,
};
use http::{HeaderMap, Method, header};

use crate::{
    environment::Environment,
    extract::{Context, Env, Form, Query},
    login,
    refusal::Refusal,
    reply,
    session::Visitor,
    sign_out,
};

/// `GET /api/oidc/end-session`.
pub(crate) async fn get(
    State(environment): Env,
    Context(context): Context,
    Visitor(visitor): Visitor,
    Query(parameters): Query,
) -> Result<Response, Refusal> {
    respond(&environment, &context, visitor, (&parameters, false)).await
}

/// `POST /api/oidc/end-session`: our own page's answer, or an application's form. That comes without our cookie, so the
/// browser is asked to come again by itself.
pub(crate) async fn post(
    State(environment): Env,
    Context(context): Context,
    Visitor(visitor): Visitor,
    headers: HeaderMap,
    Form(parameters): Form,
) -> Result<Response, Refusal> {
    let fetch = FetchMetadata::read(&Method::POST, &headers, &context.origin, false);
    if fetch.site != Site::Own {
        return Ok(reply::see_other(&format!("{}?{}", discovery::END_SESSION, parameters.to_query())));
    }
    respond(&environment, &context, visitor, (&parameters, true)).await
}

async fn respond(
    environment: &Environment,
    context: &RequestContext,
    visitor: Option<Arc<Identity>>,
    (parameters, confirmed): (&Parameters, bool),
) -> Result<Response, Refusal> {
    let config = environment.config();
    let named = end_session::client_of(parameters, &config.portal.origin, &environment.keys());
    let client = match named {
        Some(client_id) => environment.client(&client_id).await?,
        None => None,
    };
    let situation = Situation {
        issuer: &config.portal.origin,
        keys: &environment.keys(),
        clients: client.as_slice(),
        identity: visitor.as_deref(),
        confirmed,
    };
    let destination = match decide(parameters, &situation) {
        EndSession::Confirm => return Ok(confirm(environment, visitor.as_deref(), parameters)),
        EndSession::End(destination) => destination,
    };
    let location = match destination {
        Destination::SignedOut => login::path(&ReturnTo::Launcher),
        Destination::Client(location) => location,
    };
    sign_out::end(environment, context, visitor.as_deref(), &location).await
}

fn confirm(environment: &Environment, visitor: Option<&Identity>, parameters: &Parameters) -> Response {
    let mut response = sign_out::confirm(environment, visitor, discovery::END_SESSION, parameters);
    // Browsers hold `form-action` against redirects too.
    let source = parameters.value("post_logout_redirect_uri").and_then(redirect_uri::csp_source);
    let policy = source.and_then(|source| reply::policy_with_form_to(&source));
    response.headers_mut().extend(policy.map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
    response
}
