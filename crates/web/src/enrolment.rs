//! One-time links by which a person adds a passkey to their account.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use doorward_core::{
    token::{Enrolment, Plain},
    webauthn::{ceremony::Purpose, registration::NewCredentialUser},
};
use doorward_store::CompleteEnrolment;
use http::HeaderMap;
use serde::Deserialize;

use crate::{
    ceremony::{self, Made},
    extract::{Context, Env, Json},
    page::{self, Frame},
    refusal::Refusal,
    session::{self, Visitor},
};

#[derive(Template)]
#[template(path = "enrol.html")]
struct Page {
    frame: Frame,
    token: String,
    username: String,
    display_name: String,
}

/// `GET /enrol/{token}`.
pub(crate) async fn show(
    State(environment): Env,
    Context(context): Context,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let token = Plain::<Enrolment>::parse(&token).ok_or_else(Refusal::link_spent)?;
    let person =
        environment.store.enrolment(token.hash(), context.now).await?.ok_or_else(Refusal::link_spent)?;
    Ok(page::show(&Page {
        frame: Frame::portal(&environment, None),
        token: token.expose().to_owned(),
        username: person.profile.username.to_string(),
        display_name: person.profile.display_name,
    }))
}

/// What the page's script sends first.
#[derive(Deserialize)]
pub(crate) struct Start {
    token: String,
}

/// `POST /api/enrol/start`.
pub(crate) async fn start(
    State(environment): Env,
    Context(context): Context,
    Json(start): Json<Start>,
) -> Result<Response, Refusal> {
    let token = Plain::<Enrolment>::parse(&start.token).ok_or_else(Refusal::link_spent)?;
    let person =
        environment.store.enrolment(token.hash(), context.now).await?.ok_or_else(Refusal::link_spent)?;
    let purpose = Purpose::Enrol { user: person.id.to_string(), token: start.token };
    let user = NewCredentialUser {
        id: person.id,
        name: person.profile.username.as_str(),
        display_name: &person.profile.display_name,
    };
    ceremony::begin_registration(&environment, &context, purpose, user).await
}

/// `POST /api/enrol/finish`.
pub(crate) async fn finish(
    State(environment): Env,
    Context(context): Context,
    Visitor(visitor): Visitor,
    headers: HeaderMap,
    Json(made): Json<Made>,
) -> Result<Response, Refusal> {
    let ceremony = ceremony::open(&environment, &context, &headers)?;
    let Purpose::Enrol { user, token } = &ceremony.purpose else {
        return Err(ceremony::wrong_purpose());
    };
    let token = Plain::<Enrolment>::parse(token).ok_or_else(Refusal::link_spent)?;
    let made = ceremony::verify_registration(&environment, &ceremony, user, &made.credential)?;
    let login = ceremony::login_of(&made, context.now)?;
    let (session_token, new_session) = session::begin(&environment, &context, &headers);
    let complete = CompleteEnrolment {
        token: token.hash(),
        credential: ceremony::new_credential(made),
        login,
        challenge: ceremony::challenge_use(&ceremony),
        session: new_session,
    };
    if !environment.store.complete_enrolment(complete, context.now).await? {
        return Err(Refusal::link_spent());
    }
    session::end_former(&environment, visitor.as_deref(), context.now).await?;
    tracing::info!(request = %context.id, client = %context.client, user, "enrolled by link");
    Ok(ceremony::signed_in(&environment, "/", &session_token))
}
