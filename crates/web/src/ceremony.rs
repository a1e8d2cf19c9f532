//! WebAuthn ceremonies in progress, sealed in the browser's cookie.

use axum::response::Response;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    http::{context::RequestContext, cookie},
    login::{self, Account, Login},
    time::UnixTime,
    token::{Plain, Session},
    webauthn::{
        Refused, aaguid,
        ceremony::{self, Ceremony, Purpose},
        registration::{self, NewCredentialUser, RegistrationResponse, VerifiedRegistration},
    },
};
use doorward_store::{ChallengeUse, NewCredential};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{environment::Environment, refusal::Refusal, reply, session};

/// Begins a ceremony. `options` turns the challenge into what the browser is asked.
pub(crate) fn begin(
    environment: &Environment,
    context: &RequestContext,
    purpose: Purpose,
    options: impl FnOnce(&[u8; 32]) -> Value,
) -> Response {
    let ceremony = Ceremony::begin(environment.draw(), purpose, context.now);
    let sealed = environment.ceremonies.seal(environment.draw(), binding(context), &ceremony.to_bytes());
    let mut response = reply::json(&json!({ "publicKey": options(&ceremony.challenge) }));
    let line = cookie::set(cookie::CEREMONY, &URL_SAFE_NO_PAD.encode(sealed), Some(ceremony::LIFETIME));
    reply::add_cookie(&mut response, line);
    response
}

/// Begins the registration of a passkey for `user`, whose provider must not make a second one.
pub(crate) async fn begin_registration(
    environment: &Environment,
    context: &RequestContext,
    purpose: Purpose,
    user: NewCredentialUser<'_>,
) -> Result<Response, Refusal> {
    let rows = environment.store.credentials_of(user.id).await?;
    let existing: Vec<_> = rows.into_iter().map(|row| row.id).collect();
    let rp = environment.relying_party();
    Ok(begin(environment, context, purpose, |challenge| {
        registration::options(&rp, user, &existing, challenge)
    }))
}

/// What a page's script sends when the passkey was made.
#[derive(Deserialize)]
pub(crate) struct Made {
    pub(crate) credential: RegistrationResponse,
}

/// The login of somebody who has just registered a passkey by a link. The store refuses those who are disabled.
pub(crate) fn login_of(made: &VerifiedRegistration, now: UnixTime) -> Result<Login, Refusal> {
    let account = Account { user: made.user(), disabled_at: None };
    login::complete(account, &made.as_assertion(), now).map_err(|_| wrong_purpose())
}

/// The ceremony that this browser began.
pub(crate) fn open(
    environment: &Environment,
    context: &RequestContext,
    headers: &HeaderMap,
) -> Result<Ceremony, Refusal> {
    let sealed = cookie::find(headers, cookie::CEREMONY).ok().flatten();
    let sealed = sealed.and_then(|value| URL_SAFE_NO_PAD.decode(value).ok());
    let opened = sealed.and_then(|sealed| environment.ceremonies.open(binding(context), &sealed));
    let Some(opened) = opened else {
        let message = "This page does not know what to finish: it was open for too long, or cookies are off. Load it again.";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "no_ceremony", message));
    };
    Ok(Ceremony::from_bytes(&opened, context.now)?)
}

fn binding(context: &RequestContext) -> &[u8] {
    context.host.as_str().as_bytes()
}

/// A finished ceremony was begun for something else.
pub(crate) fn wrong_purpose() -> Refusal {
    Refused::Challenge.into()
}

/// Somebody was quicker with the same challenge, or the account changed meanwhile.
pub(crate) fn too_late() -> Refusal {
    Refusal::new(
        StatusCode::CONFLICT,
        "already_used",
        "This was finished already, or the account changed meanwhile. Load the page and try again.",
    )
}

/// The one use of its challenge.
pub(crate) fn challenge_use(ceremony: &Ceremony) -> ChallengeUse {
    ChallengeUse { hash: ceremony.challenge_hash(), expires_at: UnixTime(ceremony.expires_at) }
}

/// Verifies a registration for the person that the ceremony names.
pub(crate) fn verify_registration(
    environment: &Environment,
    ceremony: &Ceremony,
    user: &str,
    response: &RegistrationResponse,
) -> Result<VerifiedRegistration, Refusal> {
    let user = Ceremony::user(user)?;
    Ok(registration::verify(&environment.relying_party(), user, &ceremony.challenge, response)?)
}

/// A passkey to store, named after its provider.
pub(crate) fn new_credential(registration: VerifiedRegistration) -> NewCredential {
    let label = aaguid::provider_name(registration.aaguid()).unwrap_or("Passkey").to_owned();
    NewCredential { registration, label }
}

/// On to `next`, in words that the page's script understands; the ceremony is over.
pub(crate) fn finished(next: &str) -> Response {
    let mut response = reply::json(&json!({ "next": next }));
    reply::add_cookie(&mut response, cookie::expire(cookie::CEREMONY));
    response
}

/// The same for somebody who has a session now.
pub(crate) fn signed_in(environment: &Environment, next: &str, token: &Plain<Session>) -> Response {
    let mut response = finished(next);
    reply::add_cookie(&mut response, session::cookie_line(environment, token));
    response
}
