//! Which account it is to be (`prompt=select_account`).

use askama::Template;
use axum::{extract::State, response::Response};
use doorward_core::oidc::{authorization::AuthorizationRequest, interaction::Step, progress::Progress};

use super::{authorize::Ask, consent};
use crate::{
    extract::{Context, Env, Form},
    login,
    page::{self, Frame},
    refusal::Refusal,
    reply,
    session::SignedIn,
};

#[derive(Template)]
#[template(path = "account.html")]
struct Page {
    frame: Frame,
    client: String,
    user: String,
    display_name: String,
    request: String,
    other: String,
}

/// The page that asks.
pub(super) fn page(ask: &Ask, request: &AuthorizationRequest) -> Response {
    let profile = ask.visitor.as_ref().map(|identity| &identity.profile);
    let mut response = page::show(&Page {
        frame: Frame::portal(&ask.environment, None),
        client: request.client.title.clone(),
        user: profile.map(|profile| profile.username.to_string()).unwrap_or_default(),
        display_name: profile.map(|profile| profile.display_name.clone()).unwrap_or_default(),
        request: ask.parameters.to_query(),
        // Another passkey takes the session's place.
        other: login::path_to_confirm(&ask.again()),
    });
    consent::allow_form_to(&mut response, request);
    response
}

/// `POST /authorize/account`: it is to be the person of the session.
pub(crate) async fn choose(
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
    if ask.next(&request).await? != Step::Choose {
        // Answered meanwhile in another tab: `/authorize` says what is next.
        return Ok(reply::see_other(&format!("/authorize?{}", ask.parameters.to_query())));
    }
    let progress = ask.progress().unwrap_or_else(|| Progress::begin(ask.context.now));
    Ok(reply::see_other(&ask.onward(progress.with_choice(identity.subject)).to_path()))
}
