//! Asking a person before an application learns who they are.

use askama::Template;
use axum::{extract::State, response::Response};
use doorward_core::{
    oauth::{
        error::ErrorCode,
        redirect_uri,
        scope::{Scope, ScopeSet},
    },
    oidc::{
        authorization::AuthorizationRequest,
        interaction::{Question, Step},
        progress::Progress,
    },
};
use http::header;

use super::authorize::Ask;
use crate::{
    extract::{Context, Env, Form},
    page::{self, Frame},
    refusal::Refusal,
    reply,
    session::SignedIn,
    sign_out,
};

#[derive(Template)]
#[template(path = "consent.html")]
struct Page {
    frame: Frame,
    client: String,
    user: String,
    learns: Vec<&'static str>,
    request: String,
    destination: String,
    switch: String,
}

const fn line(scope: Scope) -> &'static str {
    match scope {
        Scope::OpenId => "an identifier by which it recognises you",
        Scope::Profile => "your user name and the name to show",
        Scope::Email => "your mail address",
        Scope::Groups => "the groups that you are in",
        Scope::OfflineAccess => "the same again later, without asking you, also after you sign out",
    }
}

/// What an application learns by these scopes, in words.
pub(super) fn lines(scope: ScopeSet) -> Vec<&'static str> {
    scope.iter().map(line).collect()
}

/// The page that asks.
pub(super) fn page(ask: &Ask, request: &AuthorizationRequest, question: Question) -> Response {
    let uri = request.target.redirect_uri();
    let user = ask.visitor.as_ref().map(|identity| identity.profile.username.to_string());
    let again = ask.again().to_path();
    let mut response = page::show(&Page {
        frame: Frame::portal(&ask.environment, None),
        client: request.client.title.clone(),
        user: user.unwrap_or_default(),
        learns: lines(question.requested),
        request: ask.parameters.to_query(),
        destination: redirect_uri::csp_source(uri).unwrap_or_default(),
        switch: sign_out::to_switch("", &again),
    });
    allow_form_to(&mut response, request);
    response
}

/// Browsers hold `form-action` against redirects too, and the answer to a form here leads to the application.
pub(super) fn allow_form_to(response: &mut Response, request: &AuthorizationRequest) {
    let source = redirect_uri::csp_source(request.target.redirect_uri());
    let policy = source.and_then(|source| reply::policy_with_form_to(&source));
    response.headers_mut().extend(policy.map(|policy| (header::CONTENT_SECURITY_POLICY, policy)));
}

/// `POST /authorize/consent`.
pub(crate) async fn decide(
    State(environment): Env,
    Context(context): Context,
    SignedIn(identity): SignedIn,
    Form(form): Form,
) -> Result<Response, Refusal> {
    let ask = Ask::of_form(environment, context, identity.clone(), &form)?;
    let request = match ask.read().await? {
        Ok(request) => request,
        Err(answer) => return Ok(*answer),
    };
    let Step::Consent(question) = ask.next(&request).await? else {
        // Answered meanwhile in another tab, or no longer allowed: `/authorize` says what is next.
        return Ok(reply::see_other(&format!("/authorize?{}", ask.parameters.to_query())));
    };
    if form.value("decision") != Some("allow") {
        let refusal = request.target.refuse(ErrorCode::AccessDenied, "the person refused");
        return Ok(ask.refuse(&refusal));
    }
    let granted = question.if_granted.names();
    let client_id = &request.client.client_id;
    ask.environment.store.grant_consent(identity.subject, client_id, &granted, ask.context.now).await?;
    let progress = ask.progress().unwrap_or_else(|| Progress::begin(ask.context.now));
    Ok(reply::see_other(&ask.onward(progress.with_consent(identity.subject)).to_path()))
}
