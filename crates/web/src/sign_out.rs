//! Signing out: the portal session and all that descends from it end at once.

use askama::Template;
use axum::{extract::State, response::Response};
use doorward_core::{
    http::{context::RequestContext, cookie},
    identity::Identity,
    oauth::parameters::Parameters,
    return_to::ReturnTo,
};

use crate::{
    environment::Environment,
    extract::{AtService, Context, Env, Form, Query},
    login,
    page::{self, Frame},
    refusal::Refusal,
    reply,
    session::Visitor,
};

/// Where a person signs out to come back as somebody else, and then goes on to `then`.
pub(crate) fn to_switch(portal: &str, then: &str) -> String {
    let query = Parameters::default().with("return_to", then).with("switch", "1");
    format!("{portal}/sign-out?{}", query.to_query())
}

#[derive(Template)]
#[template(path = "sign_out.html")]
struct Page {
    frame: Frame,
    action: &'static str,
    fields: Vec<(String, String)>,
    switch: bool,
}

/// `GET /sign-out`: asks, because a link on another site must not sign anybody out.
pub(crate) async fn show(
    State(environment): Env,
    Query(query): Query,
    Visitor(visitor): Visitor,
) -> Response {
    let then = ReturnTo::parse(query.value("return_to").unwrap_or("/"));
    if visitor.is_none() {
        return reply::see_other(&login::path(&then));
    }
    page::show(&Page {
        frame: Frame::portal(&environment, visitor.as_deref()),
        action: "/sign-out",
        fields: vec![("return_to".to_owned(), then.to_path())],
        switch: query.value("switch").is_some(),
    })
}

/// The same page for another endpoint that needs the person's word.
pub(crate) fn confirm(
    environment: &Environment,
    identity: Option<&Identity>,
    action: &'static str,
    parameters: &Parameters,
) -> Response {
    let fields = parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let frame = Frame::portal(environment, identity);
    page::show(&Page { frame, action, fields, switch: false })
}

/// `POST /sign-out`.
pub(crate) async fn finish(
    State(environment): Env,
    Context(context): Context,
    Visitor(visitor): Visitor,
    Form(form): Form,
) -> Result<Response, Refusal> {
    let then = ReturnTo::parse(form.value("return_to").unwrap_or("/"));
    end(&environment, &context, visitor.as_deref(), &login::path(&then)).await
}

/// Ends the session with all that descends from it, and sends the browser on without a cookie of ours. Not by
/// `Clear-Site-Data`: that empties every site below the registrable domain, also those that are not ours (R41).
pub(crate) async fn end(
    environment: &Environment,
    context: &RequestContext,
    visitor: Option<&Identity>,
    then: &str,
) -> Result<Response, Refusal> {
    if let Some(identity) = visitor {
        environment.store.end_portal_session(identity.portal_session, context.now).await?;
        tracing::info!(request = %context.id, client = %context.client, user = %identity.subject, "signed out");
    }
    let mut response = reply::see_other(then);
    reply::add_cookie(&mut response, cookie::expire(cookie::SESSION));
    reply::add_cookie(&mut response, cookie::expire(cookie::CEREMONY));
    Ok(response)
}

/// `GET /.doorward/sign-out`, on any service's host.
pub(crate) async fn from_service(State(environment): Env, AtService(_): AtService) -> Response {
    reply::see_other(&format!("{}/sign-out", environment.config().portal.origin))
}
