//! A person's own passkeys: see, add, rename, remove.

use askama::Template;
use axum::{extract::State, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    oauth::parameters::Parameters,
    return_to::{Page as PortalPage, ReturnTo},
    user,
    webauthn::{aaguid, ceremony::Purpose, registration::NewCredentialUser},
};
use doorward_store::CredentialRow;
use http::HeaderMap;
use serde::de::IgnoredAny;

use crate::{
    ceremony::{self, Made},
    extract::{Context, Env, Form, Json, Query},
    login,
    page::{self, Frame},
    people,
    refusal::Refusal,
    reply,
    session::{self, SignedIn, Visitor},
};

const HERE: ReturnTo = ReturnTo::Page(PortalPage::Passkeys);

struct Row {
    id: String,
    label: String,
    provider: Option<&'static str>,
    backed_up: bool,
    created: String,
    last_used: Option<String>,
}

impl Row {
    fn new(stored: CredentialRow) -> Self {
        let provider = aaguid::provider_name(stored.aaguid).filter(|name| *name != stored.label);
        Self {
            id: URL_SAFE_NO_PAD.encode(&stored.id),
            provider,
            label: stored.label,
            backed_up: stored.backed_up,
            created: people::date(stored.created_at),
            last_used: stored.last_used_at.map(people::date),
        }
    }
}

#[derive(Template)]
#[template(path = "passkeys.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    done: Option<&'static str>,
}

/// `GET /account/passkeys`.
pub(crate) async fn show(
    State(environment): Env,
    Query(query): Query,
    Visitor(visitor): Visitor,
) -> Result<Response, Refusal> {
    let Some(identity) = visitor else {
        return Ok(reply::see_other(&login::path(&HERE)));
    };
    let rows = environment.store.credentials_of(identity.subject).await?.into_iter().map(Row::new).collect();
    let done = match query.value("done") {
        Some("added") => Some("The passkey was added. You can sign in with it from now on."),
        Some("renamed") => Some("The passkey was renamed."),
        Some("removed") => {
            Some("The passkey was removed. Delete it from your device or password manager too.")
        }
        _ => None,
    };
    Ok(page::show(&Page { frame: Frame::wide(&environment, &identity), rows, done }))
}

/// `POST /api/passkeys/start`.
pub(crate) async fn start(
    State(environment): Env,
    Context(context): Context,
    SignedIn(identity): SignedIn,
    Json(_): Json<IgnoredAny>,
) -> Result<Response, Refusal> {
    if !session::is_fresh(&identity, context.now) {
        return Err(Refusal::step_up_required());
    }
    let user = NewCredentialUser {
        id: identity.subject,
        name: identity.profile.username.as_str(),
        display_name: &identity.profile.display_name,
    };
    let purpose = Purpose::AddPasskey { user: identity.subject.to_string() };
    ceremony::begin_registration(&environment, &context, purpose, user).await
}

/// `POST /api/passkeys/finish`.
pub(crate) async fn finish(
    State(environment): Env,
    Context(context): Context,
    SignedIn(identity): SignedIn,
    headers: HeaderMap,
    Json(made): Json<Made>,
) -> Result<Response, Refusal> {
    if !session::is_fresh(&identity, context.now) {
        return Err(Refusal::step_up_required());
    }
    let ceremony = ceremony::open(&environment, &context, &headers)?;
    let Purpose::AddPasskey { user } = &ceremony.purpose else {
        return Err(ceremony::wrong_purpose());
    };
    if user != identity.subject.as_str() {
        return Err(ceremony::wrong_purpose());
    }
    let made = ceremony::verify_registration(&environment, &ceremony, user, &made.credential)?;
    let new = ceremony::new_credential(made);
    if !environment.store.add_credential(new, ceremony::challenge_use(&ceremony), context.now).await? {
        return Err(ceremony::too_late());
    }
    tracing::info!(request = %context.id, client = %context.client, user, "passkey added");
    Ok(ceremony::finished("/account/passkeys?done=added"))
}

/// The passkey that a form names.
fn named(form: &Parameters) -> Result<Vec<u8>, Refusal> {
    let id = form.value("id").and_then(|id| URL_SAFE_NO_PAD.decode(id).ok());
    id.ok_or_else(|| Refusal::bad_request("The form does not say which passkey. Load the page again."))
}

/// `POST /account/passkeys/rename`.
pub(crate) async fn rename(
    State(environment): Env,
    SignedIn(identity): SignedIn,
    Form(form): Form,
) -> Result<Response, Refusal> {
    let label = form.value("label").and_then(user::parse_display_name);
    let label = label.ok_or_else(|| Refusal::bad_request("A name has 1 to 100 characters."))?;
    if environment.store.rename_credential(identity.subject, named(&form)?, label).await? {
        Ok(reply::see_other("/account/passkeys?done=renamed"))
    } else {
        Err(Refusal::not_found())
    }
}

/// `POST /account/passkeys/remove`.
pub(crate) async fn remove(
    State(environment): Env,
    Context(context): Context,
    SignedIn(identity): SignedIn,
    Form(form): Form,
) -> Result<Response, Refusal> {
    if !session::is_fresh(&identity, context.now) {
        return Ok(reply::see_other(&login::path_to_confirm(&HERE)));
    }
    if environment.store.remove_credential(identity.subject, named(&form)?).await? {
        tracing::info!(request = %context.id, client = %context.client, user = %identity.subject, "passkey removed");
        Ok(reply::see_other("/account/passkeys?done=removed"))
    } else {
        Err(Refusal::not_found())
    }
}
