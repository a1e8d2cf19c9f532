//! Signing in with a passkey, and proving it once more.

use askama::Template;
use axum::{extract::State, response::Response};
use doorward_core::{
    login::{self, Refusal as LoginRefusal},
    oauth::parameters::Parameters,
    return_to::ReturnTo,
    webauthn::{
        authentication::{self, AuthenticationResponse},
        ceremony::Purpose,
    },
};
use doorward_store::SignIn;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use crate::{
    ceremony,
    environment::Environment,
    extract::{Context, Env, Json, Query},
    page::{self, Frame},
    refusal::Refusal,
    reply,
    session::{self, Visitor},
};

/// The sign-in page's path, from where a person goes on to `then`.
pub(crate) fn path(then: &ReturnTo) -> String {
    with_fresh(then, false)
}

/// The same for somebody who is signed in and must use a passkey once more.
pub(crate) fn path_to_confirm(then: &ReturnTo) -> String {
    with_fresh(then, true)
}

fn with_fresh(then: &ReturnTo, fresh: bool) -> String {
    let query = Parameters::default().with("return_to", &then.to_path());
    let query = if fresh { query.with("fresh", "1") } else { query };
    format!("/login?{}", query.to_query())
}

#[derive(Template)]
#[template(path = "login.html")]
struct Page {
    frame: Frame,
    return_to: String,
    service: Option<String>,
    hint: String,
    fresh: bool,
}

/// `GET /login`.
pub(crate) async fn show(
    State(environment): Env,
    Query(query): Query,
    Visitor(visitor): Visitor,
) -> Response {
    let then = ReturnTo::parse(query.value("return_to").unwrap_or("/"));
    let fresh = query.value("fresh").is_some();
    if visitor.is_some() && !fresh {
        return reply::see_other(&then.to_path());
    }
    let service = destination(&environment, &then).await;
    page::show(&Page {
        frame: Frame::portal(&environment, visitor.as_deref()),
        return_to: then.to_path(),
        service,
        hint: hint(&then),
        fresh: fresh && visitor.is_some(),
    })
}

/// Longest hint that is shown.
const HINT_MAX: usize = 100;

/// Whom an application expects (OpenID Connect Core section 3.1.2.1). Anybody can write it into a link, so it is shown in
/// the field for the name and decides nothing.
fn hint(then: &ReturnTo) -> String {
    let ReturnTo::Authorize(query) = then else { return String::new() };
    let parameters = Parameters::parse(query.as_bytes()).unwrap_or_default();
    let hint = parameters.value("login_hint").unwrap_or_default();
    let sound = hint.len() <= HINT_MAX && !hint.chars().any(char::is_control);
    if sound { hint.to_owned() } else { String::new() }
}

/// The name of what comes after the sign-in.
async fn destination(environment: &Environment, then: &ReturnTo) -> Option<String> {
    let config = environment.config();
    match then {
        ReturnTo::Handoff(query) => {
            let query = Parameters::parse(query.as_bytes()).ok()?;
            Some(config.service(query.value("service")?)?.title.clone())
        }
        ReturnTo::Authorize(query) => {
            let query = Parameters::parse(query.as_bytes()).ok()?;
            Some(environment.client(query.value("client_id")?).await.ok()??.title.clone())
        }
        ReturnTo::Device(_) => Some("Another device".to_owned()),
        ReturnTo::Launcher | ReturnTo::Page(_) => None,
    }
}

/// What the page's script sends first.
#[derive(Deserialize)]
pub(crate) struct Start {
    #[serde(default)]
    return_to: String,
    #[serde(default)]
    fresh: String,
}

/// `POST /api/login/start`.
pub(crate) async fn start(
    State(environment): Env,
    Context(context): Context,
    Visitor(visitor): Visitor,
    Json(start): Json<Start>,
) -> Response {
    if visitor.is_some() && start.fresh.is_empty() {
        // Another tab signed in meanwhile.
        return ceremony::finished(&ReturnTo::parse(&start.return_to).to_path());
    }
    let rp = environment.relying_party();
    ceremony::begin(&environment, &context, Purpose::SignIn, |challenge| {
        authentication::options(&rp, challenge)
    })
}

/// What the page's script sends when the passkey answered.
#[derive(Deserialize)]
pub(crate) struct Finish {
    credential: AuthenticationResponse,
    #[serde(default)]
    return_to: String,
}

/// `POST /api/login/finish`.
pub(crate) async fn finish(
    State(environment): Env,
    Context(context): Context,
    Visitor(visitor): Visitor,
    headers: HeaderMap,
    Json(finish): Json<Finish>,
) -> Result<Response, Refusal> {
    let ceremony = ceremony::open(&environment, &context, &headers)?;
    if ceremony.purpose != Purpose::SignIn {
        return Err(ceremony::wrong_purpose());
    }
    let stored =
        environment.store.credential(finish.credential.credential_id()?).await?.ok_or_else(unknown)?;
    let rp = environment.relying_party();
    let proof = authentication::verify(&rp, &ceremony.challenge, &stored.credential, &finish.credential)?;
    let login = login::complete(stored.account, &proof, context.now).map_err(refused)?;
    let (token, new) = session::begin(&environment, &context, &headers);
    let sign_in = SignIn {
        login,
        proof,
        challenge: ceremony::challenge_use(&ceremony),
        session: new,
        replaces: visitor.map(|identity| identity.session),
    };
    if !environment.store.complete_login(sign_in, context.now).await? {
        return Err(ceremony::too_late());
    }
    tracing::info!(request = %context.id, client = %context.client, user = %stored.account.user, "signed in");
    Ok(ceremony::signed_in(&environment, &ReturnTo::parse(&finish.return_to).to_path(), &token))
}

fn unknown() -> Refusal {
    let message = "This passkey is not known here. It may have been removed; use another one, or ask an administrator for an enrolment link.";
    Refusal::new(StatusCode::BAD_REQUEST, "unknown_passkey", message)
}

/// Somebody who holds the passkey has proved who they are, so they may know that the account is disabled.
fn refused(refusal: LoginRefusal) -> Refusal {
    match refusal {
        LoginRefusal::Disabled => {
            let message = "This account is disabled. Ask an administrator to enable it.";
            Refusal::new(StatusCode::FORBIDDEN, "disabled", message)
        }
        LoginRefusal::UserMismatch => unknown(),
    }
}
