//! First run: whoever holds the printed link makes the first administrator, once.

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use doorward_core::{
    id::UserId,
    identity::ADMINISTRATORS,
    token::{Plain, Setup},
    user::{self, Profile, Username},
    webauthn::{ceremony::Purpose, registration::NewCredentialUser},
};
use doorward_store::{CompleteSetup, NewUser};
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
#[template(path = "setup.html")]
struct Page {
    frame: Frame,
    token: String,
}

/// `GET /setup/{token}`.
pub(crate) async fn show(
    State(environment): Env,
    Context(context): Context,
    Path(token): Path<String>,
) -> Result<Response, Refusal> {
    let token = Plain::<Setup>::parse(&token).ok_or_else(Refusal::link_spent)?;
    if !environment.store.setup_is_open(token.hash(), context.now).await? {
        return Err(Refusal::link_spent());
    }
    let frame = Frame::portal(&environment, None);
    Ok(page::show(&Page { frame, token: token.expose().to_owned() }))
}

/// Who the first administrator is to be.
#[derive(Deserialize)]
pub(crate) struct Start {
    token: String,
    username: String,
    display_name: String,
    #[serde(default)]
    email: String,
}

/// Reads names and address as a person wrote them.
pub(crate) fn profile(username: &str, display_name: &str, email: &str) -> Result<Profile, Refusal> {
    const USERNAME: &str = "A user name has 1 to 50 letters a-z, digits and . _ - @ +, and begins and ends with a letter or digit.";
    let username = Username::parse(username).map_err(|_| Refusal::bad_request(USERNAME))?;
    let display_name = user::parse_display_name(display_name)
        .ok_or_else(|| Refusal::bad_request("A name to show has 1 to 100 characters."))?;
    let email = match email.trim() {
        "" => None,
        written => Some(user::parse_email(written).ok_or_else(|| {
            Refusal::bad_request("This is no mail address. Correct it, or leave it empty.")
        })?),
    };
    Ok(Profile { email, ..Profile::new(username, display_name) })
}

/// `POST /api/setup/start`.
pub(crate) async fn start(
    State(environment): Env,
    Context(context): Context,
    Json(start): Json<Start>,
) -> Result<Response, Refusal> {
    let token = Plain::<Setup>::parse(&start.token).ok_or_else(Refusal::link_spent)?;
    if !environment.store.setup_is_open(token.hash(), context.now).await? {
        return Err(Refusal::link_spent());
    }
    let profile = profile(&start.username, &start.display_name, &start.email)?;
    let id = UserId::from_random(environment.draw());
    let purpose = Purpose::SetUp {
        user: id.to_string(),
        token: start.token,
        username: profile.username.to_string(),
        display_name: profile.display_name.clone(),
        email: profile.email.clone(),
    };
    let user = NewCredentialUser { id, name: profile.username.as_str(), display_name: &profile.display_name };
    ceremony::begin_registration(&environment, &context, purpose, user).await
}

/// `POST /api/setup/finish`.
pub(crate) async fn finish(
    State(environment): Env,
    Context(context): Context,
    Visitor(visitor): Visitor,
    headers: HeaderMap,
    Json(made): Json<Made>,
) -> Result<Response, Refusal> {
    let ceremony = ceremony::open(&environment, &context, &headers)?;
    let Purpose::SetUp { user, token, username, display_name, email } = &ceremony.purpose else {
        return Err(ceremony::wrong_purpose());
    };
    let token = Plain::<Setup>::parse(token).ok_or_else(Refusal::link_spent)?;
    let profile = profile(username, display_name, email.as_deref().unwrap_or_default())?;
    let made = ceremony::verify_registration(&environment, &ceremony, user, &made.credential)?;
    let login = ceremony::login_of(&made, context.now)?;
    let (session_token, new_session) = session::begin(&environment, &context, &headers);
    let groups = [ADMINISTRATORS, "users"].into_iter().map(str::to_owned).collect();
    let complete = CompleteSetup {
        token: token.hash(),
        user: NewUser { id: made.user(), profile, groups },
        credential: ceremony::new_credential(made),
        login,
        challenge: ceremony::challenge_use(&ceremony),
        session: new_session,
    };
    if !environment.store.complete_setup(complete, context.now).await? {
        return Err(Refusal::link_spent());
    }
    session::end_former(&environment, visitor.as_deref(), context.now).await?;
    tracing::info!(request = %context.id, client = %context.client, user = %username, "set-up completed; it is closed for good");
    Ok(ceremony::signed_in(&environment, "/", &session_token))
}
