//! One-time links by which a person adds a passkey to their account.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use doorward_core::{
    login::{self, Account},
    token::{Enrolment, Plain},
    webauthn::{
        ceremony::Purpose,
        registration::{self, NewCredentialUser, RegistrationResponse},
    },
};
use doorward_store::CompleteEnrolment;
use http::HeaderMap;
use serde::Deserialize;

use crate::{
    ceremony,
    extract::{Context, Env, Json},
    page::{self, Frame},
    refusal::Refusal,
    reply,
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
    let existing: Vec<_> =
        environment.store.credentials_of(person.id).await?.into_iter().map(|row| row.id).collect();
    let purpose = Purpose::Enrol { user: person.id.to_string(), token: start.token };
    let user = NewCredentialUser {
        id: person.id,
        name: person.profile.username.as_str(),
        display_name: &person.profile.display_name,
    };
    let rp = environment.relying_party();
    Ok(ceremony::begin(&environment, &context, purpose, |challenge| {
        registration::options(&rp, user, &existing, challenge)
    }))
}

/// What the page's script sends when the passkey was made.
#[derive(Deserialize)]
pub(crate) struct Finish {
    credential: RegistrationResponse,
}

/// `POST /api/enrol/finish`.
pub(crate) async fn finish(
    State(environment): Env,
    Context(context): Context,
    Visitor(visitor): Visitor,
    headers: HeaderMap,
    Json(finish): Json<Finish>,
) -> Result<Response, Refusal> {
    let ceremony = ceremony::open(&environment, &context, &headers)?;
    let Purpose::Enrol { user, token } = &ceremony.purpose else {
        return Err(ceremony::wrong_purpose());
    };
    let token = Plain::<Enrolment>::parse(token).ok_or_else(Refusal::link_spent)?;
    let made = ceremony::verify_registration(&environment, &ceremony, user, &finish.credential)?;
    let account = Account { user: made.user(), disabled_at: None };
    let login =
        login::complete(account, &made.as_assertion(), context.now).map_err(|_| ceremony::wrong_purpose())?;
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
    let mut response = ceremony::finished("/");
    reply::add_cookie(&mut response, session::cookie_line(&environment, &session_token));
    Ok(response)
}
